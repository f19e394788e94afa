import { describe, expect, it } from '@jest/globals';
import { bundledModelsDir, isFlow, loadFamilies } from '@tessera/models/families.js';
import { loadModel } from '../model.js';
import { captionWords } from './caption.js';
import { isOneSlipAway } from './lexicon.js';

const [manifest] = (await loadFamilies(bundledModelsDir)).filter(isFlow);
const model = await loadModel(manifest!);
const { slots, text } = manifest!;

function read(prompt: string) {
  const reading = model.reader.read(prompt, '3d');
  const caption = captionWords(reading, model.language, slots, text.tokens)
    .join(' ')
    .replace(/ ?3d style$/, '');
  return {
    things: reading.subjects.map(({ concept }) => model.concepts.nameOf(concept!)),
    caption,
    notices: reading.notices.map(({ kind }) => kind),
    look: reading.styleVariant,
  };
}

describe('a prompt', () => {
  it.each([
    ['a red apple on a beach at sunset', ['red apple'], 'a red <s0> on a beach at sunset', []],
    ['apple', ['red apple'], 'a <s0>', []],
    ['a green apple', ['green apple'], 'a green <s0>', []],
    ['a dog', ['dog'], 'a <s0>', []],
    ['A cute little cat, highly detailed, 4k', ['cat'], 'a small <s0>', []],
    ['an apple AND a pear', ['red apple', 'pear'], 'a <s0> and a <s1>', []],
    ['a crimson car in the woods', ['automobile'], 'a red <s0> in a forest', []],
    ['a tiny boat at the seaside', ['sailboat'], 'a small <s0> on a beach', []],
    ['a lion at sundown', ['lion'], 'a <s0> at sunset', []],
    ['two wolves in the snow', ['wolf', 'wolf'], 'a <s0> and a <s1> in the snow', []],
    ['mice on grass', ['mouse'], 'a <s0> on grass', []],
    ['a teddy bear in a room', ['teddy bear'], 'a <s0> in a room', []],
    ['a red teapot and a green cupcake on a wooden table', ['teapot', 'cupcake'], 'a red <s0> and a green <s1> on a table', []],
    ['a dog to the right of a cat', ['cat', 'dog'], 'a <s0> and a <s1>', []],
    ['a small dog on the left in a meadow', ['dog'], 'a small <s0> on the left on grass', []],
    ['the dog is blue', ['dog'], 'a blue <s0>', []],
    ['a heart on a white background', ['red heart'], 'a <s0> on a white background', []],
    ['an orange on a table', ['tangerine'], 'a <s0> on a table', []],
    ['a mountain at night', ['snow capped mountain'], 'a <s0> at night', []],
    ['a beach at sunset', [], 'on a beach at sunset', []],
    ['👩🏽‍🚀 in space', ['woman astronaut'], 'a <s0> in space', []],
    ['🍎 in space', ['red apple'], 'a <s0> in space', []],
    ['an elephnat in the desert', ['elephant'], 'a <s0> in the desert', ['read_as']],
    ['a zeppelin over the mountains', [], 'in the mountains', ['unknown_word']],
    ['a happy panda eating pizza in a forest', ['panda', 'pizza'], 'a <s0> and a <s1> in a forest', ['unknown_word']],
    ['a robot reading a book on a table', ['robot', 'closed book'], 'a <s0> and a <s1> on a table', []],
    ['a chocolate cake', ['birthday cake'], 'a <s0>', ['concept_left_out']],
    ['a dog, a cat and a cow', ['dog', 'cat', 'cow'], 'a <s0> and a <s1> and a <s2>', []],
    ['a dog, a cat, a cow and a pig', ['dog', 'cat', 'cow'], 'a <s0> and a <s1> and a <s2>', ['concept_left_out']],
    ['a hedgehog in the woods at dusk', ['hedgehog'], 'a <s0> in a forest at sunset', []],
    ['a hedgehog in the woods by a lake', ['hedgehog'], 'a <s0> in a forest', ['scene_left_out']],
    ['a brown dog', ['dog'], 'a brown <s0>', []],
    ['a black cat on red', ['black cat'], 'a black <s0> on a red background', []],
    ['a bear in the woods at midnight', ['bear'], 'a <s0> in a forest at night', []],
    ['a bicycle leaming against a wall', ['bicycle', 'brick'], 'a <s0> and a <s1>', ['read_as']],
    ['a cat on a car in the rain', ['cat', 'automobile'], 'a <s0> on top of a <s1> in the rain', []],
    ['a man riding a horse at night', ['man', 'horse'], 'a <s0> on top of a <s1> at night', []],
    ['a bee flying over a sunflower', ['honeybee', 'sunflower'], 'a <s0> above a <s1>', []],
    ['a dog under an umbrella', ['umbrella', 'dog'], 'a <s0> above a <s1>', []],
    ['a red crab in front of a castle', ['castle', 'crab'], 'a <s0> behind a red <s1>', []],
    ['a cat on a car next to a dog', ['cat', 'automobile', 'dog'], 'a <s0> and a <s1> and a <s2>', []],
    ['a tiny robot next to a huge teapot', ['robot', 'teapot'], 'a small <s0> and a big <s1>', []],
    ['snow in the mountains', [], 'in the snowy mountains', []],
    ['a turquoise whale', ['spouting whale'], 'a turquoise <s0>', []],
    ['', [], 'on a pastel gradient', []],
  ])('"%s" is read as %j', (prompt, things, caption, notices) => {
    const reading = read(prompt);
    expect({ things: reading.things, caption: reading.caption, notices: reading.notices }).toEqual({ things, caption, notices });
  });

  it('chooses the style variant that it asks for', () => {
    expect(read('flat illustration of a fox').look).toBe('flat');
    expect(read('a fox').look).toBe('3d');
    expect(read('a fox in dramatic light').look).toBe('cinematic');
    expect(model.reader.read('a fox in dramatic light', 'flat').styleVariant).toBe('flat');
  });

  it('says which word was left out', () => {
    expect(model.reader.read('a zeppelin', '3d').notices).toEqual([
      { kind: 'unknown_word', message: 'No concept for "zeppelin"; it was left out.' },
    ]);
  });

  it('never makes a caption longer than the text encoder reads', () => {
    const reading = model.reader.read('a big red apple and a large blue car on the left under a blue sky on grass in flat style', '3d');
    expect(captionWords(reading, model.language, slots, text.tokens).length).toBeLessThanOrEqual(text.tokens);
  });

  it('survives a page of noise with a handful of notices', () => {
    const noise = Array.from({ length: 5000 }, (_, k) => `wxyzq${k}`).join(' ');
    expect(model.reader.read(noise, '3d').notices.length).toBeLessThanOrEqual(8);
  });

  it('as a negative one keeps the words that the text encoder knows', () => {
    expect(model.reader.readNegative('ugly, snow, a red dog')).toEqual(['in', 'the', 'snow', 'red']);
  });
});

describe('a slip of the fingers', () => {
  it.each([
    ['zebra', 'zebre', true],
    ['horse', 'hores', true],
    ['horse', 'hors', true],
    ['apple', 'appple', true],
    ['apple', 'maple', false],
    ['apple', 'apple', true],
  ])('from %s to %s is one: %s', (a, b, isOne) => {
    expect(isOneSlipAway(a, b)).toBe(isOne);
  });
});
