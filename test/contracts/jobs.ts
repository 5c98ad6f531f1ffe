import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobSpec } from '../../src/core/job.ts';
import { type JobsBox, python, shell, shellSpec, until, untilEnded, untilWritten } from './jobs-box.ts';
import { describeFollow } from './jobs-follow.ts';
import { describeStop } from './jobs-stop.ts';

/** The contract of Jobs (src/core/job.ts), run against every implementation and every way to a machine. */
export function describeJobs(name: string, make: () => Promise<JobsBox>): void {
  describe(`jobs: ${name}`, () => {
    let current: JobsBox | undefined;
    const box = (): JobsBox => {
      if (current === undefined) throw new Error('no box');
      return current;
    };
    beforeEach(async () => {
      current = await make();
    });
    afterEach(async ({ task }) => {
      // What passed has stopped its own jobs; what failed may have left some.
      if (task.result?.state === 'fail') await stopAll(box());
      await current?.dispose();
      current = undefined;
    });
    describeStart(box);
    describeStop(box);
    describeFollow(box);
  });
}

async function stopAll(box: JobsBox): Promise<void> {
  const records = await shell(box, 'find . -name pid.json');
  for (const record of records.split('\n').filter((line) => line !== '')) {
    await box.jobs.stop(`${box.root}/${record.slice(2).replace(/\/pid\.json$/, '')}`, { graceMs: 0 });
  }
}

