import { join } from 'node:path';
import type { GenerationKey, Origin, Outcome } from '../core/evaluation.ts';
import type { SandboxKind } from '../core/machine.ts';
import { RUN_FILES } from './folder.ts';
import { readRecords } from './lines.ts';
import { generationSchema, gradeRecordSchema } from './schemas.ts';

/** What is kept of one recorded sample. `score` is null while it is not graded. */
export type SampleTally = {
  requestHash: string;
  startedAt: string;
  cutByLength: boolean;
  promptTokens: number | null;
  completionTokens: number | null;
  score: number | null;
  outcome: Outcome | null;
};

/** One origin of one benchmark and variant: question id → index → sample. */
export type Tally = {
  readonly questions: Map<string, Map<number, SampleTally>>;
  readonly sandboxes: Set<SandboxKind>;
  /** Samples that were recorded for more than one request (settings were changed in between); the newest counts. */
  mixed: number;
};

export const tallyKey = (benchmark: string, variant: string, origin: Origin): string =>
  JSON.stringify([benchmark, variant, origin]);

/** Reads the merged files of a run folder into tallies, by {@link tallyKey}. Malformed lines were told by the merge. */
export async function readTallies(runDir: string): Promise<ReadonlyMap<string, Tally>> {
  const tallies = new Map<string, Tally>();
  const ignore = (): void => undefined;
  for await (const batch of readRecords(join(runDir, RUN_FILES.generations), generationSchema, ignore)) {
    for (const { record } of batch) {
      const tally = tallyOf(tallies, record);
      let samples = tally.questions.get(record.sampleId);
      if (samples === undefined) {
        samples = new Map();
        tally.questions.set(record.sampleId, samples);
      }
      const before = samples.get(record.index);
      if (before !== undefined) tally.mixed += 1;
      if (before !== undefined && before.startedAt >= record.startedAt) continue;
      samples.set(record.index, {
        requestHash: record.requestHash,
        startedAt: record.startedAt,
        cutByLength: record.finishReason === 'length',
        promptTokens: record.promptTokens,
        completionTokens: record.completionTokens,
        score: null,
        outcome: null,
      });
    }
  }
  for await (const batch of readRecords(join(runDir, RUN_FILES.grades), gradeRecordSchema, ignore)) {
    for (const { record } of batch) {
      const tally = tallyOf(tallies, record);
      const sample = tally.questions.get(record.sampleId)?.get(record.index);
      if (sample === undefined || sample.requestHash !== record.requestHash) continue;
      sample.score = record.grade.kind === 'graded' ? record.grade.score : null;
      sample.outcome = record.outcome;
      if (record.sandbox !== null) tally.sandboxes.add(record.sandbox);
    }
  }
  return tallies;
}

function tallyOf(tallies: Map<string, Tally>, key: GenerationKey): Tally {
  const text = tallyKey(key.benchmark, key.variant, key.origin);
  const known = tallies.get(text);
  if (known !== undefined) return known;
  const tally: Tally = { questions: new Map(), sandboxes: new Set(), mixed: 0 };
  tallies.set(text, tally);
  return tally;
}
