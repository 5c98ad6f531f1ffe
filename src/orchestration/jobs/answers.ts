import { z } from 'zod';
import { GpuEvalError } from '../../core/errors.ts';
import type { JobSpec, JobState, StopReport } from '../../core/job.ts';
import type { ExecResult } from '../../core/session.ts';

/** What remote/job.py prints, bounded: the box is somebody else's computer. */
const pid = z.int().min(1).max(0xffff_ffff);
const count = z.int().min(0).max(0xffff_ffff);
const moment = z.string().max(40);
const text = z.string().max(1 << 20);
const name = z.string().max(4096);

const specSchema: z.ZodType<JobSpec> = z.object({
  argv: z.tuple([text], text),
  cwd: name,
  env: z.record(name, text),
  secretEnv: z.record(name, name),
  freshSecrets: z.array(name).max(16).exactOptional(),
  note: z.string().max(65_536).exactOptional(),
  logPath: name,
});

const stateSchema: z.ZodType<JobState> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('absent') }),
  z.object({ kind: z.literal('running'), pid, startedAt: moment }),
  z.object({ kind: z.literal('exited'), exitCode: z.int().min(0).max(255), startedAt: moment, endedAt: moment }),
  z.object({
    kind: z.literal('signaled'),
    signal: z.string().regex(/^SIG[A-Z0-9+]{1,16}$/),
    startedAt: moment,
    endedAt: moment,
  }),
  z.object({ kind: z.literal('lost'), startedAt: moment }),
]);

export const startSchema = z.object({ alreadyRunning: z.boolean(), state: stateSchema, spec: specSchema });
/** A spec of another version, or a torn one, counts as none. */
export const specAnswerSchema = z.object({ spec: specSchema.nullable().catch(null) });
export const statusSchema = z.object({ states: z.tuple([stateSchema]) });
export const stopSchema: z.ZodType<StopReport> = z.object({
  wasRunning: z.boolean(),
  ended: count,
  killed: count,
  left: z.array(pid).max(100_000),
});

const failureSchema = z.object({
  error: z.object({ reason: z.string().max(64), message: z.string().max(8192) }),
});

/** One line of what `follow` says beside the file's bytes. */
const followLineSchema = z.union([failureSchema, z.object({ identity: z.string().max(64) }), z.object({}).loose()]);

/**
 * What a call of the job tool answered.
 * @returns `null` where the tool itself is not on the box, which is for the caller to judge.
 * @throws {GpuEvalError} `job` for the tool's own failures, and for what cannot be read.
 */
export function readAnswer<T>(schema: z.ZodType<T>, what: string, result: ExecResult): T | null {
  if (result.kind === 'timedOut') {
    throw new GpuEvalError('job', `${what}: the job tool on the machine did not answer in time`, {
      why: lastLine(result.stderr),
    });
  }
  if (result.kind === 'exited' && isToolMissing(result.exitCode, result.stderr)) return null;
  const answer = parseJson(result.stdout);
  const failure = failureSchema.safeParse(answer);
  if (failure.success) throw failed(what, failure.data.error);
  const parsed = schema.safeParse(answer);
  if (parsed.success && !result.truncated) return parsed.data;
  const end = result.kind === 'exited' ? `exit code ${result.exitCode}` : result.signal;
  throw new GpuEvalError('job', `${what}: the job tool on the machine gave an answer that cannot be read`, {
    why: `${end}; stdout ${shown(result.stdout)}; stderr ${shown(lastLine(result.stderr) ?? '')}`,
    hint: 'gpu-eval setup copies the tool there anew',
    cause: parsed.error,
  });
}

/** Reads the lines that `follow` writes to stderr: the file's identity, and its failure if there is one. */
export class FollowLines {
  identity: string | undefined;
  #failure: z.infer<typeof failureSchema>['error'] | undefined;
  #rest = '';
  #last = '';
  readonly #decoder = new TextDecoder();

  /** The next try's own words begin; the identity is kept. */
  begin(): void {
    this.#failure = undefined;
    this.#rest = '';
    this.#last = '';
  }

  add(bytes: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n');
    this.#rest = (lines.pop() ?? '').slice(-16_384);
    for (const line of lines) {
      this.#last = line;
      const parsed = followLineSchema.safeParse(parseJson(line));
      if (!parsed.success) continue;
      if ('error' in parsed.data) this.#failure = failureSchema.safeParse(parsed.data).data?.error ?? this.#failure;
      if ('identity' in parsed.data && typeof parsed.data.identity === 'string') this.identity = parsed.data.identity;
    }
  }

  error(what: string, exitCode: number): GpuEvalError {
    if (this.#failure !== undefined) return failed(what, this.#failure);
    const last = this.#rest === '' ? this.#last : this.#rest;
    if (isToolMissing(exitCode, last)) return toolMissing(what);
    return new GpuEvalError('job', `${what}: the follower on the machine failed`, {
      why: `exit code ${exitCode}; ${shown(last)}`,
    });
  }
}

export function toolMissing(what: string): GpuEvalError {
  return new GpuEvalError('job', `${what}: the job tool is not on the machine`, { hint: 'gpu-eval setup' });
}

const HINTS: Readonly<Record<string, string>> = {
  program_missing: 'gpu-eval setup installs what a job needs',
  cwd_missing: 'gpu-eval setup',
  secret_missing: 'run the same command again: it puts the secret there before it starts the job',
  busy: 'wait for the other call to end, then try again',
};

function failed(what: string, failure: { reason: string; message: string }): GpuEvalError {
  return new GpuEvalError('job', `${what}: ${failure.message}`, { why: failure.reason, hint: HINTS[failure.reason] });
}

/** Python's own word that there is no such script. */
function isToolMissing(exitCode: number, stderr: string): boolean {
  return exitCode === 2 && stderr.includes("can't open file") && stderr.includes('[Errno 2]');
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const shown = (seen: string): string => (seen === '' ? '(nothing)' : JSON.stringify(seen.slice(0, 300)));
const lastLine = (output: string): string | undefined => output.trim().split('\n').at(-1)?.slice(0, 500) || undefined;
