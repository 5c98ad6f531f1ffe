import { availableParallelism } from 'node:os';
import { GpuEvalError } from '../../core/errors.ts';
import type { SandboxKind } from '../../core/machine.ts';
import type { CreateGrader, Grader, GraderOptions, OpenTask, Verdict } from '../contracts.ts';
import { tellFixes, tellRefused } from '../sandbox/description.ts';
import { type PythonVerdict, type Ready, requestLine, timeLimitS } from './messages.ts';
import { PythonProcess } from './python-process.ts';
import { refuseTooLong, toVerdict, ungraded } from './verdicts.ts';

/** Beyond every limit inside the grader, which are stretched for slow sandboxes and tried twice. */
const SILENCE_MS = 15 * 60_000;
const SILENCE_PER_LIMIT = 32;
const MAX_RESTARTS = 5;
/** Programs run beside a model server: more slots than this gain nothing that the queue could use. */
const MAX_SLOTS = 32;

type Waiting = {
  readonly task: OpenTask;
  tries: number;
  timer: NodeJS.Timeout | null;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * A grader for the kinds that a run needs: the grader process (remote/grader) is started, its sandboxes are probed, and
 * the strongest that held is taken and told.
 * @throws {GpuEvalError} `grading` where no safe sandbox works here, a package is missing, or Python does not start.
 */
export const createGrader: CreateGrader = async (options) => {
  if (options.kinds.length === 0) throw new GpuEvalError('bug', 'a grader was asked for, and no benchmark needs one');
  const slots = Math.max(1, options.grading.slots ?? Math.min(availableParallelism(), MAX_SLOTS));
  return PythonGrader.start(options, slots);
};

class PythonGrader implements Grader {
  readonly slots: number;
  #sandbox: SandboxKind = 'none';
  readonly #options: GraderOptions;
  readonly #waiting = new Map<number, Waiting>();
  #process: PythonProcess | null = null;
  #starting: Promise<void> | null = null;
  #nextId = 1;
  #restarts = 0;
  #closed = false;
  #broken: GpuEvalError | null = null;

  private constructor(options: GraderOptions, slots: number) {
    this.#options = options;
    this.slots = slots;
  }

  static async start(options: GraderOptions, slots: number): Promise<PythonGrader> {
    const grader = new PythonGrader(options, slots);
    const ready = await grader.#launch(options.grading.sandbox);
    options.onEvent({ type: 'sandbox', kind: grader.#sandbox, reason: reasonFor(ready, options.grading.sandbox) });
    if (grader.#sandbox === 'none') {
      options.onEvent({
        type: 'warning',
        message: 'what the model wrote runs without a sandbox: it can read and change this user’s files',
        hint: 'leave out --sandbox none, except on a machine that you can throw away',
      });
    }
    return grader;
  }

  get sandbox(): SandboxKind {
    return this.#sandbox;
  }

  grade(task: OpenTask, signal?: AbortSignal): Promise<Verdict> {
    const tooLong = refuseTooLong(task);
    if (tooLong !== null) return Promise.resolve(tooLong);
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#broken !== null) return Promise.reject(this.#broken);
    if (this.#closed) return Promise.reject(new GpuEvalError('bug', 'a task for a grader that is closed'));
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const abort = (): void => {
        this.#take(id);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      const finish = (): void => signal?.removeEventListener('abort', abort);
      this.#waiting.set(id, {
        task,
        tries: 0,
        timer: null,
        resolve: (verdict) => {
          finish();
          resolve(verdict);
        },
        reject: (error) => {
          finish();
          reject(error);
        },
      });
      this.#send(id);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const id of [...this.#waiting.keys()]) {
      this.#take(id)?.reject(new GpuEvalError('interrupted', 'the grader was closed'));
    }
    await this.#starting?.catch(() => undefined);
    await this.#process?.close();
  }

  /** Asks for one task; where no process runs, it is asked for after the restart. */
  #send(id: number): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined || this.#process === null) return;
    waiting.tries += 1;
    const limitMs = SILENCE_MS + timeLimitS(waiting.task) * SILENCE_PER_LIMIT * 1000;
    waiting.timer = setTimeout(() => this.#process?.kill(), limitMs);
    this.#process.write(requestLine(id, waiting.task));
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (waiting?.timer) clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    return waiting;
  }

  #onVerdict(verdict: PythonVerdict): void {
    const waiting = this.#take(verdict.id); // undefined: aborted meanwhile
    waiting?.resolve(toVerdict(waiting.task, verdict, this.#sandbox));
  }

  async #launch(sandbox: SandboxKind | 'auto'): Promise<Ready> {
    const { grading, kinds, env, signal } = this.#options;
    let own: PythonProcess | null = null;
    const { process, ready } = await PythonProcess.start(
      {
        python: grading.python,
        arguments: [
          grading.graderDir,
          'serve',
          ...['--sandbox', sandbox, '--slots', String(this.slots), '--cache', grading.cacheDir],
          ...['--needs', kinds.join(',')],
        ],
        env,
        onVerdict: (verdict) => this.#onVerdict(verdict),
        onEnd: (reason) => {
          if (own !== null && own === this.#process) this.#onEnd(reason);
        },
      },
      signal,
    );
    if (!ready.ready || ready.sandbox === null) {
      await process.close();
      throw refusal(ready);
    }
    if (process.ended) throw new GpuEvalError('grading', 'the grader ended as soon as it was ready');
    own = process;
    this.#process = process;
    this.#sandbox = ready.sandbox;
    return ready;
  }

  /** The process is gone: what it worked on is asked for once more, in a new one. */
  #onEnd(reason: string): void {
    this.#process = null;
    if (this.#closed) return;
    for (const [id, waiting] of [...this.#waiting]) {
      if (waiting.timer) clearTimeout(waiting.timer);
      waiting.timer = null;
      if (waiting.tries < 2) continue;
      this.#take(id)?.resolve(ungraded(waiting.task, this.#sandbox, `the grader ended twice at this task: ${reason}`));
    }
    this.#restarts += 1;
    if (this.#restarts > MAX_RESTARTS) {
      this.#giveUp(new GpuEvalError('grading', `the grader ended ${this.#restarts} times`, { why: reason }));
      return;
    }
    this.#options.onEvent({ type: 'warning', message: `the grader is started again: ${reason}` });
    this.#starting = this.#launch(this.#sandbox).then(
      () => {
        for (const id of this.#waiting.keys()) this.#send(id);
      },
      (error: unknown) =>
        this.#giveUp(
          error instanceof GpuEvalError
            ? error
            : new GpuEvalError('grading', 'the grader could not be started again', { why: reason, cause: error }),
        ),
    );
  }

  #giveUp(error: GpuEvalError): void {
    this.#broken = error;
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(error);
  }
}

function reasonFor(ready: Ready, wanted: SandboxKind | 'auto'): string {
  if (ready.sandbox === 'none') return 'asked for with --sandbox none';
  const held = `held against ${ready.probes.length} kinds of attack here (${ready.probes.join(', ')})`;
  const refused = wanted === 'auto' ? tellRefused(ready.refused) : '';
  const notes = Object.values(ready.notes ?? {});
  return [held, ...notes, ...(refused === '' ? [] : [`not taken: ${refused}`])].join('; ');
}

function refusal(ready: Ready): GpuEvalError {
  if (ready.missing !== null) {
    return new GpuEvalError('grading', 'a Python package that grading needs is missing', {
      why: ready.missing,
      hint: 'gpu-eval setup (it makes the grader’s Python environment)',
    });
  }
  return new GpuEvalError('grading', 'no safe sandbox works on this machine', {
    why: tellRefused(ready.refused),
    hint: tellFixes(ready.refused),
  });
}
