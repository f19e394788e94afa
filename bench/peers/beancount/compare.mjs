/**
 * Our ledger beside beancount's lot booking on the same lives: which lots pay, what comes back to them, what expires and what rolls over.
 *
 *   node compare.mjs [lives] [seed]
 *
 * PYTHON names the interpreter that has `requirements.txt` installed. Ends with 1 when any lot differs after any step.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { emptyAccount } from '../../../services/billing/dist/ledger/account.js';
import { earlierEffect, pastOperations } from '../../../services/billing/dist/ledger/commands.js';
import { append } from '../../../services/billing/dist/ledger/evolve.js';
import { decide, nextDue } from '../../../services/billing/dist/ledger/ledger.js';

const [livesAsked = '300', seedAsked = '1'] = process.argv.slice(2);
const dayMs = 86_400_000;
const startMs = Date.UTC(2026, 0, 1);
const stepsMax = 120;

/** Mulberry32: small, and the same everywhere. */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const plan = (name, change) => ({ plan: name, catalogueVersion: 'oracle', cadence: 'monthly', seats: 1, seatsMin: 1, membersMax: 1, seatTokens: 100, seatBankTokens: 300, isPaid: true, hasRelaxedLane: false, ...change });
const free = plan('free', { cadence: 'daily', seatTokens: 15, seatBankTokens: 0, isPaid: false });
const plans = [free, plan('artisan'), plan('maestro', { seatTokens: 240, seatBankTokens: 500, hasRelaxedLane: true }), plan('tight', { seatTokens: 80, seatBankTokens: 90 })];

const compute = { modelId: 'm', widthPx: 512, heightPx: 512, steps: 1, images: 4, superResolution: false, surcharges: [] };
const linesOf = (tokens) => [{ kind: 'compute', description: 'work', tokens }];

function commandFrom(random, n, nowMs) {
  const pick = (from) => from[Math.floor(random() * from.length)];
  const whole = (max) => Math.floor(random() * (max + 1));
  const jobId = `job-${whole(25)}`;
  const tokens = whole(160);
  const kind = random();
  if (kind < 0.4) return { kind: 'reserve', jobId: `job-${n}-${whole(25)}`, compute, quote: { catalogueVersion: 'oracle', lines: linesOf(tokens), totalTokens: tokens }, deadlineMs: nowMs + 400 * dayMs, nowMs };
  if (kind < 0.6) return { kind: 'settle', jobId, unitsDelivered: 1 + whole(3), chargedLines: linesOf(whole(120)), finishedMs: startMs, nowMs };
  if (kind < 0.75) return { kind: 'release', jobId, reason: 'failed', nowMs };
  if (kind < 0.88) return { kind: 'topUp', operationId: `order-${n}`, tokens: 1 + tokens, nowMs };
  if (kind < 0.94) return { kind: 'changePlan', operationId: `plan-${n}`, terms: pick(plans), nowMs };
  if (kind < 0.96) return { kind: 'cancel', operationId: `plan-${n}`, terms: free, nowMs };
  if (kind < 0.98) return { kind: 'pause', operationId: `plan-${n}`, terms: free, pause: random() < 0.5 ? {} : { resumesMs: nowMs + whole(90) * dayMs }, nowMs };
  return { kind: 'resume', operationId: `plan-${n}`, nowMs };
}

/** What an entry tells the oracle: causes, not effects. */
function causesOf(entry, before, account) {
  const bankCap = account.subscription?.bankCapTokens ?? 0;
  const nowMs = entry.createdMs;
  switch (entry.kind) {
    case 'grant':
    case 'topup':
      return [{ kind: 'grant', lots: entry.lots }];
    case 'plan':
      return [...(entry.subscription.terms.isPaid ? [{ kind: 'trim', bankCap }] : []), { kind: 'grant', lots: entry.lots }];
    case 'renewal':
      return [{ kind: 'renew', bank: entry.bank, bankCap, lots: entry.lots, nowMs }];
    case 'expire':
      return [{ kind: 'expire', nowMs }];
    case 'hold':
      return [holdOf(entry.jobId, entry.quote.totalTokens, before, nowMs)];
    case 'settle':
    case 'release':
      return [{ kind: 'close', jobId: entry.jobId, tokens: entry.kind === 'settle' ? entry.chargedLines.reduce((sum, line) => sum + line.tokens, 0) : 0, bankCap: before.bankCap, nowMs }];
    default:
      return [];
  }
}

