import { notFound } from '@tessera/platform/errors.js';
import { newId } from '@tessera/platform/ids.js';

export type OwnedCharacter = {
  readonly accountId: string;
  readonly characterId: string;
  readonly name: string;
  readonly assetIds: string[];
};

type Named = { readonly accountId: string; readonly characterId: string };

/** Generation, as far as the gateway asks it for characters. */
export const characterHandlers = (characters: Map<string, OwnedCharacter>) => {
  const find = ({ accountId, characterId }: Named): OwnedCharacter => {
    const character = characters.get(characterId);
    if (character?.accountId !== accountId) throw notFound('unknown_character', 'There is no such character.', { param: 'character_id' });
    return character;
  };
  return {
    CreateCharacter: ({ accountId, name, assetIds }: Omit<OwnedCharacter, 'characterId'>) => {
      const character = { accountId, characterId: newId(), name, assetIds };
      characters.set(character.characterId, character);
      return { character };
    },
    ListCharacters: ({ accountId }: Named) => ({ characters: [...characters.values()].filter((each) => each.accountId === accountId) }),
    GetCharacter: (named: Named) => ({ character: find(named) }),
    DeleteCharacter: (named: Named) => {
      characters.delete(find(named).characterId);
      return {};
    },
  };
};
