import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, jsonOf, makePlace, type Place } from '../fixtures/command-line.ts';
import { type Sshd, sshdMissing, startSshd } from '../fixtures/sshd.ts';

const missing = sshdMissing({ otherUser: true });

/** Marked secrets: whatever of them turns up where it may not is found by its mark. */
const SECRETS = { OPENAI_API_KEY: 'sk-marked-7c1f0a-openai', HF_TOKEN: 'hf_marked7c1f0ahub' };

/**
 * The four verbs one after the other against a real sshd, as another user than the caller, with the real model served
 * there and the worker running there; and each of them killed with SIGKILL in the middle and called again.
 */
describe.skipIf(missing !== null)(`a box behind a real sshd${missing ? ` (left out: ${missing})` : ''}`, () => {
  let place: Place;
  let sshd: Sshd;
  let machine: readonly string[];
  beforeAll(async () => {
    sshd = await startSshd({ otherUser: true });
    place = makePlace();
    const host = `${sshd.user}@127.0.0.1:${sshd.port}`;
    machine = ['--machine', 'ssh', '--host', host, '--identity', sshd.identity, '--accept-new-host-key', '--json'];
  });
  afterAll(async () => {
    await place.run(['stop', ...machine]);
    await sshd.stop();
    place.remove();
  });
  const call = (args: readonly string[]): Promise<Ended> => place.run([...args, ...machine], { env: SECRETS });

  /** Starts the command, kills it with SIGKILL when its stderr says that it is in the middle, and calls it again. */
  async function killed(args: readonly string[], middle: RegExp): Promise<Ended> {
    const { child, ended } = place.start([...args, ...machine], { env: SECRETS });
    let told = '';
    child.stderr?.on('data', (text: string) => {
      told += text;
      if (middle.test(told)) child.kill('SIGKILL');
    });
    const first = await ended;
    expect(first.signal, `it was not killed in its middle:\n${first.stderr}`).toBe('SIGKILL');
    return await call(args);
  }

  it('refuses an unknown host key without the word for it', async () => {
    const host = `${sshd.user}@127.0.0.1:${sshd.port}`;
    const ended = await place.run([
      'status',
      '--machine',
      'ssh',
      '--host',
      host,
      '--identity',
      sshd.identity,
      '--json',
    ]);
    expect(ended.code).toBe(3);
    expect(jsonOf(ended)).toMatchObject({ error: { code: 'host_key' } });
  });

  it('setup goes on after a kill, and a second one changes nothing', async () => {
    const again = await killed(['setup'], /grader/);
    expect(again.code, again.stderr.slice(-3000)).toBe(0);
    const third = await call(['setup']);
    expect(jsonOf(third)).toMatchObject({ changed: false });
  });

  it('serve goes on after a kill, and finds the running server the next time', async () => {
    const again = await killed(['serve'], /loading|starting|warming/);
    expect(again.code, again.stderr.slice(-3000)).toBe(0);
    expect(jsonOf(again)).toMatchObject({ engine: 'llamacpp' });
    expect(jsonOf(await call(['serve']))).toMatchObject({ alreadyRunning: true });
  });

  it('refuses another server beside the running one', async () => {
    const other = await call(['serve', '--max-model-len', '1024']);
    expect(other.code).toBe(2);
    expect(jsonOf(other)).toMatchObject({ error: { hint: expect.stringContaining('--replace') } });
  });

  let run = '';
  it('eval goes on after a kill, with each sample once', async () => {
    const args = ['eval', '--suite', 'demo', '--limit', '8'];
    const again = await killed(args, /: [1-9]\d* of \d+ answered/);
    expect(again.code, again.stderr.slice(-3000)).toBe(0);
    const result = jsonOf(again) as { run: string; benchmarks: Record<string, unknown> };
    run = result.run;
    expect(result.benchmarks.humaneval).toMatchObject({
      n: 8,
      missing: 0,
      ungraded: 0,
      controls: { reference: { passed: 8, n: 8 }, broken: { passed: 0, n: 8 } },
    });
    const keys = readFileSync(join(run, 'generations.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map(({ benchmark, origin, sampleId, index }) => [benchmark, origin, sampleId, index].join('/'));
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.length).toBe(8 * 3 * 2); // two benchmarks: the model, the reference solutions, the broken copies
    expect(readdirSync(join(place.cwd, 'runs')).length).toBe(1);
  });

  it('fetch-results brings the same home again', async () => {
    const before = readFileSync(join(run, 'generations.jsonl'));
    const ended = await call(['fetch-results']);
    expect(ended.code, ended.stderr.slice(-2000)).toBe(0);
    expect(jsonOf(ended)).toMatchObject({ run, final: true });
    expect(readFileSync(join(run, 'generations.jsonl')).equals(before)).toBe(true);
  });

  it('status tells what runs, logs what was said', async () => {
    const status = jsonOf(await call(['status']));
    expect(status).toMatchObject({ reachable: true, server: { healthy: true, job: { kind: 'running' } } });
    const log = await place.run(['logs', 'serve', ...machine.filter((word) => word !== '--json')]);
    expect(log.stdout).toContain('listening');
  });

  it('leaves no secret in any argv, log, run folder, template or readable file, there or here', async () => {
    const serverKey = readFileSync(join(sshd.home, '.gpu-eval/secrets/server-key'), 'utf8').trim();
    const marks = [...Object.values(SECRETS), serverKey];
    const commandLines = execFileSync('ps', ['axww', '-o', 'args']).toString();
    for (const mark of marks) expect(commandLines.includes(mark), 'a secret in an argv').toBe(false);
    const found: string[] = [];
    for (const root of [sshd.home, place.home, place.cwd]) {
      for (const path of filesBelow(root)) {
        const { mode } = statSync(path);
        const text = readFileSync(path);
        if (!marks.some((mark) => text.includes(mark))) continue;
        const isSecretFile = path.includes('/secrets/') && (mode & 0o077) === 0;
        if (!isSecretFile) found.push(path);
      }
    }
    expect(found).toEqual([]);
  });

  it('stop ends the server and says so', async () => {
    const stopped = jsonOf(await call(['stop'])) as { stopped: { job: string; left: number[] }[] };
    expect(stopped.stopped.map(({ job }) => job)).toContain('serve');
    expect(stopped.stopped.every(({ left }) => left.length === 0)).toBe(true);
    expect(execFileSync('ps', ['axww', '-o', 'args']).toString()).not.toContain(`${sshd.home}/.gpu-eval/tool`);
  });
});

/** Regular files below a folder, without the Python environments' own (they are packages, and large). */
function filesBelow(root: string): readonly string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('/site-packages'))
    .map((entry) => join(entry.parentPath, entry.name));
}
