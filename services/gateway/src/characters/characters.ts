import { Injectable } from '@nestjs/common';
import { CharacterService, type Character } from '@tessera/contracts/tessera/generation/v1/characters_pb.js';
import { internal } from '@tessera/platform/errors.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import type { Caller } from '../keys/keys.js';

/** The characters of whoever calls. */
@Injectable()
export class Characters {
  readonly #characters: RpcClient<typeof CharacterService>;

  constructor(rpc: Rpc) {
    this.#characters = rpc.client(CharacterService);
  }

  async create({ accountId }: Caller, name: string, imageIds: readonly string[]): Promise<Character> {
    return present((await this.#characters.createCharacter({ accountId, name, assetIds: [...imageIds] })).character);
  }

  async list({ accountId }: Caller): Promise<readonly Character[]> {
    return (await this.#characters.listCharacters({ accountId })).characters;
  }

  async get({ accountId }: Caller, characterId: string): Promise<Character> {
    return present((await this.#characters.getCharacter({ accountId, characterId })).character);
  }

  async remove({ accountId }: Caller, characterId: string): Promise<void> {
    await this.#characters.deleteCharacter({ accountId, characterId });
  }
}

function present(character: Character | undefined): Character {
  if (!character) throw internal('incomplete_answer', 'A service answered without what it promises.');
  return character;
}
