import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { operationAt } from './openapi/operations.js';
import { noQuery } from './schemas/tessera.js';
import { validate } from './schemas/validate.js';

/** A query is held against the schema that describes the operation, also where its handler does not look at it: a name that is misspelt must not pass for one that was left out. */
export function refuseWrongQuery(request: FastifyRequest): void {
  const query = request.query as Readonly<Record<string, unknown>>;
  if (Object.keys(query).length === 0) return;
  const operation = operationAt(request.method, request.routeOptions.url);
  if (operation && !operation.isQueryFree) validate(operation.query ?? noQuery, query);
}

/** For routes without a key; the others are looked at once the key is known. */
@Injectable()
export class QueryGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    refuseWrongQuery(context.switchToHttp().getRequest<FastifyRequest>());
    return true;
  }
}
