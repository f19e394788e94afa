import { openForReading, type Statements } from './statements.js';
import type { ReaderRequest } from './protocol.js';
import { serveCalls } from './serve-calls.js';

let statements: Statements | undefined;

function opened(): Statements {
  if (statements === undefined) throw new Error('the reader was not opened');
  return statements;
}

serveCalls<ReaderRequest>((request) => {
  switch (request.kind) {
    case 'open':
      statements = openForReading(request.file);
      return undefined;
    case 'rows':
      return opened().rows(request.sql, request.params);
    case 'ping':
      return opened().rows('SELECT 1', []);
    case 'close':
      statements?.database.close();
      return undefined;
  }
});
