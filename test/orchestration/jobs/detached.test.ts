import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConnectionLostError, GpuEvalError } from '../../../src/core/errors.ts';
import type { JobSpec } from '../../../src/core/job.ts';
import type { Chunk, ExecResult, Session } from '../../../src/core/session.ts';
import type { Command } from '../../../src/core/shell.ts';
import { DetachedJobs } from '../../../src/orchestration/jobs/detached.ts';
import { DEFAULT_RETRY } from '../../../src/orchestration/jobs/patience.ts';
import { LocalSession } from '../../../src/orchestration/sessions/local.ts';
import { collect } from '../../contracts/jobs-box.ts';
import { JOB_SCRIPT, PYTHON } from './local-box.ts';

const SPEC: JobSpec = { argv: ['true'], cwd: '/', env: {}, secretEnv: {}, logPath: '/l' };

/** A session of which only exec and stream are there; whatever else is called fails the test. */
function sessionOf(parts: Partial<Pick<Session, 'exec' | 'stream'>>): Session {
  const unexpected = (): never => {
    throw new Error('an unexpected call of the session');
  };
  return {
    description: 'a stand-in',
    kind: 'ssh',
    exec: parts.exec ?? unexpected,
    stream: parts.stream ?? unexpected,
    upload: unexpected,
    download: unexpected,
    forward: unexpected,
    forwardBack: unexpected,
    close: async () => {},
  };
}

function jobsOver(session: () => Promise<Session>) {
  const delays: number[] = [];
  const jobs = new DetachedJobs({
    session,
    python: PYTHON,
    jobScript: JOB_SCRIPT,
    sleep: async (ms) => {
      delays.push(ms);
    },
  });
  return { jobs, delays };
}

const printed = (stdout: string, parts: { stderr?: string; exitCode?: number } = {}): ExecResult => ({
  kind: 'exited',
  exitCode: parts.exitCode ?? 0,
  stdout,
  stderr: parts.stderr ?? '',
  truncated: false,
});
const lost = () => new ConnectionLostError('lost by the test');
const text = (kind: 'stdout' | 'stderr', value: string): Chunk => ({ kind, bytes: new TextEncoder().encode(value) });

describe('answers of the job tool', () => {
  const statusOf = (answer: ExecResult) =>
    jobsOver(async () => sessionOf({ exec: async () => answer })).jobs.status('/j');

  it.each([
    ['no JSON', 'hello'],
    ['nothing', ''],
    ['another shape', '{"states": "running"}'],
    ['a pid that is none', '{"states": [{"kind": "running", "pid": -1, "startedAt": "x"}]}'],
    [
      'a signal that would reach the terminal',
      '{"states": [{"kind": "signaled", "signal": "\\u001b[2J", "startedAt": "", "endedAt": ""}]}',
    ],
    ['an endless time', JSON.stringify({ states: [{ kind: 'lost', startedAt: 'x'.repeat(1000) }] })],
  ])('refuses %s and shows what was seen', async (_name, stdout) => {
    const status = statusOf(printed(stdout, { stderr: 'Traceback\nboom\n' }));
    await expect(status).rejects.toMatchObject({ code: 'job', why: expect.stringMatching(/exit code 0; .*"boom"/) });
  });

  it('passes on the failure that the tool tells', async () => {
    const answer = printed('{"error": {"reason": "busy", "message": "another start"}}', { exitCode: 1 });
    await expect(statusOf(answer)).rejects.toMatchObject({
      code: 'job',
      message: 'asking for /j: another start',
      why: 'busy',
    });
  });

  it('takes a machine without the tool for one without jobs, where nothing can be started', async () => {
    const session = async () => new LocalSession({ transferSource: '' });
    const sleep = async () => {};
    const jobs = new DetachedJobs({ session, python: PYTHON, jobScript: '/nowhere/job.py', sleep });
    expect(await jobs.status('/j')).toEqual({ kind: 'absent' });
    expect(await jobs.stop('/j')).toEqual({ wasRunning: false, ended: 0, killed: 0, left: [] });
    await expect(jobs.start('/j', SPEC)).rejects.toMatchObject({ code: 'job', hint: 'gpu-eval setup' });
    await expect(collect(jobs.follow('/j', '/j/log'))).rejects.toMatchObject({ code: 'job', hint: 'gpu-eval setup' });
  });

  it('says so when the tool does not answer in time', async () => {
    const answer: ExecResult = { kind: 'timedOut', stdout: '', stderr: '', truncated: false };
    await expect(statusOf(answer)).rejects.toMatchObject({ code: 'job', message: expect.stringContaining('in time') });
  });
});

