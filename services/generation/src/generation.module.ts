import { Module } from '@nestjs/common';
import { GenerationService } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { GenerationController } from './generation.controller.js';
import { Models } from './models.js';
import { Requests } from './requests.js';
import { Submissions } from './submissions.js';

@Module({ controllers: [GenerationController], providers: [Models, Requests, Submissions] })
export class GenerationModule {}

export const generation: ServiceDefinition = { name: 'generation', module: GenerationModule, contracts: [GenerationService], uses: ['engine'] };
