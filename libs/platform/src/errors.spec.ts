import { describe, expect, it } from '@jest/globals';
import { errorKinds, invalidArgument, kindOfGrpcStatus, resourceExhausted, toTesseraError, type ErrorKind } from './errors.js';

describe('TesseraError', () => {
  it('keeps a refusal as it is at a boundary', () => {
    const refusal = invalidArgument('prompt_empty', 'Say what to paint.', { param: 'prompt' });
    expect(
      toTesseraError(
        refusal,
        () => {
          throw new Error('not unexpected');
        },
        () => 'x',
      ),
    ).toBe(refusal);
  });

  it('turns anything else into internal with the id that the log has, and nothing of its text', () => {
    const logged: [string, unknown][] = [];
    const cause = new Error('password is hunter2');
    const error = toTesseraError(
      cause,
      (id, reason) => logged.push([id, reason]),
      () => 'incident-1',
    );
    expect(error).toMatchObject({ kind: 'Internal', reason: 'internal' });
    expect(error.message).toContain('incident-1');
    expect(error.message).not.toContain('hunter2');
    expect(logged).toEqual([['incident-1', cause]]);
  });

  it('maps every kind to gRPC and back', () => {
    for (const kind of Object.keys(errorKinds) as ErrorKind[]) expect(kindOfGrpcStatus(errorKinds[kind].grpc)).toBe(kind);
  });

  it('says by its kind whether to try again, unless told otherwise', () => {
    expect(resourceExhausted('queue_full', 'Later.').retryable).toBe(true);
    expect(resourceExhausted('queue_full', 'Never.', { retryable: false }).retryable).toBe(false);
  });
});
