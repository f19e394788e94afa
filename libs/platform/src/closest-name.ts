import { closestMatch } from 'leven';

/** Names with more edits between them are different words. */
const slipEditsMax = 3;
/** No name is that long; input may be. */
const comparedCharactersMax = 64;

/** The known name that was probably meant, for "Did you mean …?" in a refusal; Levenshtein's distance decides. */
export function closestName(wanted: string, known: readonly string[]): string | undefined {
  if (wanted.length > comparedCharactersMax) return undefined;
  const folded = fold(wanted);
  const namesByFold = new Map(known.map((name) => [fold(name), name]));
  const match = closestMatch(folded, [...namesByFold.keys()], { maxDistance: Math.min(slipEditsMax, Math.floor(folded.length / 2)) });
  return match === undefined ? undefined : namesByFold.get(match);
}

/** Case and the mix of snake and camel do not count: `sd_Version`, `sdVersion` and `numImages` are slips without edits. */
const fold = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, '');
