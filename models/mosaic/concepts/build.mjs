/**
 * Builds the concept bank: every usable Fluent emoji in two looks, and the words that mean it. Run by hand when the emoji or `words.json` change:
 *
 *   npm install --prefix /tmp/emoji @lobehub/fluent-emoji-3d@1.1.0 @lobehub/fluent-emoji-flat@1.1.0 emojibase-data@17.0.0
 *   node models/mosaic/concepts/build.mjs /tmp/emoji            everything, some minutes
 *   node models/mosaic/concepts/build.mjs /tmp/emoji --words    only the words; the pictures stay as they are
 *
 * Writes beside itself:
 *   concepts.json  { references: { 3d, flat }, concepts: [{ name, floats, canMirror, aspect, offset, bytes }], words: { word: index of the concept } }
 *   3d.bin, flat.bin  one WebP after the other (96 x 96, alpha): the picture cropped to its opaque box and centred in a square
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import sharp from 'sharp';

const SIDE_PX = 96;
const LOOKS = ['3d', 'flat'];
const ASSET = { '3d': { package: 'fluent-emoji-3d', extension: 'webp' }, flat: { package: 'fluent-emoji-flat', extension: 'svg' } };
const GROUP = { smileys: 0, components: 2, symbols: 8, flags: 9 };
const TRANSPARENT = { r: 0, g: 0, b: 0, alpha: 0 };
const WEBP = { quality: 60, alphaQuality: 50, effort: 4 };
/** Lettered buttons and key caps: captions inside a picture, which nobody asks for by name. */
const UNUSABLE = /button|keycap|input |sign$|selector|^(ATM|SOON|TOP|END|BACK|ON!)|arrow|clock$|o’clock|thirty/;
/** Lettered, or meaning something by its side: a mirror image of it would be wrong. */
const ONE_WAY = /\b(clock|calendar|newspaper|books?|tickets?|receipt|scroll|memo|page|letter|label|keyboard|computer|laptop|phone|calculator|card|sign|police car|ambulance|fire engine|bus|taxi|store|hospital|hotel|bank|post office|school|yen|dollar|euro|pound|chart|map|globe|Japan|die|mahjong|joker|hundred|abacus|guitar|violin|envelope|notebook|ledger|floppy|disk|musical|barber|cinema|ATM|mailbox)\b/i;
const KEPT_ANYWAY = /^(alarm clock|mantelpiece clock|bow and arrow|heart with arrow|stop sign|dollar sign|plus|minus|divide)/;

const here = import.meta.dirname;
const source = process.argv[2];
if (!source) throw new Error('Usage: node build.mjs <folder with node_modules/@lobehub/fluent-emoji-* and node_modules/emojibase-data>');
const picturesOf = process.argv[3] === '--words' ? new Map(JSON.parse(fs.readFileSync(path.join(here, 'concepts.json'), 'utf8')).concepts.map((each) => [each.name, each])) : undefined;
const require = createRequire(path.resolve(source, 'x.js'));
const emojis = require('emojibase-data/en/data.json');
const shortcodes = ['github', 'emojibase', 'cldr'].map((set) => require(`emojibase-data/en/shortcodes/${set}.json`));
const curated = JSON.parse(fs.readFileSync(path.join(here, 'words.json'), 'utf8'));
sharp.concurrency(1);

