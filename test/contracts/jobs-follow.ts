import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { collect, type JobsBox, python, shell, shellSpec, until, untilEnded } from './jobs-box.ts';

/** Writes 5 MB of noise in pieces of odd sizes, for about a second and a half. */
const NOISE = [
  'import os, time',
  'left = 5_000_000',
  'while left:',
  '    size = min(left, 1 + int.from_bytes(os.urandom(2), "big"))',
  '    os.write(1, os.urandom(size))',
  '    left -= size',
  '    time.sleep(0.01)',
].join('\n');

export function describeFollow(getBox: () => JobsBox): void {
  it('follows a log to the end of its job, bytes that are no text included', async () => {
    const box = getBox();
    const job = `${box.root}/a`;
    const script = `printf '\\377\\000\\303'; sleep 0.2; printf '\\251 late'; exit 2`;
    await box.jobs.start(job, shellSpec(box, script));
    const seen = await collect(box.jobs.follow(job, `${box.root}/logs/job.log`));
    expect(seen).toEqual(Buffer.from([0xff, 0x00, 0xc3, 0xa9, ...Buffer.from(' late')]));
    expect(await box.jobs.status(job)).toMatchObject({ kind: 'exited', exitCode: 2 });
  });

  it('begins at an offset, and ends at once at the end of the file where it is not to follow', async () => {
    const box = getBox();
    const job = `${box.root}/a`;
    const log = `${box.root}/logs/job.log`;
    await box.jobs.start(job, shellSpec(box, 'printf 0123456789; exec sleep 300'));
    await until('it has written', async () => ((await shell(box, 'cat logs/job.log')) === '' ? undefined : true));
    expect((await collect(box.jobs.follow(job, log, { fromOffset: 4, follow: false }), 4)).toString()).toBe('456789');
    expect(await collect(box.jobs.follow(job, log, { fromOffset: 10, follow: false }), 10)).toHaveLength(0);
    expect(await collect(box.jobs.follow(job, `${box.root}/none`, { follow: false }))).toHaveLength(0);
    await box.jobs.stop(job, { graceMs: 2000 });
    expect((await collect(box.jobs.follow(job, log))).toString()).toBe('0123456789');
  });

  it('waits for a file that is not there yet, and ends with a job that never made it', async () => {
    const box = getBox();
    const job = `${box.root}/a`;
    await box.jobs.start(job, shellSpec(box, 'until [ -e gate ]; do sleep 0.02; done; echo hello > made'));
    const following = collect(box.jobs.follow(job, `${box.root}/made`));
    const missing = collect(box.jobs.follow(job, `${box.root}/never`));
    await shell(box, 'touch gate');
    expect((await following).toString()).toBe('hello\n');
    expect(await missing).toHaveLength(0);
  });

  it('says so when the file is truncated, replaced or removed', async () => {
    const box = getBox();
    const job = `${box.root}/a`;
    await box.jobs.start(job, shellSpec(box, 'exec sleep 300'));
    const cases: [string, RegExp][] = [
      [': > file', /was truncated/],
      ['printf longer-than-before > other; mv other file', /was replaced/],
      ['rm file', /is gone/],
    ];
    for (const [change, message] of cases) {
      await shell(box, 'rm -f file; printf 0123456789 > file');
      const pieces = box.jobs.follow(job, `${box.root}/file`)[Symbol.asyncIterator]();
      expect((await pieces.next()).value).toMatchObject({ offset: 0, bytes: { length: 10 } });
      await shell(box, change);
      await expect(pieces.next()).rejects.toMatchObject({ code: 'job', message: expect.stringMatching(message) });
    }
    const beyond = collect(box.jobs.follow(job, `${box.root}/logs/job.log`, { fromOffset: 99 }), 99);
    await expect(beyond).rejects.toMatchObject({ code: 'job', message: expect.stringMatching(/truncated/) });
    await box.jobs.stop(job, { graceMs: 2000 });
  });

  it('ends when it is called off, and leaves no follower behind', async () => {
    const box = getBox();
    const job = `${box.root}/a`;
    const log = `${box.root}/logs/job.log`;
    await box.jobs.start(job, shellSpec(box, 'echo one; exec sleep 300'));
    const count = [
      'import os, pathlib, sys',
      'needle = b"\\0follow\\0" + sys.stdin.buffer.read() + b"\\0"',
      'found = 0',
      'for pid in filter(str.isdigit, os.listdir("/proc")):',
      '    try: found += needle in pathlib.Path("/proc", pid, "cmdline").read_bytes()',
      '    except OSError: pass',
      'print(found)',
    ].join('\n');
    const followers = () => python(box, count, log);
    const abort = new AbortController();
    const pieces = box.jobs.follow(job, log, { signal: abort.signal })[Symbol.asyncIterator]();
    expect((await pieces.next()).done).toBe(false);
    const next = pieces.next();
    expect(await followers()).not.toBe('0\n');
    abort.abort();
    await expect(next).rejects.toMatchObject({ code: 'interrupted' });
    for await (const _piece of box.jobs.follow(job, log)) break;
    await until('no follower is left', async () => ((await followers()) === '0\n' ? true : undefined));
    expect(await box.jobs.status(job)).toMatchObject({ kind: 'running' });
    await box.jobs.stop(job, { graceMs: 2000 });
  });

  it('brings 5 MB home through cuts at random moments, not a byte lost or doubled', { timeout: 60_000 }, async () => {
    const box = getBox();
    const job = `${box.root}/a`;
    const log = `${box.root}/logs/job.log`;
    await box.jobs.start(job, { ...shellSpec(box, ''), argv: [box.python, '-c', NOISE] });
    const hash = createHash('sha256');
    let offset = 0;
    let cuts = 0;
    let nextCut = Math.random() * 400_000;
    for await (const piece of box.jobs.follow(job, log)) {
      expect(piece.offset).toBe(offset);
      hash.update(piece.bytes);
      offset += piece.bytes.length;
      if (offset > nextCut && cuts < 8) {
        cuts += 1;
        nextCut = offset + Math.random() * 600_000;
        // While more is on its way, or just before: not awaited.
        void box.cut();
      }
    }
    expect(offset).toBe(5_000_000);
    expect(cuts).toBeGreaterThanOrEqual(3);
    expect(await untilEnded(box, job)).toMatchObject({ kind: 'exited', exitCode: 0 });
    expect((await shell(box, 'sha256sum logs/job.log')).split(' ')[0]).toBe(hash.digest('hex'));
  });
}