const holdOf = (jobId, tokens, { isPaid, mayRelax }, nowMs) => ({ kind: 'hold', jobId, tokens, isPaid, mayRelax, nowMs });
const standing = ({ subscription }) => ({ isPaid: subscription?.terms.isPaid ?? true, mayRelax: subscription?.terms.hasRelaxedLane ?? false, bankCap: subscription?.bankCapTokens ?? Infinity });

const amounts = (lots, name) => Object.fromEntries(lots.filter((lot) => lot[name] > 0).map((lot) => [lot.lotId, lot[name]]));
const stateOf = ({ lots }) => ({ free: amounts(lots, 'balance'), held: amounts(lots, 'held') });

/** Lives one life on our ledger; what the oracle is told, and what we say after each step. */
function live(seed) {
  const random = randomFrom(seed);
  const account = emptyAccount('oracle');
  const [causes, ours, entries] = [[], [], []];
  const record = (steps, outcome) => {
    causes.push(...steps);
    steps.forEach((_, at) => ours.push(at === steps.length - 1 ? { outcome, ...stateOf(account) } : undefined));
  };
  const enter = (draft) => {
    const before = standing(account);
    const entry = append(account, draft);
    entries.push(entry);
    record(causesOf(entry, before, account), entry.kind === 'hold' ? (entry.lane === 'relaxed' ? 'relaxed' : 'held') : 'done');
  };
  const terms = plans[Math.floor(random() * plans.length)];
  enter(decide(account, { kind: 'open', plan: terms.plan, grants: [], terms, nowMs: startMs }));
  let nowMs = startMs;
  for (let n = 0; n < stepsMax; n++) {
    nowMs += Math.floor(random() ** 3 * 12 * dayMs);
    for (let due = nextDue(account, nowMs); due; due = nextDue(account, nowMs)) enter(due);
    const command = commandFrom(random, n, nowMs);
    if (command.kind === 'settle' || command.kind === 'release') {
      const open = [...account.holds.keys()];
      if (open.length > 0) command.jobId = open[Math.floor(random() * open.length)];
    }
    const { opening, closing } = pastOperations(command);
    const made = (operationId) => entries.find((entry) => entry.operationId === operationId);
    try {
      if (!earlierEffect(command, { opening: made(opening), closing: made(closing) })) enter(decide(account, command));
    } catch (error) {
      // A refused hold is a claim, too: nobody else may find the tokens for it.
      if (error.reason === 'insufficient_tokens') record([holdOf(command.jobId, command.quote.totalTokens, standing(account), nowMs)], 'refused');
      else if (error.reason === undefined) throw error;
    }
  }
  return { causes, ours };
}

async function oracle(lives) {
  const child = spawn(process.env.PYTHON ?? 'python3', [fileURLToPath(new URL('./oracle.py', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  child.stdin.end(lives.map(({ causes }) => `${JSON.stringify(causes)}\n`).join(''));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`The oracle ended with ${code}.`);
  return text.trimEnd().split('\n').map((line) => JSON.parse(line));
}

const sorted = (state) => JSON.stringify(state, (_, value) => (value && typeof value === 'object' && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value));

const lives = Array.from({ length: Number(livesAsked) }, (_, n) => live(Number(seedAsked) * 1_000_003 + n));
const answers = await oracle(lives);
const counts = {};
let [compared, differing] = [0, 0];
for (const [n, { causes, ours }] of lives.entries()) {
  for (const [at, expected] of ours.entries()) {
    if (!expected) continue;
    compared++;
    const name = causes[at].kind === 'hold' ? `hold ${expected.outcome}` : causes[at].kind === 'renew' ? `renewal, bank ${causes[at].bank}` : causes[at].kind;
    counts[name] = (counts[name] ?? 0) + 1;
    const actual = answers[n][at];
    if (sorted(actual) === sorted(expected)) continue;
    if (differing++ < 3) process.stdout.write(`life ${n}, step ${at}: ${JSON.stringify(causes[at])}\n  ours   ${sorted(expected)}\n  theirs ${sorted(actual)}\n`);
    break;
  }
}
for (const [name, count] of Object.entries(counts).sort()) process.stdout.write(`${name.padEnd(28)}${String(count).padStart(9)}\n`);
process.stdout.write(`${lives.length} lives, ${compared} states of all lots compared, ${differing === 0 ? 'all agree' : `${differing} lives differ`} (seed ${seedAsked})\n`);
process.exitCode = differing === 0 ? 0 : 1;
