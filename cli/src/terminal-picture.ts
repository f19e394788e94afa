import sharp from 'sharp';

type Environment = Readonly<Record<string, string | undefined>>;
export type PictureProtocol = 'kitty' | 'iterm' | 'blocks' | 'none';

/** Columns of a picture: large enough to recognise, small enough to leave the bill on the same screen. */
const widthColumns = 32;
/** The kitty protocol takes at most 4096 bytes of base64 at a time (https://sw.kovidgoyal.net/kitty/graphics-protocol/). */
const kittyChunkBytes = 4096;

/** Multiplexers swallow both graphics protocols, so inside them only coloured text is safe. */
export function pictureProtocol(env: Environment, isTerminal: boolean): PictureProtocol {
  if (!isTerminal || env['NO_COLOR'] || env['TERM'] === 'dumb') return 'none';
  const isMultiplexed = Boolean(env['TMUX'] || env['STY']);
  if (
    !isMultiplexed &&
    (env['TERM'] === 'xterm-kitty' || env['TERM'] === 'xterm-ghostty' || env['KITTY_WINDOW_ID'] || env['TERM_PROGRAM'] === 'ghostty')
  )
    return 'kitty';
  if (!isMultiplexed && (env['TERM_PROGRAM'] === 'iTerm.app' || env['TERM_PROGRAM'] === 'WezTerm')) return 'iterm';
  return env['COLORTERM'] === 'truecolor' || env['COLORTERM'] === '24bit' ? 'blocks' : 'none';
}

/** The escape sequences that show a PNG, ending in a line break; empty when the terminal cannot. */
export async function drawPicture(png: Uint8Array, protocol: PictureProtocol): Promise<string> {
  switch (protocol) {
    case 'kitty':
      return kitty(Buffer.from(png).toString('base64'));
    case 'iterm':
      return `\x1b]1337;File=inline=1;size=${png.byteLength};width=${widthColumns};preserveAspectRatio=1:${Buffer.from(png).toString('base64')}\x07\n`;
    case 'blocks':
      return halfBlocks(png);
    case 'none':
      return '';
  }
}

function kitty(base64: string): string {
  let text = '';
  for (let at = 0; at < base64.length; at += kittyChunkBytes) {
    const control = at === 0 ? `f=100,a=T,c=${widthColumns},` : '';
    text += `\x1b_G${control}m=${at + kittyChunkBytes < base64.length ? 1 : 0};${base64.slice(at, at + kittyChunkBytes)}\x1b\\`;
  }
  return `${text}\n`;
}

/** Two pixels a character: the upper half block in the colour of the upper one, on the colour of the lower one. */
async function halfBlocks(png: Uint8Array): Promise<string> {
  const { data, info } = await sharp(png)
    .flatten()
    .resize({ width: widthColumns })
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const colour = (x: number, y: number) => {
    const at = (Math.min(y, info.height - 1) * info.width + x) * info.channels;
    return `${data[at]};${data[at + 1]};${data[at + 2]}`;
  };
  let text = '';
  for (let y = 0; y < info.height; y += 2) {
    for (let x = 0; x < info.width; x += 1) text += `\x1b[38;2;${colour(x, y)}m\x1b[48;2;${colour(x, y + 1)}m▀`;
    text += '\x1b[0m\n';
  }
  return text;
}
