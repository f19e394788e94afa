import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  CharacterService,
  type CharacterSchema,
  type CreateCharacterRequest,
  type CreateCharacterResponseSchema,
  type DeleteCharacterRequest,
  type DeleteCharacterResponseSchema,
  type GetCharacterRequest,
  type GetCharacterResponseSchema,
  type ListCharactersRequest,
  type ListCharactersResponseSchema,
} from '@tessera/contracts/tessera/generation/v1/characters_pb.js';
import type { Character } from './character.store.js';
import { Characters } from './characters.js';

@Controller()
export class CharactersController {
  constructor(private readonly characters: Characters) {}

  @GrpcMethod(CharacterService.typeName)
  async createCharacter({
    accountId,
    name,
    assetIds,
  }: CreateCharacterRequest): Promise<MessageInitShape<typeof CreateCharacterResponseSchema>> {
    return { character: characterMessage(await this.characters.create(accountId, { name, assetIds })) };
  }

  @GrpcMethod(CharacterService.typeName)
  async listCharacters({ accountId }: ListCharactersRequest): Promise<MessageInitShape<typeof ListCharactersResponseSchema>> {
    return { characters: (await this.characters.list(accountId)).map(characterMessage) };
  }

  @GrpcMethod(CharacterService.typeName)
  async getCharacter({ accountId, characterId }: GetCharacterRequest): Promise<MessageInitShape<typeof GetCharacterResponseSchema>> {
    return { character: characterMessage(await this.characters.get(accountId, characterId)) };
  }

  @GrpcMethod(CharacterService.typeName)
  async deleteCharacter({
    accountId,
    characterId,
  }: DeleteCharacterRequest): Promise<MessageInitShape<typeof DeleteCharacterResponseSchema>> {
    await this.characters.remove(accountId, characterId);
    return {};
  }
}

const characterMessage = ({ id, value }: Character): MessageInitShape<typeof CharacterSchema> => ({
  characterId: id,
  name: value.name,
  assetIds: [...value.assetIds],
  createdMs: BigInt(value.createdMs),
});
