import { Module } from '@nestjs/common';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { services } from '@tessera/host/services.js';
import { AccountPlans } from '@tessera/plans/account-plans.js';
import { GenerationController } from './generation.controller.js';
import { Requests } from './requests.js';
import { Submissions } from './submissions.js';

@Module({ controllers: [GenerationController], providers: [AccountPlans, Requests, Submissions] })
export class GenerationModule {}

export const generation: ServiceDefinition = { ...services.generation, module: GenerationModule };
