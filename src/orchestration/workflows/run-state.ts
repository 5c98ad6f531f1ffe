import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Deps } from './deps.ts';

const stateSchema = z.object({
  runs: z
    .array(
      z.object({
        runId: z.string().max(200),
        /** The run folder here, absolute. */
        dir: z.string().max(4096),
        askedHash: z.string().max(100),
        complete: z.boolean(),
        startedAt: z.string(),
      }),
    )
    .max(1000),
});
export type KnownRun = z.infer<typeof stateSchema>['runs'][number];

/** Kept of each machine: enough to find any run again, no more. */
const KEPT = 200;

/** What this laptop remembers of the runs it began on one machine, newest last; in the state folder. */
export class RunState {
  readonly #path: string;

  constructor(deps: Pick<Deps, 'stateDir' | 'sha256'>, machine: string) {
    const readable = machine.replaceAll(/[^A-Za-z0-9.@-]+/g, '-').slice(0, 80);
    this.#path = join(deps.stateDir, 'machines', `${readable}-${deps.sha256(machine).slice(0, 8)}.json`);
  }

  async read(): Promise<readonly KnownRun[]> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch {
      return [];
    }
    try {
      return stateSchema.parse(JSON.parse(text)).runs;
    } catch {
      return []; // a torn or foreign file: the run folders themselves lose nothing by it
    }
  }

  /** Adds the run, or replaces what was known of it. */
  async remember(run: KnownRun): Promise<void> {
    const others = (await this.read()).filter((known) => known.runId !== run.runId);
    const text = `${JSON.stringify({ runs: [...others, run].slice(-KEPT) }, null, 2)}\n`;
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const temporary = `${this.#path}.${process.pid}.tmp`;
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, this.#path);
  }
}
