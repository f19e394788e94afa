/**
 * npm medici beside `bench/dist/ledger.js`: the same reserve+settle pairs with the same durability (majority, journaled), and medici's balances of one of our exports.
 *
 *   MONGODB_URL=mongodb://127.0.0.1:27017/?replicaSet=rs0 node medici.mjs pairs <accounts> <pairs> [clients]
 *   MONGODB_URL=… node medici.mjs balances <entries.csv>
 *
 * medici has no lots, no burn order and no holds, so a hold is a journal from the account's balance to its held tokens, and a settlement one from there to what was spent.
 */
import { readFile } from 'node:fs/promises';
import { Book, initModels, mongoTransaction } from 'medici';
import mongoose from 'mongoose';

const [mode, ...rest] = process.argv.slice(2);
const print = (line) => process.stdout.write(`${line}\n`);
const durable = { writeConcern: { w: 'majority', j: true } };
const heldTokens = 8;

async function pairs(accountCount, pairCount, clientCount) {
  const book = new Book('tokens');
  const names = Array.from({ length: accountCount }, (_, n) => `account-${n}`);
  for (let at = 0; at < names.length; at += 50) await Promise.all(names.slice(at, at + 50).map((name) => book.entry('grant').debit('Issued', 1_000_000).credit(`Balance:${name}`, 1_000_000).commit(durable)));
  const latenciesMs = [];
  let next = 0;
  const reserve = (name, jobId) =>
    mongoTransaction(async (session) => {
      // As medici's README has it: the lock keeps two checks of one balance apart.
      await book.writelockAccounts([`Balance:${name}`], { session });
      const { balance } = await book.balance({ account: `Balance:${name}` }, { session });
      if (balance < heldTokens) throw new Error('insufficient tokens');
      await book.entry('hold').debit(`Balance:${name}`, heldTokens, { jobId }).credit(`Held:${name}`, heldTokens, { jobId }).commit({ session });
    });
  const settle = (name, jobId) => mongoTransaction(async (session) => void (await book.entry('settle').debit(`Held:${name}`, heldTokens, { jobId }).credit(`Spent:${name}`, heldTokens, { jobId }).commit({ session })));
  const client = async () => {
    while (next < pairCount) {
      const n = next++;
      const startedMs = performance.now();
      await reserve(names[n % accountCount], `job-${n}`);
      await settle(names[n % accountCount], `job-${n}`);
      latenciesMs.push(performance.now() - startedMs);
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: clientCount }, client));
  const elapsedMs = performance.now() - startedMs;
  latenciesMs.sort((a, b) => a - b);
  const at = (share) => latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))].toFixed(1);
  print(`medici, ${accountCount} accounts, ${clientCount} clients: ${Math.round((pairCount / elapsedMs) * 1000)} pairs/s   p50 ${at(0.5)} ms   p99 ${at(0.99)} ms`);
  const spent = await Promise.all(names.map((name) => book.balance({ account: `Spent:${name}` })));
  const total = spent.reduce((sum, { balance }) => sum + balance, 0);
  if (total !== pairCount * heldTokens) throw new Error(`medici lost tokens: ${total} were spent, not ${pairCount * heldTokens}.`);
}

/** Books every entry of a CSV export into medici and compares its balance of each ledger account and lot with the sum that our ledger has. */
async function balances(file) {
  const book = new Book('export');
  const [header, ...rows] = (await readFile(file, 'utf8')).trimEnd().split('\r\n').map((row) => row.split(','));
  const records = rows.map((row) => Object.fromEntries(header.map((name, at) => [name, row[at]])));
  const entries = Map.groupBy(records.filter(({ tokens }) => tokens !== ''), ({ sequence }) => sequence);
  const ours = new Map();
  for (const postings of entries.values()) {
    const journal = book.entry(postings[0].kind);
    for (const { ledger_account: account, lot_id: lot, tokens } of postings) {
      // medici splits account names at colons.
      const name = `${account.replaceAll(':', '-')}:${lot.replaceAll(':', '-')}`;
      ours.set(name, (ours.get(name) ?? 0) + Number(tokens));
      if (Number(tokens) > 0) journal.credit(name, Number(tokens));
      else if (Number(tokens) < 0) journal.debit(name, -Number(tokens));
    }
    await journal.commit();
  }
  const differing = [];
  for (const [name, tokens] of ours) {
    const { balance } = await book.balance({ account: name });
    if (balance !== tokens) differing.push(`${name}: ours ${tokens}, medici ${balance}`);
  }
  print(`${entries.size} entries, ${ours.size} ledger accounts by lot: ${differing.length === 0 ? 'medici agrees on every balance' : differing.join('\n')}`);
  if (differing.length > 0) process.exitCode = 1;
}

await mongoose.connect(process.env.MONGODB_URL ?? 'mongodb://127.0.0.1:27017/?replicaSet=rs0', { dbName: `medici_${process.pid}`, maxPoolSize: 100, w: 'majority', journal: true });
try {
  await initModels();
  if (mode === 'pairs') await pairs(Number(rest[0] ?? 1), Number(rest[1] ?? 500), Number(rest[2] ?? 64));
  else if (mode === 'balances') await balances(rest[0]);
  else throw new Error('Say `pairs` or `balances`.');
} finally {
  await mongoose.connection.dropDatabase();
  await mongoose.disconnect();
}
