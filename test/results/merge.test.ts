import { appendFile, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Generation, GradeRecord } from '../../src/core/evaluation.ts';
import { systemClock } from '../../src/evaluation/worker/clock.ts';
import { compareNatural } from '../../src/results/keys.ts';
import { mergeParts } from '../../src/results/merge.ts';
import { openPart } from '../../src/results/part.ts';
import { aGeneration, aGrade, sha256 } from '../fixtures/evaluation.ts';
import { temporaryFolder } from '../fixtures/run.ts';

type Parts = Record<string, { generations?: Generation[]; grades?: GradeRecord[] }>;

async function folderOf(parts: Parts): Promise<string> {
  const dir = await temporaryFolder();
  for (const [writer, { generations = [], grades = [] }] of Object.entries(parts)) {
    const part = await openPart(dir, writer, systemClock);
    for (const generation of generations) await part.appendGeneration(generation);
    for (const grade of grades) await part.appendGrade(grade);
    await part.close();
  }
  return dir;
}

const read = (dir: string, name: string): Promise<string> => readFile(join(dir, name), 'utf8');
const parse = (text: string): { sampleId: string; index: number; text: string; origin: string; grade: object }[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

describe('the merge', () => {
  it('orders by benchmark, origin, sample and index, whatever the order and the parts', async () => {
    const all = ['model', 'broken', 'reference'].flatMap((origin) =>
      [10, 2, 1].flatMap((id) =>
        [1, 0].map((index) => aGeneration({ origin: origin as Generation['origin'], sampleId: `H/${id}`, index })),
      ),
    );
    const one = await folderOf({ box: { generations: all } });
    const two = await folderOf({
      b: { generations: all.filter((_, i) => i % 2 === 0).reverse() },
      a: { generations: all.filter((_, i) => i % 2 === 1) },
    });
    const report = await mergeParts(one);
    await mergeParts(two);
    const text = await read(one, 'generations.jsonl');
    expect(await read(two, 'generations.jsonl')).toBe(text);
    expect(report.generations).toEqual({ lines: 18, duplicates: 0 });
    expect(
      parse(text)
        .slice(0, 6)
        .map(({ sampleId, index }) => `${sampleId}.${index}`),
    ).toEqual(['H/1.0', 'H/1.1', 'H/2.0', 'H/2.1', 'H/10.0', 'H/10.1']);
    expect(
      parse(text)
        .map(({ origin }) => origin)
        .filter((o, i, list) => list[i - 1] !== o),
    ).toEqual(['model', 'reference', 'broken']);
    await mergeParts(one);
    expect(await read(one, 'generations.jsonl')).toBe(text);
  });

  it('takes the first of several generations, by writer and then by line', async () => {
    const dir = await folderOf({
      b: { generations: [aGeneration({ text: 'b1' }), aGeneration({ text: 'other', requestHash: sha256('other') })] },
      a: { generations: [aGeneration({ text: 'a1' }), aGeneration({ text: 'a2' })] },
    });
    const report = await mergeParts(dir);
    expect(report.generations).toEqual({ lines: 2, duplicates: 2 });
    expect(
      parse(await read(dir, 'generations.jsonl'))
        .map(({ text }) => text)
        .sort(),
    ).toEqual(['a1', 'other']);
  });

  it('takes graded before ungraded, and later before earlier', async () => {
    const failed = { kind: 'ungraded', reason: 'sandbox_failed', detail: '' } as const;
    const graded = (score: number) => ({ kind: 'graded', score, answer: null, reason: '' }) as const;
    const dir = await folderOf({
      a: { grades: [aGrade({ grade: failed }), aGrade({ grade: graded(0.25) }), aGrade({ index: 1, grade: failed })] },
      b: { grades: [aGrade({ grade: graded(0.5) }), aGrade({ grade: failed }), aGrade({ index: 1, grade: failed })] },
    });
    await mergeParts(dir);
    expect(parse(await read(dir, 'grades.jsonl')).map(({ grade }) => grade)).toEqual([graded(0.5), failed]);
  });

  it('never puts a grade to the text of another part', async () => {
    const graded = (score: number) => ({ kind: 'graded', score, answer: null, reason: '' }) as const;
    const failed = { kind: 'ungraded', reason: 'sandbox_failed', detail: '' } as const;
    const texts = (text: string) => [0, 1, 2].map((index) => aGeneration({ text, index }));
    const dir = await folderOf({
      'kept-1-worker': {
        generations: texts('old'),
        grades: [aGrade({ grade: graded(0) }), aGrade({ index: 1, grade: failed })],
      },
      laptop: { grades: [aGrade({ index: 2, grade: graded(0.5) })] },
      worker: { generations: texts('new'), grades: [0, 1, 2].map((index) => aGrade({ index, grade: graded(1) })) },
    });
    const report = await mergeParts(dir);
    expect(parse(await read(dir, 'generations.jsonl')).map(({ text }) => text)).toEqual(['old', 'new', 'old']);
    const grades = parse(await read(dir, 'grades.jsonl')).map(({ grade }) => grade);
    expect(grades).toEqual([graded(0), graded(1), graded(0.5)]);
    expect(report).toMatchObject({ generations: { lines: 3, duplicates: 3 }, grades: { lines: 3, duplicates: 3 } });
  });

  it('copies nothing of a file that is replaced or cut meanwhile', async () => {
    const many = Array.from({ length: 2_000 }, (_, index) => aGeneration({ index, text: 'x'.repeat(1_000) }));
    const dir = await folderOf({ a: { generations: [aGeneration()] }, box: { generations: many } });
    const path = join(dir, 'parts/box/generations.jsonl');
    const whole = await readFile(path);
    for (const harm of [
      () => truncate(path, 100),
      () => writeFile(`${path}.new`, 'x').then(() => rename(`${path}.new`, path)),
    ]) {
      await writeFile(path, whole);
      const merging = mergeParts(dir).then(
        () => 'merged',
        (error: unknown) => error,
      );
      await harm();
      const end = await merging;
      // Which of them came first is up to the machine; memory of this process is never in it.
      if (end === 'merged') await parse(await read(dir, 'generations.jsonl'));
      else expect(end).toMatchObject({ code: 'transfer' });
    }
  });

  it('counts and names damaged lines, and goes on', async () => {
    const dir = await folderOf({ box: { generations: [aGeneration()] } });
    await appendFile(join(dir, 'parts/box/generations.jsonl'), '{"text":\n{"torn');
    const report = await mergeParts(dir);
    expect(report.malformed).toEqual({
      lines: 1,
      examples: [{ file: 'parts/box/generations.jsonl', line: 2, reason: 'no JSON' }],
    });
    expect(report.generations.lines).toBe(1);
  });

  it('keeps every byte of hostile texts', async () => {
    const text = '\u0000\u2028\u001b[31m\ud800 "\\ </script> \r\n é 😀';
    const dir = await folderOf({ box: { generations: [aGeneration({ text })] } });
    await mergeParts(dir);
    expect(await read(dir, 'generations.jsonl')).toBe(await read(dir, 'parts/box/generations.jsonl'));
    expect(parse(await read(dir, 'generations.jsonl'))[0]?.text).toBe(text);
  });

  it('of nothing is empty files', async () => {
    const dir = await temporaryFolder();
    await mergeParts(dir);
    expect(await read(dir, 'grades.jsonl')).toBe('');
  });
});

describe('natural order', () => {
  it('goes by the value of numbers', () => {
    expect(['a10', 'a2', 'a1b', 'a1', '10', '9', 'a', ''].sort(compareNatural)).toEqual([
      '',
      '9',
      '10',
      'a',
      'a1',
      'a1b',
      'a2',
      'a10',
    ]);
  });
  it('tells apart what has one value', () => {
    expect(compareNatural('a01', 'a1')).toBeLessThan(0);
    expect(compareNatural('a1', 'a01')).toBeGreaterThan(0);
  });
});
