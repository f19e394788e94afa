import { describe, expect, it } from '@jest/globals';
import { InTurn } from './in-turn.js';

describe('Work in turn', () => {
  const gate = () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    return { open, opened };
  };

  it('runs the work of a key one after the other, and lets other keys pass', async () => {
    const turns = new InTurn();
    const { open, opened } = gate();
    const happened: string[] = [];
    const step =
      (name: string, until: Promise<void> = Promise.resolve()) =>
      async () => {
        happened.push(`${name} begins`);
        await until;
        happened.push(`${name} ends`);
      };
    const first = turns.run('a', step('first', opened));
    const second = turns.run('a', step('second'));
    await turns.run('b', step('other'));
    open();
    await Promise.all([first, second]);
    expect(happened).toEqual(['first begins', 'other begins', 'other ends', 'first ends', 'second begins', 'second ends']);
  });

  it('gives each caller its own outcome, and goes on behind a failure', async () => {
    const turns = new InTurn();
    const failing = turns.run('a', () => Promise.reject(new Error('no')));
    const following = turns.run('a', () => Promise.resolve(2));
    await expect(failing).rejects.toThrow('no');
    expect(await following).toBe(2);
  });

  it('keeps nothing of a key whose work is done', async () => {
    const turns = new InTurn();
    const { open, opened } = gate();
    const work = [turns.run('a', () => opened), turns.run('a', () => opened), turns.run('b', () => opened)];
    expect(turns.size).toBe(2);
    open();
    await Promise.all(work);
    expect(turns.size).toBe(0);
  });
});
