import { describe, expect, it } from '@jest/globals';
import { billLines, tokensText } from './bill-text.js';
import { CommandFailure } from './failure.js';
import { bar } from './job-progress.js';
import { pictureProtocol } from './terminal-picture.js';
import { parseSize } from './sizes.js';
import { formatBytes, formatSeconds, table } from './texts.js';

describe('what the command line prints', () => {
  it('aligns the amounts of a bill to the right, units under units', () => {
    const lines = billLines([
      { description: '2 images x 0.26 MP x 20 steps, mosaic-3d', tokens: 1206 },
      { description: 'super-resolution, 2 x 0.26 MP', tokens: 2 },
    ]);
    expect(lines.map((line) => line.length)).toEqual([lines[0]!.length, lines[0]!.length]);
    expect(lines[0]).toMatch(/mosaic-3d +1,206$/);
    expect(lines[1]).toMatch(/MP +2$/);
  });

  it('keeps the amount apart from a description that is wider than the column', () => {
    expect(billLines([{ description: 'x'.repeat(80), tokens: 5 }])).toEqual([`  ${'x'.repeat(80)}  5`]);
  });

  it('says one token and two tokens', () => {
    expect([tokensText(1), tokensText(2), tokensText(1000)]).toEqual(['1 token', '2 tokens', '1,000 tokens']);
  });

  it.each([
    [0, 20, '░'.repeat(20)],
    [10, 20, '█'.repeat(10) + '░'.repeat(10)],
    [20, 20, '█'.repeat(20)],
    [3, 0, '░'.repeat(20)],
  ])('draws step %i of %i', (step, steps, cells) => {
    expect(bar(step, steps)).toBe(`${cells} ${step}/${steps}`);
  });

  it('gives seconds and sizes in the unit a person would choose', () => {
    expect([10, 120, 2_149, 61_000].map(formatSeconds)).toEqual(['0.01', '0.12', '2.1', '61']);
    expect([500, 350_208, 3_250_000].map(formatBytes)).toEqual(['500 B', '342 KB', '3.1 MB']);
  });

  it('pads every column of a table but the last', () => {
    expect(
      table([
        ['a', 'bb', 'c'],
        ['aaa', 'b', 'ccc'],
      ]),
    ).toBe('a    bb  c\naaa  b   ccc');
  });
});

describe('--size', () => {
  it.each([
    ['640x512', 640, 512],
    ['640 × 512', 640, 512],
    ['1:1', 512, 512],
    ['16:9', 512, 288],
    ['9:16', 288, 512],
    ['3:2', 512, 344],
    ['100:1', 512, 8],
  ])('reads %s', (text, widthPx, heightPx) => {
    expect(parseSize(text)).toEqual({ widthPx, heightPx });
  });

  it.each(['', 'big', '512', '0:1', '512x', '-1x5', '1e3x5'])('refuses "%s" with a hint', (text) => {
    expect(() => parseSize(text)).toThrow(CommandFailure);
  });
});

describe('a picture in the terminal', () => {
  it.each([
    [{ TERM: 'xterm-kitty' }, 'kitty'],
    [{ TERM_PROGRAM: 'ghostty' }, 'kitty'],
    [{ TERM_PROGRAM: 'WezTerm' }, 'iterm'],
    [{ TERM_PROGRAM: 'iTerm.app' }, 'iterm'],
    [{ TERM: 'xterm-256color', COLORTERM: 'truecolor' }, 'blocks'],
    [{ TERM: 'xterm-kitty', TMUX: '/tmp/x', COLORTERM: 'truecolor' }, 'blocks'],
    [{ TERM: 'xterm' }, 'none'],
    [{ TERM: 'xterm-kitty', NO_COLOR: '1' }, 'none'],
  ])('in %j is drawn by %s', (env, protocol) => {
    expect(pictureProtocol(env, true)).toBe(protocol);
  });

  it('is never drawn into a pipe', () => {
    expect(pictureProtocol({ TERM: 'xterm-kitty', COLORTERM: 'truecolor' }, false)).toBe('none');
  });
});
