import { readFileSync } from 'node:fs';

/** The release that this code belongs to, such as `0.1.0`: what stored data and messages to operators name. */
export const release = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;
