import { Module } from '@nestjs/common';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { services } from '@tessera/host/services.js';
import { AccountPlans } from '@tessera/plans/account-plans.js';
import { CharacterStore } from './characters/character.store.js';
import { CharactersController } from './characters/characters.controller.js';
import { Characters } from './characters/characters.js';
import { GenerationController } from './generation.controller.js';
import { OwnPictures } from './own-pictures.js';
import { Requests } from './requests.js';
import { Submissions } from './submissions.js';

@Module({
  controllers: [GenerationController, CharactersController],
  providers: [AccountPlans, OwnPictures, CharacterStore, Characters, Requests, Submissions],
})
export class GenerationModule {}

export const generation: ServiceDefinition = { ...services.generation, module: GenerationModule };
