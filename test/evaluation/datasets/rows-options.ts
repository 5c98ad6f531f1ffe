import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetch } from 'undici';
import type { RunEvent } from '../../../src/core/events.ts';
import type { RowsOptions } from '../../../src/evaluation/datasets/options.ts';

export type TestOptions = RowsOptions & { readonly events: RunEvent[]; readonly waits: number[] };

/** Options of a fresh folder: real HTTP, no command, no waiting. */
export async function testOptions(changes: Partial<RowsOptions> = {}): Promise<TestOptions> {
  const dir = await mkdtemp(join(tmpdir(), 'gpu-eval-rows-'));
  const events: RunEvent[] = [];
  const waits: number[] = [];
  return {
    dataFile: null,
    hub: { endpoint: 'http://127.0.0.1:9', token: null, offline: false },
    cacheDir: join(dir, 'cache'),
    lockPath: join(dir, 'gpu-eval.lock.json'),
    python: 'python3',
    exec: () => Promise.reject(new Error('no command is expected here')),
    fetch,
    sleep: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
    signal: new AbortController().signal,
    onEvent: (event) => events.push(event),
    events,
    waits,
    ...changes,
  };
}
