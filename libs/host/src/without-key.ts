import { RouteConfig } from '@nestjs/platform-fastify';

/** A route that people without a key may send a body to: a provider's callback, which is signed. */
export const WithoutKey = (): MethodDecorator => RouteConfig({ withoutKey: true });
