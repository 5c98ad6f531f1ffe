import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import { systemClock } from '../../src/evaluation/worker/clock.ts';
import { openAppender } from '../../src/results/append.ts';
import { readDone } from '../../src/results/done.ts';
import { acquireLock } from '../../src/results/lock.ts';
import { openPart } from '../../src/results/part.ts';
import { eventLineSchema } from '../../src/results/schemas.ts';
import { aGeneration, aGrade } from '../fixtures/evaluation.ts';
import { temporaryFolder } from '../fixtures/run.ts';

const folder = temporaryFolder;
const never = (line: unknown): void => expect.unreachable(JSON.stringify(line));

describe('a part', () => {
  it('holds what was appended, in order, once the promise resolves', async () => {
    const dir = await folder();
    const part = await openPart(dir, 'box', systemClock);
    await Promise.all(Array.from({ length: 5000 }, (_, index) => part.appendGeneration(aGeneration({ index }))));
    const lines = (await readFile(join(part.dir, 'generations.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).index)).toEqual(Array.from({ length: 5000 }, (_, index) => index));
    await part.appendEvent({ type: 'note', message: 'hello' });
    await part.close();
    const event = eventLineSchema.parse(JSON.parse(await readFile(join(part.dir, 'events.jsonl'), 'utf8')));
    expect(event).toMatchObject({ type: 'note', message: 'hello' });
  });

  it('cuts a torn last line off, keeps it, and goes on behind the last whole one', async () => {
    const dir = await folder();
    const first = await openPart(dir, 'box', systemClock);
    await first.appendGeneration(aGeneration({ index: 0 }));
    await first.close();
    const path = join(first.dir, 'generations.jsonl');
    const torn = JSON.stringify(aGeneration({ index: 1, text: 'x'.repeat(200_000) })).slice(0, -30);
    await appendFile(path, torn);
    const again = await openPart(dir, 'box', systemClock);
    await again.appendGeneration(aGeneration({ index: 2 }));
    await again.close();
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).index)).toEqual([0, 2]);
    expect(await readFile(`${path}.torn`, 'utf8')).toBe(`${torn}\n`);
  });

  it('ends a torn line of events where it broke off: a followed file never shrinks', async () => {
    const dir = await folder();
    await mkdir(join(dir, 'parts', 'box'), { recursive: true });
    const path = join(dir, 'parts', 'box', 'events.jsonl');
    await writeFile(path, '{"at":"x","type":"no');
    const part = await openPart(dir, 'box', systemClock);
    await part.close();
    expect(await readFile(path, 'utf8')).toBe('{"at":"x","type":"no\n');
  });

  it('is refused to a second writer, in words that say who has it', async () => {
    const dir = await folder();
    const part = await openPart(dir, 'box', systemClock);
    await expect(openPart(dir, 'box', systemClock)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('another process writes to the part box'),
      why: expect.stringContaining(`pid ${process.pid}`),
    });
    const other = await openPart(dir, 'grader', systemClock);
    await other.close();
    await part.close();
    await (await openPart(dir, 'box', systemClock)).close();
  });

  it('is refused under a name that climbs out, and where a file is a link', async () => {
    const dir = await folder();
    for (const name of ['../x', '.', '..', 'a/b', '', '-rf']) {
      await expect(openPart(dir, name, systemClock)).rejects.toMatchObject({ code: 'usage' });
    }
    await mkdir(join(dir, 'parts', 'box'), { recursive: true });
    await symlink('/etc/passwd', join(dir, 'parts', 'box', 'grades.jsonl'));
    await expect(openPart(dir, 'box', systemClock)).rejects.toThrow(/ELOOP/);
  });

  it.skipIf(!existsSync('/dev/full'))('says what to do when the disk is full (needs /dev/full)', async () => {
    const file = await openAppender('/dev/full', systemClock, 'terminate');
    await expect(file.append('{}')).rejects.toMatchObject({ code: 'box', why: expect.stringContaining('ENOSPC') });
    await expect(file.append('{}')).rejects.toMatchObject({ code: 'box' });
    await file.close();
  });

  it('asks for the disk once a second, not once a line', async () => {
    const armed: number[] = [];
    const clock: Clock = {
      ...systemClock,
      after: (ms) => {
        armed.push(ms);
        return () => undefined;
      },
    };
    const file = await openAppender(join(await folder(), 'x.jsonl'), clock, 'truncate');
    for (let i = 0; i < 10; i++) await file.append('{}');
    await file.close();
    expect(armed).toEqual([1000]);
  });
});

