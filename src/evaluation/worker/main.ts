import { EXIT, GpuEvalError } from '../../core/errors.ts';
import { readSpec } from './spec.ts';
import { runWorker, type WorkerParts } from './worker.ts';

export type Ending = {
  /** 0 all done, 2 a bad spec, 3 a machine's trouble, 4 the server's, 5 some samples are missing or not graded, 130 interrupted. */
  readonly exitCode: number;
  /** For stderr; empty when all went well. */
  readonly told: string;
};

/** `worker.mjs SPEC`: runs the spec and tells how it ended. Never throws. */
export async function runWorkerCommand(
  args: readonly string[],
  parts: WorkerParts,
  signal: AbortSignal,
): Promise<Ending> {
  try {
    const [specPath, ...more] = args;
    if (specPath === undefined || more.length > 0) {
      throw new GpuEvalError('usage', 'the worker takes one file that tells what to do', {
        hint: 'worker.mjs job.json',
      });
    }
    await runWorker(await readSpec(specPath), parts, signal);
    return { exitCode: EXIT.ok, told: '' };
  } catch (error) {
    if (!(error instanceof GpuEvalError)) return { exitCode: EXIT.bug, told: `error: ${String(error)}\n` };
    const { message, why, hint, code, cause } = error;
    const stack = code === 'bug' && cause instanceof Error ? `${cause.stack ?? ''}\n` : '';
    const lines = [`error: ${message}`, ...(why ? [`  why:  ${why}`] : []), ...(hint ? [`  next: ${hint}`] : [])];
    return { exitCode: error.exitCode, told: `${lines.join('\n')}\n${stack}` };
  }
}
