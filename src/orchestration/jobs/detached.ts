import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { ConnectionLostError, GpuEvalError } from '../../core/errors.ts';
import type { JobSpec, JobState, Jobs, LogPiece, StopReport } from '../../core/job.ts';
import type { ExecOptions, Session } from '../../core/session.ts';
import {
  FollowLines,
  readAnswer,
  specAnswerSchema,
  startSchema,
  statusSchema,
  stopSchema,
  toolMissing,
} from './answers.ts';
import { DEFAULT_RETRY, type Loss, Patience, type RetryPolicy } from './patience.ts';

export type DetachedJobsOptions = {
  /** A live session: the same one while it lives, a new one when it was lost. */
  readonly session: () => Promise<Session>;
  /** Python ≥ 3.10 on the machine. */
  readonly python: string;
  /** remote/job.py on the machine, its modules beside it. */
  readonly jobScript: string;
  /** Rejects as soon as the signal is aborted. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly retry?: RetryPolicy;
  /** Told before each wait for a new connection. */
  readonly onLost?: (loss: Loss) => void;
};

const DEFAULT_GRACE_MS = 10_000;
/** job.py waits up to 45 s for another start or stop of the same job, and ends orphans of a former run for up to 15 s. */
const ANSWER_LIMIT_MS = 120_000;
/** Followers that were killed one after the other, without a byte between, before that is told. */
const KILL_LIMIT = 5;

/**
 * Jobs as detached processes of the machine itself, through remote/job.py. A start or a stop carries an id, so that it
 * can be sent again when its answer was lost: it happens once, and the answer is the first one's.
 */
export class DetachedJobs implements Jobs {
  readonly #options: DetachedJobsOptions;
  /** Before the first connection a failure to connect is told at once: it is more likely a wrong name than a lost line. */
  #hasConnected = false;

  constructor(options: DetachedJobsOptions) {
    this.#options = options;
  }

  /** @throws {GpuEvalError} `job` when its program cannot be run (no such program, folder or secret), with the reason. */
  async start(
    jobDir: string,
    spec: JobSpec,
  ): Promise<{ readonly alreadyRunning: boolean; readonly state: JobState; readonly spec: JobSpec }> {
    const what = `starting ${jobDir}`;
    const { argv, cwd, env, secretEnv, freshSecrets, note, logPath } = spec;
    const answer = await this.#ask(startSchema, what, ['start', jobDir, '--request', randomUUID()], {
      stdin: JSON.stringify({ argv, cwd, env, secretEnv, freshSecrets, note, logPath }),
      timeoutMs: ANSWER_LIMIT_MS,
    });
    if (answer === null) throw toolMissing(what);
    return answer;
  }

  /** A machine that never got our tool has no job of ours: `absent`. */
  async status(jobDir: string): Promise<JobState> {
    const answer = await this.#ask(statusSchema, `asking for ${jobDir}`, ['status', jobDir], {});
    return answer?.states[0] ?? { kind: 'absent' };
  }

  async spec(jobDir: string): Promise<JobSpec | null> {
    const answer = await this.#ask(specAnswerSchema, `asking for ${jobDir}`, ['spec', jobDir], {});
    return answer?.spec ?? null;
  }

  async stop(jobDir: string, options: { readonly graceMs?: number } = {}): Promise<StopReport> {
    const graceMs = Math.max(0, Math.round(options.graceMs ?? DEFAULT_GRACE_MS));
    const argv = ['stop', jobDir, '--grace-ms', String(graceMs), '--request', randomUUID()];
    // Twice the grace: another stop may hold the lock for its own first.
    const timeoutMs = ANSWER_LIMIT_MS + 2 * graceMs;
    const answer = await this.#ask(stopSchema, `stopping ${jobDir}`, argv, { timeoutMs });
    return answer ?? { wasRunning: false, ended: 0, killed: 0, left: [] };
  }

  /**
   * @throws {GpuEvalError} `job` when the file was truncated, replaced or removed; `interrupted` by the signal.
   * @throws {ConnectionLostError} when the connection stayed lost for as long as the retry policy says.
   */
  async *follow(
    jobDir: string,
    path: string,
    options: { readonly fromOffset?: number; readonly follow?: boolean; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<LogPiece> {
    const { signal } = options;
    const what = `following ${path}`;
    const said = new FollowLines();
    const patience = this.#patience(signal);
    let offset = options.fromOffset ?? 0;
    let kills = 0;
    while (true) {
      try {
        const session = await this.#session();
        const argv = ['follow', path, String(offset), '--job', jobDir];
        if (options.follow === false) argv.push('--no-follow');
        if (said.identity !== undefined) argv.push('--identity', said.identity);
        said.begin();
        const chunks = session.stream(this.#command(argv), signal === undefined ? {} : { signal });
        for await (const chunk of chunks) {
          patience.reset();
          if (chunk.kind === 'stderr') said.add(chunk.bytes);
          if (chunk.kind === 'stdout') {
            const piece = { offset, bytes: chunk.bytes };
            // Counted before it is handed over: whoever takes a piece and leaves has it.
            offset += chunk.bytes.length;
            kills = 0;
            yield piece;
          }
          if (chunk.kind === 'end') {
            if (chunk.end.kind === 'exited' && chunk.end.exitCode === 0) return;
            if (chunk.end.kind === 'exited') throw said.error(what, chunk.end.exitCode);
            const end = chunk.end.kind === 'signaled' ? chunk.end.signal : 'a time limit';
            const why = `the follower on the machine was ended by ${end}`;
            kills += 1;
            if (kills > KILL_LIMIT) throw new GpuEvalError('job', `${what}: ${why}, ${kills} times in a row`);
            // The follower went, not the job: an sshd that restarts looks like this, and is the same as a lost line.
            throw new ConnectionLostError(`${what}: ${why}`);
          }
        }
        throw new ConnectionLostError(`${what}: the stream ended without an end`);
      } catch (error) {
        if (!this.#hasConnected) throw error;
        await patience.wait(error);
      }
    }
  }

  async #ask<T>(schema: z.ZodType<T>, what: string, argv: readonly string[], options: ExecOptions): Promise<T | null> {
    const patience = this.#patience(undefined);
    while (true) {
      try {
        const session = await this.#session();
        return readAnswer(schema, what, await session.exec(this.#command(argv), options));
      } catch (error) {
        if (!this.#hasConnected) throw error;
        await patience.wait(error);
      }
    }
  }

  #command(argv: readonly string[]) {
    // -B: a compiled module must not outlive the source that a later setup copies over it.
    return { argv: [this.#options.python, '-B', this.#options.jobScript, ...argv] } as const;
  }

  #patience(signal: AbortSignal | undefined): Patience {
    const { retry = DEFAULT_RETRY, sleep, onLost = () => {} } = this.#options;
    return new Patience({ policy: retry, sleep, onLost, signal });
  }

  async #session(): Promise<Session> {
    const session = await this.#options.session();
    this.#hasConnected = true;
    return session;
  }
}