describe('a lock', () => {
  it('of a process that is gone is taken over, by one of many', async () => {
    const path = join(await folder(), 'lock');
    const child = spawn(process.execPath, ['-e', '0']);
    await once(child, 'exit');
    await writeFile(path, JSON.stringify({ pid: child.pid, started: 'then', token: 'dead' }));
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => acquireLock(path, 'it')));
    const taken = tries.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(taken).toHaveLength(1);
    await taken[0]?.release();
    await expect(stat(path)).rejects.toThrow(/ENOENT/);
  });

  it('of another process with the same pid, or of nobody, is taken over', async () => {
    const path = join(await folder(), 'lock');
    for (const text of [JSON.stringify({ pid: process.pid, started: 'another boot 1', token: 'old' }), '', 'garbage']) {
      await writeFile(path, text);
      await (await acquireLock(path, 'it')).release();
    }
  });
});

describe('what is done', () => {
  it('is read over all parts; damaged lines are told with their place; a line under way is not one', async () => {
    const dir = await folder();
    for (const writer of ['a', 'b']) {
      const part = await openPart(dir, writer, systemClock);
      await part.appendGeneration(aGeneration({ sampleId: writer }));
      await part.appendGrade(aGrade({ sampleId: writer }));
      await part.close();
    }
    const path = join(dir, 'parts', 'a', 'generations.jsonl');
    await appendFile(path, 'no json\n{"benchmark":1}\n\u0000\u0000\n{"torn');
    const told: { file: string; line: number }[] = [];
    const done = await readDone(dir, (line) => told.push(line));
    expect(told.map(({ file, line }) => [file, line])).toEqual([
      [path, 2],
      [path, 3],
      [path, 4],
    ]);
    expect(done.size).toBe(2);
    expect(done.state(aGeneration({ sampleId: 'b' }))).toMatchObject({ generated: true, graded: true, correct: true });
    expect(done.state(aGeneration({ sampleId: 'c' }))).toMatchObject({ generated: false, graded: false });
  });

  it('hands a key out for grading once, and not if it has a verdict; an ungraded one is tried again', async () => {
    const dir = await folder();
    const part = await openPart(dir, 'box', systemClock);
    const failed = { kind: 'ungraded', reason: 'sandbox_failed', detail: '' } as const;
    await part.appendGrade(aGrade({ index: 0 }));
    await part.appendGrade(aGrade({ index: 1, grade: failed, outcome: 'grader_failure' }));
    const refused = { ...failed, reason: 'request_refused' } as const;
    await part.appendGrade(aGrade({ index: 2, grade: refused, outcome: 'infrastructure_error' }));
    const lost = { ...failed, reason: 'server_lost' } as const;
    await part.appendGrade(aGrade({ index: 3, grade: lost, outcome: 'infrastructure_error' }));
    await part.close();
    const done = await readDone(dir, never);
    const take = (index: number): boolean => done.takeForGrading(aGeneration({ index }));
    expect(take(1)).toBe(false); // nobody wants it
    for (const index of [0, 1, 2, 3]) done.want(aGeneration({ index }));
    expect([take(0), take(1), take(1), take(2), take(3)]).toEqual([false, true, false, false, true]);
    expect(done.state(aGeneration({ index: 2 })).requestRefused).toBe(true);
    expect(done.state(aGeneration({ index: 3 })).requestRefused).toBe(false);
  });
});
