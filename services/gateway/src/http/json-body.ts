import { HttpException } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { GatewayRequest } from './request.js';

/** Deeper than anything the API takes; code that walks a body may recurse this far. */
const depthMax = 32;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

const quote = 0x22;
const backslash = 0x5c;

/** JSON and what is JSON under another name (RFC 6839): `application/vnd.api+json`. */
const jsonTypes = ['application/json', /^application\/[\w.-]+\+json\b/i] as const;

/** The one parser of bodies that are no forms. It keeps the bytes, for signatures. */
export function takeJsonBodies(app: NestFastifyApplication, server: FastifyInstance): void {
  const { bodyLimit } = server.initialConfig;
  for (const type of jsonTypes) {
    app.useBodyParser(type, bodyLimit === undefined ? {} : { bodyLimit }, (request, body: Buffer, done) => {
      (request as unknown as GatewayRequest).rawBody = body;
      try {
        done(null, parseJsonBody(body));
      } catch (error) {
        done(error as Error);
      }
    });
  }
  server.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    done(new HttpException('Send the body as application/json.', 415));
  });
  server.addHook('preParsing', (request, reply: FastifyReply, _payload, done) => {
    const coding = request.headers['content-encoding'] ?? '';
    done(coding === '' || coding === 'identity' ? null : compressed(reply));
  });
}

/** Bodies are small, and a packed one is a way to make a server unpack a large one: none is taken, and the answer says so as RFC 9110 (15.5.16) wants it. */
function compressed(reply: FastifyReply): HttpException {
  reply.header('accept-encoding', 'identity');
  return new HttpException('Send the body as it is, without a Content-Encoding.', 415);
}

/** An empty body is no body: Leonardo's SDK announces JSON and sends nothing. */
export function parseJsonBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  refuseDeep(bytes);
  let json: string;
  try {
    json = utf8.decode(bytes);
  } catch {
    throw invalidArgument('invalid_utf8', 'The body is not valid UTF-8.');
  }
  try {
    return JSON.parse(json) as unknown;
  } catch {
    throw invalidArgument('malformed_json', 'The body is not valid JSON.');
  }
}

/** Counts brackets outside strings before anything is built; in UTF-8 no byte of a longer character looks like one. */
function refuseDeep(bytes: Buffer): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inString) {
      if (byte === backslash) at++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > depthMax) throw invalidArgument('json_too_deep', `The body nests deeper than ${depthMax} levels.`);
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
}
