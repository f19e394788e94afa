import type { Entry } from '../account.js';

/** About eight megabytes. Long enough that a job's bill, and most repeats of a command, are answered without asking the store. */
const entriesMax = 8_192;

/** The newest durable entries of all accounts. Losing one costs a read, never an answer. */
export class RecentEntries {
  private readonly entries = new Map<string, Entry>();

  remember(entry: Entry): void {
    this.entries.set(`${entry.accountId}:${entry.operationId}`, entry);
    if (this.entries.size <= entriesMax) return;
    const [oldest] = this.entries.keys();
    if (oldest !== undefined) this.entries.delete(oldest);
  }

  get(accountId: string, operationId: string): Entry | undefined {
    return this.entries.get(`${accountId}:${operationId}`);
  }
}
