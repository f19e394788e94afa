import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

/** Preloaded into a process that is measured: on SIGUSR2 it writes to the file `TESSERA_BENCH_MODULES.<pid>` how many modules of which package were loaded, and how much text they are. */

type Loaded = { modules: number; bytes: number };

const loaded = new Map<string, Loaded>();
const packageOf = (url: string): string =>
  /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? /(?:libs|services)\/[^/]+/.exec(url)?.[0] ?? 'node';

registerHooks({
  load(url, context, next) {
    const result = next(url, context);
    const name = packageOf(url);
    const { modules, bytes } = loaded.get(name) ?? { modules: 0, bytes: 0 };
    loaded.set(name, {
      modules: modules + 1,
      bytes: bytes + (typeof result.source === 'string' ? result.source.length : (result.source?.byteLength ?? 0)),
    });
    return result;
  },
});

process.on('SIGUSR2', () => writeFileSync(`${process.env['TESSERA_BENCH_MODULES']}.${process.pid}`, JSON.stringify([...loaded])));