const plain = (name) => name.toLowerCase().replace(/^flag: /, 'flag of ').replace(/[“”"().!’',:&]/g, '').replace(/[_\s-]+/g, ' ').trim();

function assetOf(look, hexcode) {
  const { package: name, extension } = ASSET[look];
  const code = hexcode.toLowerCase();
  return [code, code.replaceAll('-fe0f', ''), `${code}-fe0f`]
    .map((file) => path.join(source, 'node_modules/@lobehub', name, 'assets', `${file}.${extension}`))
    .find((file) => fs.existsSync(file));
}

async function rasterise(file, look) {
  const { data, info } = await sharp(file, look === 'flat' ? { density: 220 } : {})
    .ensureAlpha()
    .trim({ background: TRANSPARENT, threshold: 0 })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const longer = Math.max(info.width, info.height);
  const webp = await sharp(data, { raw: { width: info.width, height: info.height, channels: 4 } })
    .resize(SIDE_PX, SIDE_PX, { fit: 'contain', background: TRANSPARENT })
    .webp(WEBP)
    .toBuffer();
  return { webp, aspect: [info.width / longer, info.height / longer].map((share) => Number(share.toFixed(3))) };
}

/**
 * How strongly a word means an emoji. Several emoji claim most words ("heart", "car"): the strongest claim wins, then emojibase's order, which puts the usual before the odd.
 * Tags of smileys are feelings ("happy", "cold"): as nouns they would steal the place of what is meant.
 */
function claims({ label, tags = [], group, hexcode, emoji }) {
  const name = plain(label);
  const words = name.split(' ');
  const codes = shortcodes.flatMap((set) => set[hexcode] ?? []).map(plain);
  const list = [[name, 100], [emoji.replaceAll('\u{FE0F}', ''), 100]];
  for (const code of codes) list.push([code.replace(/ ?\d$/, ''), /\d$/.test(code) ? 60 : 80]);
  if (name.endsWith(' face')) list.push([name.slice(0, -5), 70]);
  if (name.startsWith('flag of ')) list.push([`${name.slice(8)} flag`, 90], [`${name.slice(8)}n flag`, 40]);
  if (words.length > 1 && group !== GROUP.flags && group !== GROUP.smileys) list.push([words.at(-1), 50]);
  if (group !== GROUP.flags && group !== GROUP.smileys) for (const tag of tags.map(plain)) list.push([tag, group === GROUP.symbols ? 20 : 30]);
  return list.filter(([word]) => word.length > 1 && !curated.never.includes(word));
}

const known = new Set(emojis.map((entry) => entry.label));
for (const [word, label] of Object.entries(curated.words)) if (!known.has(label)) throw new Error(`words.json: "${word}" means "${label}", which is no emoji`);

const concepts = [];
const packed = Object.fromEntries(LOOKS.map((look) => [look, []]));
const offset = Object.fromEntries(LOOKS.map((look) => [look, 0]));
const strongest = new Map();
const indexByLabel = new Map();
for (const entry of emojis.toSorted((a, b) => (a.order ?? 0) - (b.order ?? 0))) {
  if (entry.group === undefined || entry.group === GROUP.components) continue;
  if (UNUSABLE.test(entry.label) && !KEPT_ANYWAY.test(entry.label)) continue;
  const files = LOOKS.map((look) => assetOf(look, entry.hexcode));
  if (files.some((file) => file === undefined)) continue;
  const index = concepts.length;
  const kept = picturesOf?.get(plain(entry.label));
  if (picturesOf && !kept) throw new Error(`No picture yet of "${entry.label}": build everything`);
  const isOneWay = entry.group === GROUP.symbols || entry.group === GROUP.flags || ONE_WAY.test(entry.label);
  const concept = { aspect: {}, offset: {}, bytes: {}, ...kept, name: plain(entry.label), floats: curated.floats.includes(entry.label) || undefined, canMirror: isOneWay ? false : undefined };
  for (const [k, look] of kept ? [] : LOOKS.entries()) {
    const { webp, aspect } = await rasterise(files[k], look);
    concept.aspect[look] = aspect;
    concept.offset[look] = offset[look];
    concept.bytes[look] = webp.length;
    offset[look] += webp.length;
    packed[look].push(webp);
  }
  concepts.push(concept);
  indexByLabel.set(entry.label, index);
  for (const [word, strength] of claims(entry)) if (strength > (strongest.get(word)?.strength ?? 0)) strongest.set(word, { strength, index });
}

for (const [word, label] of Object.entries(curated.words)) {
  const index = indexByLabel.get(label);
  if (index === undefined) throw new Error(`words.json: "${word}" means "${label}", which has no picture`);
  strongest.set(word, { index });
}

const words = Object.fromEntries([...strongest].map(([word, { index }]) => [word, index]).toSorted(([a], [b]) => (a < b ? -1 : 1)));
if (!picturesOf) for (const look of LOOKS) fs.writeFileSync(path.join(here, `${look}.bin`), Buffer.concat(packed[look]));
const rows = concepts.map((concept) => JSON.stringify(concept)).join(',\n');
fs.writeFileSync(path.join(here, 'concepts.json'), `{"sidePx":${SIDE_PX},"references":{"3d":"3d.bin","flat":"flat.bin"},\n"concepts":[\n${rows}\n],\n"words":${JSON.stringify(words)}}\n`);
console.log(`${concepts.length} concepts, ${Object.keys(words).length} words, ${LOOKS.map((look) => `${look} ${(fs.statSync(path.join(here, `${look}.bin`)).size / 1e6).toFixed(2)} MB`).join(', ')}`);
