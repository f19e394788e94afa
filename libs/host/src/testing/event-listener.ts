import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { Inject, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { EventBus } from '@tessera/events/event-bus.js';
import type { ServiceDefinition } from '../service-definition.js';

/** A service that keeps the events that others publish; a bus takes subscriptions only before it starts. */
export function listenerTo<S extends DescMessage>(schema: S, events: MessageShape<S>[]): ServiceDefinition {
  @Injectable()
  class Listener implements OnModuleInit {
    constructor(@Inject(EventBus) private readonly bus: EventBus) {}

    onModuleInit(): void {
      this.bus.subscribe(schema, 'spec', async (event) => void events.push(event));
    }
  }

  @Module({ providers: [Listener] })
  class ListenerModule {}

  return { name: 'listener', module: ListenerModule, contracts: [], uses: ['documents', 'events'], calls: [] };
}
