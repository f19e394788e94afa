import { hash } from 'node:crypto';
import type { Entry } from './account.js';

/** JSON with sorted fields: an entry reads alike whatever store it comes from. Loops rather than chains of arrays, since every entry goes through here before its commit. */
export function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value) text += text === '' ? canonical(item) : `,${canonical(item)}`;
    return `[${text}]`;
  }
  const fields = value as Record<string, unknown>;
  for (const name of Object.keys(fields).sort()) {
    if (fields[name] !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${canonical(fields[name])}`;
  }
  return `{${text}}`;
}

/** Chains an entry to the one before it: no entry can be changed, removed or put between without every later hash telling. */
export function entryHash(previousHash: string, entry: Omit<Entry, 'hash'>): string {
  return hash('sha256', `${previousHash}\n${canonical(entry)}`, 'hex');
}
