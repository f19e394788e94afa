import { Injectable } from '@nestjs/common';
import { Documents, type Collection, type Stored } from '@tessera/documents/documents.js';

export type CharacterRecord = {
  readonly accountId: string;
  readonly name: string;
  readonly assetIds: readonly string[];
  readonly createdMs: number;
};

export type Character = Stored<CharacterRecord>;

/** The only file that knows how characters are stored. */
@Injectable()
export class CharacterStore {
  readonly #characters: Collection<CharacterRecord>;

  constructor(private readonly documents: Documents) {
    this.#characters = documents.collection<CharacterRecord>({
      name: 'generation.characters',
      version: 1,
      indexes: [{ name: 'by_account', fields: ['accountId', 'createdMs'] }],
    });
  }

  /** Undefined for another account's, too. */
  async get(accountId: string, characterId: string): Promise<Character | undefined> {
    const character = await this.#characters.get(characterId);
    return character?.value.accountId === accountId ? character : undefined;
  }

  /** Oldest first. */
  async listOf(accountId: string, limit: number): Promise<readonly Character[]> {
    const { items } = await this.#characters.find({ where: { accountId }, sort: [['createdMs', 'asc']], limit });
    return items;
  }

  count(accountId: string, upTo: number): Promise<number> {
    return this.#characters.count({ accountId }, upTo);
  }

  async insert(characterId: string, record: CharacterRecord): Promise<void> {
    await this.documents.commit([this.#characters.insert(characterId, record)]);
  }

  async remove(character: Character): Promise<void> {
    await this.documents.commit([this.#characters.remove(character)]);
  }
}