function describeStart(getBox: () => JobsBox): void {
  it('tells the exit code and keeps both outputs in a log that is ours alone', async () => {
    const box = getBox();
    const job = `${box.root}/jobs/a`;
    const spec = shellSpec(box, 'echo out; echo err >&2; exit 7');
    const started = await box.jobs.start(job, spec);
    expect(started).toMatchObject({ alreadyRunning: false, spec });
    const state = await untilEnded(box, job);
    expect(state).toMatchObject({ kind: 'exited', exitCode: 7 });
    if (state.kind !== 'exited') throw new Error(state.kind);
    expect(Date.parse(state.endedAt)).toBeGreaterThanOrEqual(Date.parse(state.startedAt));
    expect(await shell(box, 'cat logs/job.log')).toBe('out\nerr\n');
    const modes = await shell(box, 'stat -c %a logs/job.log jobs/a/job.json jobs/a/pid.json jobs/a/exit.json jobs/a');
    expect(modes.trim().split('\n')).toEqual(['600', '600', '600', '600', '700']);
  });

  it('tells the signal that ended it', async () => {
    const box = getBox();
    await box.jobs.start(`${box.root}/a`, shellSpec(box, 'kill -KILL $$'));
    expect(await untilEnded(box, `${box.root}/a`)).toMatchObject({ kind: 'signaled', signal: 'SIGKILL' });
  });

  it('hands argv, cwd and environment over as they are, with stdin empty and signals at their defaults', async () => {
    const box = getBox();
    const words = ['', ' a  b ', '$(id) `id` "\' \\', 'two\nlines', '-rf', 'ünïcødé 🦙', '\u001b[31m'];
    const program = [
      'import os, signal, sys, json',
      'handled = [n for n in (1, 2, 13, 15) if signal.getsignal(n) not in (signal.SIG_DFL, signal.default_int_handler)]',
      'bytes_ = [os.fsencode(word).hex() for word in sys.argv[1:]]',
      'print(json.dumps([bytes_, os.getcwd(), os.fsencode(os.environ["NAME"]).hex(), sys.stdin.read(), handled]))',
    ].join('\n');
    await shell(box, 'mkdir "odd é"');
    const spec: JobSpec = {
      ...shellSpec(box, ''),
      argv: [box.python, '-c', program, ...words],
      cwd: `${box.root}/odd é`,
      env: { NAME: 'välue\n2' },
    };
    await box.jobs.start(`${box.root}/a`, spec);
    expect(await untilEnded(box, `${box.root}/a`)).toMatchObject({ kind: 'exited', exitCode: 0 });
    const [argv, cwd, name, stdin, handled] = JSON.parse(await shell(box, 'cat logs/job.log'));
    expect(argv).toEqual(words.map((word) => Buffer.from(word).toString('hex')));
    expect(cwd).toBe(`${box.root}/odd é`);
    expect(Buffer.from(name, 'hex').toString()).toBe('välue\n2');
    expect(stdin).toBe('');
    // Python itself ignores SIGPIPE (13).
    expect(handled).toEqual([13]);
  });

  it('goes on after a logout and after a cut connection', async () => {
    const box = getBox();
    const job = `${box.root}/a`;
    await box.jobs.start(job, shellSpec(box, 'until [ -e gate ]; do sleep 0.02; done; echo through; exit 4'));
    await box.logout();
    expect(await box.jobs.status(job)).toMatchObject({ kind: 'running' });
    await box.cut();
    expect(await box.jobs.status(job)).toMatchObject({ kind: 'running' });
    await shell(box, 'touch gate');
    expect(await untilEnded(box, job)).toMatchObject({ kind: 'exited', exitCode: 4 });
    expect(await shell(box, 'cat logs/job.log')).toBe('through\n');
  });

  it('starts a running job no second time and tells what it runs with', async () => {
    const box = getBox();
    const job = `${box.root}/a`;
    const first = shellSpec(box, 'echo one; exec sleep 300', { env: { N: '1' } });
    const { state } = await box.jobs.start(job, first);
    expect(state).toMatchObject({ kind: 'running' });
    const again = await box.jobs.start(job, shellSpec(box, 'echo two; exec sleep 300'));
    expect(again).toEqual({ alreadyRunning: true, state, spec: first });
    await box.jobs.stop(job, { graceMs: 2000 });
    expect(await shell(box, 'cat logs/job.log')).toBe('one\n');
  });

  it('starts one of several that are asked for at the same moment', async () => {
    const box = getBox();
    const job = `${box.root}/a`;
    const spec = shellSpec(box, 'echo started; exec sleep 300');
    const answers = await Promise.all(Array.from({ length: 6 }, () => box.jobs.start(job, spec)));
    expect(answers.filter((answer) => !answer.alreadyRunning)).toHaveLength(1);
    expect(new Set(answers.map((answer) => JSON.stringify(answer.state))).size).toBe(1);
    await box.jobs.stop(job, { graceMs: 2000 });
    expect(await shell(box, 'cat logs/job.log')).toBe('started\n');
  });

  it('starts an ended job anew and appends to its log', async () => {
    const box = getBox();
    const job = `${box.root}/a`;
    for (const [index, code] of [3, 0, 5].entries()) {
      const started = await box.jobs.start(job, shellSpec(box, `echo run ${index}; exit ${code}`));
      expect(started.alreadyRunning).toBe(false);
      expect(await untilEnded(box, job)).toMatchObject({ kind: 'exited', exitCode: code });
    }
    expect(await shell(box, 'cat logs/job.log')).toBe('run 0\nrun 1\nrun 2\n');
  });

  it('ends what the main process leaves behind, and only then tells the end', async () => {
    const box = getBox();
    const job = `${box.root}/a`;
    const script = `(trap '' TERM; while :; do sleep 0.05; done) & echo $! > left.pid; (setsid sleep 300 &); exit 6`;
    await box.jobs.start(job, shellSpec(box, script));
    expect(await untilEnded(box, job)).toMatchObject({ kind: 'exited', exitCode: 6 });
    const pid = await untilWritten(box, 'left.pid');
    expect(await shell(box, `test -e /proc/${pid}/exe && echo alive || echo gone`)).toBe('gone\n');
  });

  it('says why a program cannot be run, and keeps 127 as its end', async () => {
    const box = getBox();
    await shell(box, 'echo hello > plain; chmod 644 plain');
    const cases: [Partial<JobSpec>, RegExp][] = [
      [{ argv: ['no-such-program-anywhere'] }, /no such program: no-such-program-anywhere/],
      [{ argv: [`${box.root}/plain`] }, /plain cannot be run/],
      [{ cwd: `${box.root}/nowhere` }, /folder does not exist: .*nowhere/],
      [{ secretEnv: { KEY: `${box.root}/secrets/key` } }, /secret for KEY is not there: .*secrets\/key/],
      [{ logPath: `${box.root}/plain/log` }, /log cannot be written/],
    ];
    for (const [index, [parts, message]] of cases.entries()) {
      const job = `${box.root}/jobs/${index}`;
      const start = box.jobs.start(job, shellSpec(box, 'true', parts));
      await expect(start).rejects.toMatchObject({ code: 'job', message: expect.stringMatching(message) });
      expect(await box.jobs.status(job)).toMatchObject({ kind: 'exited', exitCode: 127 });
    }
    // What failed once can be mended and started in the same folder.
    const mended = await box.jobs.start(`${box.root}/jobs/0`, shellSpec(box, 'exit 0'));
    expect(mended.alreadyRunning).toBe(false);
  });

  it('hands a secret to the program and shows it nowhere else', async () => {
    const box = getBox();
    // Made here, so that the search below does not find this test's own source.
    const secret = `marked-${Math.random().toString(36).slice(2)}-${Date.now()}`;
    const job = `${box.root}/jobs/a`;
    await shell(box, 'mkdir -m 700 secrets; umask 077; cat > secrets/key', `${secret}\n`);
    const script = 'printf %s "$KEY" | wc -c; [ "$KEY" = "$(cat secrets/key)" ] && echo same; exec sleep 300';
    await box.jobs.start(job, shellSpec(box, script, { secretEnv: { KEY: `${box.root}/secrets/key` } }));
    await until('the program has spoken', async () =>
      (await shell(box, 'cat logs/job.log')).includes('same') ? true : undefined,
    );
    const search = [
      'import os, pathlib, sys',
      'needle = sys.stdin.buffer.read()',
      'for pid in filter(str.isdigit, os.listdir("/proc")):',
      '    try: text = pathlib.Path("/proc", pid, "cmdline").read_bytes()',
      '    except OSError: continue',
      '    if needle in text: print("argv of", pid)',
      'for path in pathlib.Path(".").rglob("*"):',
      '    if path.is_file() and needle in path.read_bytes(): print(path)',
    ].join('\n');
    expect(await python(box, search, secret)).toBe('secrets/key\n');
    await box.jobs.stop(job, { graceMs: 2000 });
    expect(await python(box, search, secret)).toBe('secrets/key\n');
    expect(await shell(box, 'head -n 1 logs/job.log')).toBe(`${secret.length}\n`);
  });
}
