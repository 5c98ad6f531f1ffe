import { join } from 'node:path';
import { z } from 'zod';
import type { Message } from '../../core/evaluation.ts';
import type { Json } from '../../core/json.ts';
import { listWriters, partDir, RUN_FILES } from '../folder.ts';
import { readRecords } from '../lines.ts';

/** One line of parts/<writer>/samples.jsonl: what was asked, and what is right. Not every writer leaves one. */
export type RecordedSample = {
  readonly benchmark: string;
  readonly variant: string;
  readonly sampleId: string;
  readonly messages: readonly Message[];
  readonly target: Json;
};

const recordedSampleSchema: z.ZodType<RecordedSample> = z.object({
  benchmark: z.string().max(200),
  variant: z.string().max(200),
  sampleId: z.string().max(1000),
  messages: z.array(z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })).max(1000),
  target: z.json(),
});

export const sampleKey = (key: Pick<RecordedSample, 'benchmark' | 'variant' | 'sampleId'>): string =>
  JSON.stringify([key.benchmark, key.variant, key.sampleId]);

/** The recorded samples of all parts, each once (of two with one id, the first), with flat memory but for `wanted`. */
export async function* readWantedSamples(runDir: string, wanted: ReadonlySet<string>): AsyncGenerator<RecordedSample> {
  const left = new Set(wanted);
  for (const writer of await listWriters(runDir)) {
    if (left.size === 0) return;
    const path = join(partDir(runDir, writer), RUN_FILES.samples);
    for await (const batch of readRecords(path, recordedSampleSchema, () => undefined)) {
      for (const { record } of batch) if (left.delete(sampleKey(record))) yield record;
    }
  }
}
