import { expect, it } from 'vitest';
import { type JobsBox, living, python, shell, shellSpec, until, untilEnded, untilWritten } from './jobs-box.ts';

/** A tree with one of each kind that hides: a double-forked daemon, a new session, one that ignores SIGTERM. */
const TREE = [
  'import os, signal, subprocess, sys, time',
  'def daemon():',
  '    if os.fork() == 0:',
  '        os.setsid()',
  '        if os.fork() == 0:',
  '            os.chdir("/")',
  '            note("daemon")',
  '            while True: time.sleep(1)',
  '        os._exit(0)',
  'def note(name):',
  '    open(ROOT + "/" + name, "w").write(str(os.getpid()) + "\\n")',
  'ROOT = os.getcwd()',
  'daemon()',
  'subprocess.Popen(["setsid", "sh", "-c", "echo $$ > session; exec sleep 300"])',
  'subprocess.Popen(["sh", "-c", "trap \'\' TERM; echo $$ > deaf; while :; do sleep 0.05; done"])',
  'subprocess.Popen(["env", "-i", "sh", "-c", "echo $$ > bare; while :; do sleep 300; done"])',
  'note("main")',
  'while True: time.sleep(1)',
].join('\n');

export function describeStop(getBox: () => JobsBox): void {
  it('has nothing to stop where nothing was started', async () => {
    const box = getBox();
    expect(await box.jobs.status(`${box.root}/none`)).toEqual({ kind: 'absent' });
    const report = await box.jobs.stop(`${box.root}/none`);
    expect(report).toEqual({ wasRunning: false, ended: 0, killed: 0, left: [] });
  });

  it('ends the whole tree and nothing else', async () => {
    const box = getBox();
    const job = `${box.root}/tree`;
    const neighbour = `${box.root}/neighbour`;
    await box.jobs.start(neighbour, shellSpec(box, 'exec sleep 300'));
    await box.jobs.start(job, { ...shellSpec(box, ''), argv: [box.python, '-c', TREE] });
    const names = ['main', 'daemon', 'session', 'deaf', 'bare'];
    const pids = await Promise.all(names.map((name) => untilWritten(box, name)));
    expect(await living(box, pids)).toHaveLength(names.length);
    const report = await box.jobs.stop(job, { graceMs: 400 });
    expect(report).toMatchObject({ wasRunning: true, left: [] });
    expect(report.ended).toBeGreaterThanOrEqual(names.length);
    expect(report.killed).toBeGreaterThanOrEqual(1);
    expect(report.killed).toBeLessThan(report.ended);
    expect(await living(box, pids)).toEqual([]);
    expect(await box.jobs.status(job)).toMatchObject({ kind: 'signaled', signal: 'SIGTERM' });
    expect(await box.jobs.status(neighbour)).toMatchObject({ kind: 'running' });
    const again = await box.jobs.stop(job, { graceMs: 400 });
    expect(again).toEqual({ wasRunning: false, ended: 0, killed: 0, left: [] });
    expect(await box.jobs.stop(neighbour, { graceMs: 2000 })).toMatchObject({ wasRunning: true, killed: 0 });
  });

  it('lets a program end itself within the grace time, and calls that stopped', async () => {
    const box = getBox();
    const job = `${box.root}/a`;
    const script = `trap 'echo tidy; exit 0' TERM; echo ready; while :; do sleep 0.02; done`;
    await box.jobs.start(job, shellSpec(box, script));
    await until('it is ready', async () => ((await shell(box, 'cat logs/job.log')) === '' ? undefined : true));
    expect(await box.jobs.stop(job, { graceMs: 10_000 })).toMatchObject({ wasRunning: true, killed: 0, left: [] });
    expect(await box.jobs.status(job)).toMatchObject({ kind: 'signaled', signal: 'SIGTERM' });
    // The shell itself tells of the sleep that ended with it.
    expect(await shell(box, 'cat logs/job.log')).toMatch(/^ready\n(Terminated\n)?tidy\n$/);
  });

  it('finds the orphans of a wrapper that was killed, and ends them', async () => {
    const box = getBox();
    const job = `${box.root}/tree`;
    const neighbour = `${box.root}/neighbour`;
    await box.jobs.start(neighbour, shellSpec(box, 'exec sleep 300'));
    const { state } = await box.jobs.start(job, { ...shellSpec(box, ''), argv: [box.python, '-c', TREE] });
    const names = ['main', 'daemon', 'session', 'deaf'];
    const pids = await Promise.all(names.map((name) => untilWritten(box, name)));
    if (state.kind !== 'running') throw new Error(state.kind);
    await shell(box, `kill -KILL ${state.pid}`);
    expect(await untilEnded(box, job)).toEqual({ kind: 'lost', startedAt: state.startedAt });
    expect(await living(box, pids)).toHaveLength(names.length);
    const report = await box.jobs.stop(job, { graceMs: 400 });
    expect(report).toMatchObject({ wasRunning: true, left: [] });
    expect(report.ended).toBeGreaterThanOrEqual(names.length);
    expect(await living(box, pids)).toEqual([]);
    expect(await box.jobs.status(job)).toMatchObject({ kind: 'signaled', signal: 'SIGTERM' });
    expect(await box.jobs.status(neighbour)).toMatchObject({ kind: 'running' });
    await box.jobs.stop(neighbour, { graceMs: 2000 });
  });

  it('ends the orphans of a lost job before it is started anew', async () => {
    const box = getBox();
    const job = `${box.root}/a`;
    const { state } = await box.jobs.start(job, shellSpec(box, 'echo $$ > main; exec sleep 300'));
    const pid = await untilWritten(box, 'main');
    if (state.kind !== 'running') throw new Error(state.kind);
    await shell(box, `kill -KILL ${state.pid}`);
    await untilEnded(box, job);
    expect(await living(box, [pid])).toEqual([pid]);
    expect(await box.jobs.start(job, shellSpec(box, 'exit 3'))).toMatchObject({ alreadyRunning: false });
    expect(await living(box, [pid])).toEqual([]);
    expect(await untilEnded(box, job)).toMatchObject({ kind: 'exited', exitCode: 3 });
  });

  it('records the end also when somebody else asks the wrapper to end', async () => {
    const box = getBox();
    const { state } = await box.jobs.start(`${box.root}/a`, shellSpec(box, 'echo $$ > main; exec sleep 300'));
    const pid = await untilWritten(box, 'main');
    if (state.kind !== 'running') throw new Error(state.kind);
    await shell(box, `kill -TERM ${state.pid}`);
    expect(await untilEnded(box, `${box.root}/a`)).toMatchObject({ kind: 'signaled', signal: 'SIGTERM' });
    expect(await living(box, [pid])).toEqual([]);
  });

  it('tells another process of the same number apart, and leaves it alone', async () => {
    const box = getBox();
    const foreign = `${box.root}/foreign`;
    const job = `${box.root}/a`;
    const { state } = await box.jobs.start(foreign, shellSpec(box, 'exec sleep 300'));
    if (state.kind !== 'running') throw new Error(state.kind);
    const forge = (boot: string, start: string) =>
      python(
        box,
        [
          'import json, pathlib, sys',
          'foreign, job, boot, start = json.loads(sys.stdin.read())',
          'record = json.loads((pathlib.Path(foreign) / "pid.json").read_text())',
          'record = {**record, "marker": "0" * 32, "boot": boot or record["boot"], "start": start or record["start"]}',
          'pathlib.Path(job).mkdir(exist_ok=True)',
          '(pathlib.Path(job) / "pid.json").write_text(json.dumps(record))',
        ].join('\n'),
        JSON.stringify([foreign, job, boot, start]),
      );
    for (const [boot, start] of [
      ['', '1'],
      ['00000000-0000-0000-0000-000000000000', ''],
    ] as const) {
      await forge(boot, start);
      expect(await box.jobs.status(job)).toMatchObject({ kind: 'lost' });
      const report = await box.jobs.stop(job, { graceMs: 100 });
      expect(report).toEqual({ wasRunning: false, ended: 0, killed: 0, left: [] });
      expect(await box.jobs.status(foreign)).toEqual(state);
    }
    // The number alone would have been taken for a running job; so an own one can be started here.
    expect(await box.jobs.start(job, shellSpec(box, 'exit 0'))).toMatchObject({ alreadyRunning: false });
    expect(await box.jobs.status(foreign)).toEqual(state);
    await box.jobs.stop(foreign, { graceMs: 2000 });
  });
}
