/**
 * Rasterises every Fluent emoji that exists in all three looks.
 *
 *   node sprites.mjs <folder with node_modules: @lobehub/fluent-emoji-{3d,modern,flat}, emojibase-data> <output folder>
 *
 * Writes sprites.json { sidePx, concepts: [{ name, tags, group, floats }] } and sprites-{3d,modern,flat}.rgba: one 160 x 160 RGBA picture
 * (not premultiplied) per concept, in the order of sprites.json.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import sharp from 'sharp';

const SIDE_PX = 160;
const LOOKS = { '3d': 'webp', modern: 'svg', flat: 'svg' };
const COMPONENTS_GROUP = 2;
const FLAGS_GROUP = 9;
const TRANSPARENT = { r: 0, g: 0, b: 0, alpha: 0 };

const [source, output] = process.argv.slice(2);
if (!source || !output) throw new Error('Usage: node sprites.mjs <folder with node_modules> <output folder>');
const require = createRequire(path.resolve(source, 'x.js'));
const emojis = require('emojibase-data/en/data.json');
const { floats } = JSON.parse(fs.readFileSync(new URL('../concepts/words.json', import.meta.url), 'utf8'));
sharp.concurrency(1);

function assetOf(look, hexcode) {
  const code = hexcode.toLowerCase();
  return [code, code.replaceAll('-fe0f', ''), `${code}-fe0f`]
    .map((file) => path.join(source, 'node_modules/@lobehub', `fluent-emoji-${look}`, 'assets', `${file}.${LOOKS[look]}`))
    .find((file) => fs.existsSync(file));
}

const rasterise = (file) =>
  sharp(file, file.endsWith('.svg') ? { density: 220 } : {})
    .resize(SIDE_PX, SIDE_PX, { fit: 'contain', background: TRANSPARENT })
    .ensureAlpha()
    .raw()
    .toBuffer();

const concepts = [];
const pictures = Object.fromEntries(Object.keys(LOOKS).map((look) => [look, []]));
for (const emoji of emojis) {
  if (emoji.group === undefined || emoji.group === COMPONENTS_GROUP || emoji.group === FLAGS_GROUP) continue;
  const files = Object.keys(LOOKS).map((look) => assetOf(look, emoji.hexcode));
  if (files.includes(undefined)) continue;
  const drawn = await Promise.all(files.map(rasterise));
  for (const [k, look] of Object.keys(LOOKS).entries()) pictures[look].push(drawn[k]);
  concepts.push({ name: emoji.label.toLowerCase(), tags: emoji.tags ?? [], group: emoji.group, floats: floats.includes(emoji.label) });
}
for (const look of Object.keys(LOOKS)) fs.writeFileSync(path.join(output, `sprites-${look}.rgba`), Buffer.concat(pictures[look]));
fs.writeFileSync(path.join(output, 'sprites.json'), JSON.stringify({ sidePx: SIDE_PX, concepts }));
console.log(`${concepts.length} concepts in ${Object.keys(LOOKS).length} looks`);
