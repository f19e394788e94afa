import { invalidArgument } from '@tessera/platform/errors.js';

/** Deeper than anything the API takes; code that walks a body may recurse this far. */
const depthMax = 32;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

const quote = 0x22;
const backslash = 0x5c;

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
