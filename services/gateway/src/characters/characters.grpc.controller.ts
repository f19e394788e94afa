import type { Metadata } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  CharacterService,
  type CreateCharacterRequest,
  type DeleteCharacterRequest,
  type GetCharacterRequest,
  type ListCharactersRequest,
} from '@tessera/contracts/tessera/gateway/v1/characters_pb.js';
import { Callers, requireAllowance } from '../keys/callers.js';
import type { Caller } from '../keys/keys.js';
import { Characters } from './characters.js';

/** The same use cases as REST has. */
@Controller()
export class CharactersGrpcController {
  constructor(
    private readonly characters: Characters,
    private readonly callers: Callers,
  ) {}

  @GrpcMethod(CharacterService.typeName)
  async createCharacter({ name, imageIds }: CreateCharacterRequest, metadata: Metadata) {
    return { character: await this.characters.create(await this.#admit(metadata, 'write'), name, imageIds) };
  }

  @GrpcMethod(CharacterService.typeName)
  async listCharacters(_request: ListCharactersRequest, metadata: Metadata) {
    return { characters: [...(await this.characters.list(await this.#admit(metadata, 'read')))] };
  }

  @GrpcMethod(CharacterService.typeName)
  async getCharacter({ characterId }: GetCharacterRequest, metadata: Metadata) {
    return { character: await this.characters.get(await this.#admit(metadata, 'read'), characterId) };
  }

  @GrpcMethod(CharacterService.typeName)
  async deleteCharacter({ characterId }: DeleteCharacterRequest, metadata: Metadata) {
    await this.characters.remove(await this.#admit(metadata, 'write'), characterId);
    return {};
  }

  async #admit(metadata: Metadata, access: 'read' | 'write'): Promise<Caller> {
    const caller = await this.callers.authenticate(metadata.get('authorization')[0]?.toString());
    if (access === 'write') this.callers.requireWrite(caller);
    requireAllowance(await this.callers.admit(caller));
    return caller;
  }
}
