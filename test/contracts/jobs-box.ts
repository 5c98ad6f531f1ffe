import { expect } from 'vitest';
import type { JobSpec, JobState, Jobs, LogPiece } from '../../src/core/job.ts';
import type { Session } from '../../src/core/session.ts';

/** A machine with a fresh folder, and the jobs under test on it. */
export type JobsBox = {
  readonly jobs: Jobs;
  /** A live session for looking around; the same that the jobs use. */
  readonly session: () => Promise<Session>;
  /** Empty folder on the machine, ours alone, removed by dispose. */
  readonly root: string;
  readonly python: string;
  /** Ends the login in good order. The next call opens a new one. */
  logout(): Promise<void>;
  /** Cuts the transport under whatever goes on. The next call opens a new one. */
  cut(): Promise<void>;
  dispose(): Promise<void>;
};

/** A spec that runs a shell script in the box's root. */
export function shellSpec(box: JobsBox, script: string, parts: Partial<JobSpec> = {}): JobSpec {
  return {
    argv: ['/bin/sh', '-c', script],
    cwd: box.root,
    env: {},
    secretEnv: {},
    logPath: `${box.root}/logs/job.log`,
    ...parts,
  };
}

/** Runs a shell script on the box, in its root, and returns what it printed. */
export async function shell(box: JobsBox, script: string, stdin = ''): Promise<string> {
  const session = await box.session();
  const end = await session.exec({ argv: ['/bin/sh', '-c', script], cwd: box.root }, { stdin });
  if (end.kind !== 'exited' || end.exitCode !== 0) {
    throw new Error(`${script} ended with ${JSON.stringify(end).slice(0, 2000)}`);
  }
  return end.stdout;
}

/** Runs a Python program on the box and returns what it printed. */
export async function python(box: JobsBox, program: string, stdin = ''): Promise<string> {
  const session = await box.session();
  const end = await session.exec({ argv: [box.python, '-c', program], cwd: box.root }, { stdin });
  if (end.kind !== 'exited' || end.exitCode !== 0) throw new Error(JSON.stringify(end).slice(0, 2000));
  return end.stdout;
}

/** Polls until the probe gives something other than undefined. */
export async function until<T>(what: string, probe: () => Promise<T | undefined>, limitMs = 20_000): Promise<T> {
  const deadline = Date.now() + limitMs;
  while (Date.now() < deadline) {
    const found = await probe();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  throw new Error(`not within ${limitMs} ms: ${what}`);
}

export async function untilEnded(box: JobsBox, jobDir: string): Promise<JobState> {
  return until(`${jobDir} has ended`, async () => {
    const state = await box.jobs.status(jobDir);
    return state.kind === 'running' ? undefined : state;
  });
}

/** The contents of a file that a job's script writes, once it is there and ends with a newline. */
export async function untilWritten(box: JobsBox, name: string): Promise<string> {
  return until(`${name} is written`, async () => {
    const text = await shell(box, `cat ${name} 2>/dev/null || true`);
    return text.endsWith('\n') ? text.trim() : undefined;
  });
}

/** Of the given pids, those that live (a zombie does not). */
export async function living(box: JobsBox, pids: readonly string[]): Promise<string[]> {
  const isAlive = `grep -qs '^State:[[:space:]]*[^ZX[:space:]]' /proc/$p/status`;
  const lines = await shell(box, `for p in ${pids.join(' ')}; do if ${isAlive}; then echo $p; fi; done`);
  return lines.split('\n').filter((line) => line !== '');
}

/** All pieces of a followed file as one; asserts that each begins where the last ended. */
export async function collect(pieces: AsyncIterable<LogPiece>, fromOffset = 0): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let offset = fromOffset;
  for await (const piece of pieces) {
    expect(piece.offset).toBe(offset);
    offset += piece.bytes.length;
    parts.push(piece.bytes);
  }
  return Buffer.concat(parts);
}