describe('a lost connection', () => {
  const absent = printed('{"states": [{"kind": "absent"}]}');

  it('is tried again with growing delays, over a new session each time', async () => {
    let calls = 0;
    const { jobs, delays } = jobsOver(async () => {
      calls += 1;
      const mine = calls;
      return sessionOf({ exec: async () => (mine <= 9 ? Promise.reject(lost()) : absent) });
    });
    expect(await jobs.status('/j')).toEqual({ kind: 'absent' });
    expect(delays).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  });

  it('is given up after about ten minutes', async () => {
    const { jobs, delays } = jobsOver(async () => sessionOf({ exec: async () => Promise.reject(lost()) }));
    await expect(jobs.status('/j')).rejects.toBeInstanceOf(ConnectionLostError);
    expect(delays).toHaveLength(DEFAULT_RETRY.limit - 1);
    const minutes = delays.reduce((sum, delay) => sum + delay, 0) / 60_000;
    expect(minutes).toBeGreaterThan(9);
    expect(minutes).toBeLessThan(11);
  });

  it('is told at once where there never was one, and so is every other error', async () => {
    const refused = new GpuEvalError('connection', 'refused');
    const never = jobsOver(async () => Promise.reject(refused));
    await expect(never.jobs.status('/j')).rejects.toBe(refused);
    const changedKey = new GpuEvalError('host_key', 'changed');
    let calls = 0;
    const changed = jobsOver(async () => {
      calls += 1;
      if (calls > 1) throw changedKey;
      return sessionOf({ exec: async () => Promise.reject(lost()) });
    });
    await expect(changed.jobs.status('/j')).rejects.toBe(changedKey);
    expect([...never.delays, ...changed.delays]).toEqual([250]);
  });

  it('goes on with a follow from the next byte, and asks for the same file', async () => {
    const asked: string[][] = [];
    const streams: (() => AsyncGenerator<Chunk>)[] = [
      async function* () {
        yield text('stderr', '{"following": "/f"}\n{"ident');
        yield text('stderr', 'ity": "7:9"}\n');
        yield text('stdout', 'abc');
        throw lost();
      },
      async function* () {
        yield* [];
        throw lost();
      },
      async function* () {
        yield text('stdout', 'de');
        yield { kind: 'end', end: { kind: 'signaled', signal: 'SIGTERM' } };
      },
      async function* () {
        yield text('stdout', 'f');
        yield { kind: 'end', end: { kind: 'exited', exitCode: 0 } };
      },
    ];
    const stream = (command: Command) => {
      asked.push(command.argv.slice(3));
      const next = streams.shift();
      if (next === undefined) throw new Error('one stream too many');
      return next();
    };
    const { jobs } = jobsOver(async () => sessionOf({ stream }));
    expect((await collect(jobs.follow('/j', '/f', { fromOffset: 10 }), 10)).toString()).toBe('abcdef');
    expect(asked.map((argv) => argv[2])).toEqual(['10', '13', '13', '15']);
    expect(asked.map((argv) => argv.includes('--identity'))).toEqual([false, true, true, true]);
  });

  it('is no excuse for a follower that is killed again and again', async () => {
    const stream = async function* (): AsyncGenerator<Chunk> {
      yield text('stderr', '{"following": "/f"}\n');
      yield { kind: 'end', end: { kind: 'signaled', signal: 'SIGKILL' } };
    };
    const { jobs } = jobsOver(async () => sessionOf({ stream }));
    await expect(collect(jobs.follow('/j', '/f'))).rejects.toMatchObject({
      code: 'job',
      message: expect.stringContaining('SIGKILL, 6 times'),
    });
  });
});

describe('an answer that was lost on its way', () => {
  let root = '';
  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'gpu-eval-lost-')));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  /** Does what it is asked for on this machine; the first answer to each kind of call never arrives. */
  function forgetful() {
    const local = new LocalSession({ transferSource: '' });
    const forgotten = new Set<string>();
    return jobsOver(async () =>
      sessionOf({
        exec: async (command, options) => {
          const answer = await local.exec(command, options);
          const verb = command.argv[3] ?? '';
          if (forgotten.has(verb)) return answer;
          forgotten.add(verb);
          throw lost();
        },
      }),
    ).jobs;
  }
  const spec = (script: string): JobSpec => ({
    argv: ['/bin/sh', '-c', script],
    cwd: root,
    env: {},
    secretEnv: {},
    logPath: join(root, 'log'),
  });

  it('does not run a short job twice', async () => {
    const jobs = forgetful();
    const started = await jobs.start(join(root, 'a'), spec('echo once'));
    expect(started.alreadyRunning).toBe(false);
    const { jobs: reader } = jobsOver(async () => new LocalSession({ transferSource: '' }));
    await collect(reader.follow(join(root, 'a'), join(root, 'log')));
    expect(await readFile(join(root, 'log'), 'utf8')).toBe('once\n');
  });

  it('tells the failure to start again', async () => {
    const start = forgetful().start(join(root, 'a'), { ...spec(''), argv: ['no-such-program-anywhere'] });
    await expect(start).rejects.toMatchObject({ code: 'job', message: expect.stringContaining('no such program') });
  });

  it('tells what the stop did, not that there was nothing left to stop', async () => {
    const jobs = forgetful();
    const { state } = await jobs.start(join(root, 'a'), spec('exec sleep 300'));
    expect(state.kind).toBe('running');
    const report = await jobs.stop(join(root, 'a'), { graceMs: 2000 });
    expect(report).toEqual({ wasRunning: true, ended: 1, killed: 0, left: [] });
  });
});
