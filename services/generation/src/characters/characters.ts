import { Injectable } from '@nestjs/common';
import type { Guidance } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { ModelInfo } from '@tessera/models/model-info.js';
import { AccountPlans } from '@tessera/plans/account-plans.js';
import { requireAllowed } from '@tessera/plans/gate.js';
import { Clock } from '@tessera/platform/clock.js';
import { failedPrecondition, invalidArgument, notFound, type TesseraError } from '@tessera/platform/errors.js';
import { isUuid, newId } from '@tessera/platform/ids.js';
import { OwnPictures } from '../own-pictures.js';
import { CharacterStore, type Character } from './character.store.js';

/** One picture shows one side; more than five could not guide a picture together. */
export const picturesMin = 2;
export const picturesMax = 5;
/** What an account may have; two requests at once may end one above it. */
export const charactersMax = 100;
const nameCharactersMax = 60;

const invalid = (message: string, param: string): TesseraError => invalidArgument('invalid_character', message, { param });
const unknownCharacter = (): TesseraError => notFound('unknown_character', 'There is no such character.', { param: 'character_id' });

/** The characters of accounts, and what a request with one becomes. */
@Injectable()
export class Characters {
  constructor(
    private readonly store: CharacterStore,
    private readonly pictures: OwnPictures,
    private readonly plans: AccountPlans,
    private readonly clock: Clock,
  ) {}

  async create(accountId: string, wanted: { readonly name: string; readonly assetIds: readonly string[] }): Promise<Character> {
    requireAllowed('characters', await this.plans.of(accountId));
    const name = wanted.name.trim();
    if (name === '' || name.length > nameCharactersMax || /\p{Cc}/u.test(name))
      throw invalid(`A character has a name of 1 to ${nameCharactersMax} characters, without control characters.`, 'name');
    const assetIds = [...new Set(wanted.assetIds.map((id) => id.toLowerCase()))];
    if (assetIds.length !== wanted.assetIds.length || assetIds.length < picturesMin || assetIds.length > picturesMax)
      throw invalid(`A character needs ${picturesMin} to ${picturesMax} different pictures.`, 'asset_ids');
    for (const assetId of assetIds)
      await this.pictures.require(accountId, assetId, invalid(`There is no picture "${assetId.slice(0, 40)}".`, 'asset_ids'));
    if ((await this.store.count(accountId, charactersMax)) >= charactersMax)
      throw failedPrecondition('too_many_characters', `An account has at most ${charactersMax} characters; delete one first.`);
    const [id, value] = [newId(), { accountId, name, assetIds, createdMs: this.clock.now() }];
    await this.store.insert(id, value);
    return { id, revision: 1, value };
  }

  list(accountId: string): Promise<readonly Character[]> {
    return this.store.listOf(accountId, 2 * charactersMax);
  }

  async get(accountId: string, characterId: string): Promise<Character> {
    const character = isUuid(characterId) ? await this.store.get(accountId, characterId.toLowerCase()) : undefined;
    if (!character) throw unknownCharacter();
    return character;
  }

  async remove(accountId: string, characterId: string): Promise<void> {
    await this.store.remove(await this.get(accountId, characterId));
  }

  /** Its pictures as guides: views of one thing, which stands for `subject`. */
  async guidanceOf(
    accountId: string,
    characterId: string,
    subject: string,
    { modelId, guidanceKinds = [] }: ModelInfo,
  ): Promise<Pick<Guidance, 'kind' | 'assetId' | 'strength' | 'subject'>[]> {
    if (!guidanceKinds.includes('character'))
      throw invalidArgument('unsupported_guidance', `${modelId} takes no characters.`, { param: 'character_id' });
    const { value } = await this.get(accountId, characterId);
    return value.assetIds.map((assetId) => ({ kind: 'character', assetId, strength: 1, subject }));
  }
}
