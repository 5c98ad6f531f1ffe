import { isAbsolute, join, resolve } from 'node:path';
import type { Config } from '../../config/schema.ts';
import { GpuEvalError } from '../../core/errors.ts';
import { canonicalJson, type Json } from '../../core/json.ts';
import { readManifest } from '../../results/manifest.ts';
import type { RunManifest } from '../../results/schemas.ts';
import type { Box } from './box.ts';
import type { Deps } from './deps.ts';
import { type KnownRun, RunState } from './run-state.ts';

/** A run that is new or goes on: its folder here and what was asked of it. */
export type OpenedRun = {
  readonly runId: string;
  /** The run folder here, absolute. */
  readonly dir: string;
  readonly manifest: RunManifest;
  readonly known: KnownRun;
  readonly resumed: boolean;
};

/**
 * The run that this call is about: the folder of --run, else the newest unfinished run on that machine that was asked
 * the same, else a new folder below ./runs.
 * @throws {GpuEvalError} `usage` where --run names a run that was asked something else, with the differences.
 */
export async function chooseRun(
  deps: Deps,
  config: Config,
  box: Box,
  asked: Omit<RunManifest, 'runId' | 'createdAt'>,
): Promise<OpenedRun> {
  const askedHash = hashAsked(deps, asked);
  const state = new RunState(deps, box.description);
  if (config.run !== null) {
    const dir = isAbsolute(config.run) ? config.run : resolve(deps.cwd, config.run);
    const there = await readManifest(dir);
    if (there === null) return newRun(deps, dir, asked, askedHash);
    const differences = differencesOf(there.asked, asked.asked);
    if (differences.length > 0) {
      throw new GpuEvalError('usage', `the run in ${dir} was asked something else`, {
        why: differences.join('; '),
        hint: 'give another --run DIR, or ask the same as before',
      });
    }
    return goOn(dir, there, asked, askedHash);
  }
  const unfinished = (await state.read()).filter((known) => known.askedHash === askedHash && !known.complete).at(-1);
  if (unfinished !== undefined) {
    const there = await readManifest(unfinished.dir).catch(() => null);
    if (there?.runId === unfinished.runId) return goOn(unfinished.dir, there, asked, askedHash);
  }
  return newRun(deps, null, asked, askedHash);
}

function goOn(
  dir: string,
  there: RunManifest,
  asked: Omit<RunManifest, 'runId' | 'createdAt'>,
  askedHash: string,
): OpenedRun {
  const manifest: RunManifest = { ...asked, runId: there.runId, createdAt: there.createdAt };
  const known = { runId: there.runId, dir, askedHash, complete: false, startedAt: there.createdAt };
  return { runId: there.runId, dir, manifest, known, resumed: true };
}

function newRun(
  deps: Deps,
  dir: string | null,
  asked: Omit<RunManifest, 'runId' | 'createdAt'>,
  askedHash: string,
): OpenedRun {
  const createdAt = deps.now().toISOString();
  const stamp = createdAt.slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  const model = asked.asked.model.split('/').at(-1) ?? 'model';
  const slug =
    model
      .toLowerCase()
      .replaceAll(/[^a-z0-9.]+/g, '-')
      .replaceAll(/^[-.]+|[-.]+$/g, '')
      .slice(0, 40) || 'model';
  // Two runs may begin in the same second, from two terminals or two laptops on one box.
  const unique = deps.sha256(deps.randomKey()).slice(0, 4);
  const runId = `${stamp}-${slug}-${unique}`;
  const folder = dir ?? join(deps.cwd, 'runs', runId);
  const known = { runId, dir: folder, askedHash, complete: false, startedAt: createdAt };
  return { runId, dir: folder, manifest: { ...asked, runId, createdAt }, known, resumed: false };
}

/** What makes two calls the same run. How fast it is asked, and where it is graded, do not. */
function identity(asked: RunManifest['asked']): Record<string, Json> {
  const { concurrency: _concurrency, sandbox: _sandbox, ...rest } = asked;
  return JSON.parse(JSON.stringify(rest));
}

function hashAsked(deps: Deps, manifest: Omit<RunManifest, 'runId' | 'createdAt'>): string {
  return deps.sha256(canonicalJson(identity(manifest.asked)));
}

function differencesOf(before: RunManifest['asked'], now: RunManifest['asked']): readonly string[] {
  const a = identity(before);
  const b = identity(now);
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((key) => canonicalJson(a[key] ?? null) !== canonicalJson(b[key] ?? null))
    .map((key) => `${key}: ${brief(a[key])} then, ${brief(b[key])} now`);
}

const brief = (value: Json | undefined): string => JSON.stringify(value ?? null).slice(0, 300);
