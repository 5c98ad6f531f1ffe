import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, jsonOf, makePlace, type Place } from '../fixtures/command-line.ts';

/** The README's first command, from an empty HOME and an empty folder. */
describe('the demo on this machine', () => {
  let place: Place;
  let ended: Ended;
  beforeAll(async () => {
    place = makePlace();
    ended = await place.run(['run', '--machine', 'local', '--suite', 'demo', '--limit', '5', '--json']);
  });
  afterAll(async () => {
    await place.run(['stop']);
    place.remove();
  });

  it('ends with 0 and one JSON document', () => {
    expect(ended.stderr).not.toContain('error:');
    expect(ended.code).toBe(0);
    expect(Object.keys(jsonOf(ended))).toContain('benchmarks');
  });

  it('grades all reference solutions right and no broken copy', () => {
    const { benchmarks } = jsonOf(ended) as { benchmarks: Record<string, Record<string, unknown>> };
    expect(benchmarks.humaneval).toMatchObject({
      n: 5,
      ungraded: 0,
      missing: 0,
      final: true,
      controls: { reference: { passed: 5, n: 5 }, broken: { passed: 0, n: 5 } },
    });
    expect(benchmarks.arithmetic).toMatchObject({ n: 5, ungraded: 0, missing: 0, final: true });
  });

  it('leaves a run folder with every file, and no server running', async () => {
    const { run, report } = jsonOf(ended) as { run: string; report: string };
    expect(run.startsWith(place.cwd)).toBe(true);
    for (const name of ['run.json', 'generations.jsonl', 'grades.jsonl', 'summary.json']) {
      expect(existsSync(join(run, name)), name).toBe(true);
    }
    expect(readFileSync(report, 'utf8')).toContain('humaneval');
    const status = jsonOf(await place.run(['status', '--json'])) as { server: { job: { kind: string } } };
    expect(status.server.job.kind).not.toBe('running');
  });

  it('finds everything set up the second time', async () => {
    const again = jsonOf(await place.run(['setup', '--json']));
    expect(again).toMatchObject({ changed: false });
  });
});
