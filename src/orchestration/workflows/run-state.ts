import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Deps } from './deps.ts';

const knownSchema = z.object({
  runId: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/),
  /** The run folder here, absolute. */
  dir: z.string().max(4096),
  startedAt: z.string().max(40),
});
export type KnownRun = z.infer<typeof knownSchema>;

/**
 * Where the run folders are of the runs that were begun here on one machine, newest last. Nothing that can be read from
 * a run folder is kept. One file a run, so that two terminals cannot lose each other's.
 */
export class RunState {
  readonly #dir: string;

  constructor(deps: Pick<Deps, 'stateDir' | 'sha256'>, machine: string) {
    const readable = machine.replaceAll(/[^A-Za-z0-9.@-]+/g, '-').slice(0, 80);
    this.#dir = join(deps.stateDir, 'machines', `${readable}-${deps.sha256(machine).slice(0, 8)}`);
  }

  async read(): Promise<readonly KnownRun[]> {
    const names = await readdir(this.#dir).catch(() => []);
    const runs = await Promise.all(
      names.filter((name) => name.endsWith('.json')).map((name) => readKnown(join(this.#dir, name))),
    );
    return runs
      .filter((run) => run !== null)
      .sort((a, b) => (a.startedAt === b.startedAt ? 0 : a.startedAt < b.startedAt ? -1 : 1));
  }

  async remember({ runId, dir, startedAt }: KnownRun): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    const path = join(this.#dir, `${runId}.json`);
    const temporary = `${path}.${process.pid}.tmp`;
    await writeFile(temporary, `${JSON.stringify({ runId, dir, startedAt }, null, 2)}\n`, { mode: 0o600 });
    await rename(temporary, path);
  }
}

/** Null for a torn or foreign file: the run folders themselves lose nothing by it. */
async function readKnown(path: string): Promise<KnownRun | null> {
  try {
    return knownSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return null;
  }
}
