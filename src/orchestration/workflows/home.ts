import { join } from 'node:path';
import { GpuEvalError } from '../../core/errors.ts';
import type { Session } from '../../core/session.ts';
import { readManifest } from '../../results/manifest.ts';
import { writeReport } from '../../results/report/write.ts';
import type { Summary } from '../../results/schemas.ts';
import { summarizeRun } from '../../results/summary.ts';
import { jobDir } from '../plan/layout.ts';
import { type Box, isLost, runDirOn } from './box.ts';
import type { Deps } from './deps.ts';
import type { OpenedRun } from './open-run.ts';
import { SERVE_JOB } from './serve.ts';
import type { BenchmarkResult, EvalResult, WorkflowContext } from './types.ts';
import { evalJob } from './worker-job.ts';

/** How often results are brought home while they are made. */
const SYNC_MS = 15_000;

export type FetchedSoFar = { receivedBytes: number; files: number };

/** Brings what the run has made so far home. Can be called again and again: only what is new travels. */
export async function bringHome(
  box: Box,
  run: Pick<OpenedRun, 'runId' | 'dir'>,
  so: FetchedSoFar,
  signal: AbortSignal,
): Promise<void> {
  if (box.machine.kind === 'local') return; // the worker writes straight into the run folder
  const fetched = await box.over((session: Session) =>
    session.download(`${runDirOn(box, run)}/parts`, `${run.dir}/parts`, { exclude: ['lock'], signal }),
  );
  so.receivedBytes += fetched.files.reduce((sum, file) => sum + file.receivedBytes, 0);
  so.files = fetched.files.length;
}

/** Logs larger than this stay on the box; `gpu-eval logs` shows them. */
const LOG_LIMIT_BYTES = 256 * 1024 * 1024;

/** Brings the logs of the server and of the evaluation into logs/, whole and checked, as far as they have grown. */
export async function bringLogs(
  box: Box,
  run: Pick<OpenedRun, 'runId' | 'dir'>,
  context: Pick<WorkflowContext, 'signal' | 'onEvent'>,
): Promise<void> {
  for (const [name, job] of [
    ['eval', evalJob(run.runId)],
    ['serve', SERVE_JOB],
  ] as const) {
    const dir = jobDir(box.layout, job);
    if ((await box.jobs.status(dir)).kind === 'absent') continue;
    try {
      const options = { only: ['log'], maxBytes: LOG_LIMIT_BYTES, signal: context.signal };
      await box.over((session) => session.download(dir, join(run.dir, 'logs', name), options));
    } catch (error) {
      if (isLost(error) || context.signal.aborted) throw error;
      // A log is no result: its want is told, and the run stands.
      const message = error instanceof Error ? error.message : String(error);
      context.onEvent({ type: 'warning', message: `the log of ${name} was not fetched: ${message}` });
    }
  }
}

/** Does the work, and meanwhile brings results home every few seconds; a lost connection costs one of those rounds. */
export async function syncWhile<T>(
  deps: Deps,
  context: WorkflowContext,
  box: Box,
  run: OpenedRun,
  so: FetchedSoFar,
  work: () => Promise<T>,
): Promise<T> {
  if (box.machine.kind === 'local') return work();
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const rounds = (async () => {
    while (!signal.aborted) {
      await deps.sleep(SYNC_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await bringHome(box, run, so, signal);
      } catch (error) {
        if (!isLost(error) && !signal.aborted) {
          const message = error instanceof Error ? error.message : String(error);
          context.onEvent({ type: 'warning', message: `results could not be fetched just now: ${message}` });
        }
      }
    }
  })();
  try {
    return await work();
  } finally {
    stop.abort();
    await rounds;
  }
}

/** Merges the parts, computes the summary, writes the report, and tells the scores. Deterministic; can be repeated. */
export async function finishRun(machine: string, dir: string): Promise<EvalResult> {
  const manifest = await readManifest(dir);
  if (manifest === null) throw new GpuEvalError('bug', `${dir} holds no run.json`);
  const { summary } = await summarizeRun(dir, manifest);
  const report = await writeReport(dir);
  return toResult(machine, dir, report, summary);
}

function toResult(machine: string, dir: string, report: string, summary: Summary): EvalResult {
  const benchmarks: Record<string, BenchmarkResult> = {};
  for (const [name, found] of Object.entries(summary.benchmarks)) {
    const { score, n, ungraded, missing, standardError, interval, bounds, outcomes, final, sandbox, controls } = found;
    benchmarks[name] = {
      score,
      n,
      ungraded,
      missing,
      standardError,
      interval,
      bounds,
      outcomes: outcomes as Readonly<Record<string, number>>,
      final,
      sandbox,
      controls,
    };
  }
  const { runId, model, final, notRun, warnings } = summary;
  return { run: dir, runId, machine, model, report, final, benchmarks, notRun, warnings };
}
