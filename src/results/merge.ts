import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { z } from 'zod';
import { type GenerationKey, ORIGINS, type Origin } from '../core/evaluation.ts';
import { listWriters, partDir, RUN_FILES, writeAtomic } from './folder.ts';
import { compactKey, compareNatural } from './keys.ts';
import { type Malformed, readRecords } from './lines.ts';
import { generationSchema, gradeRecordSchema } from './schemas.ts';

export type MergeReport = {
  readonly generations: { readonly lines: number; readonly duplicates: number };
  readonly grades: { readonly lines: number; readonly duplicates: number };
  /** Lines that are no records. They stay in their parts. */
  readonly malformed: { readonly lines: number; readonly examples: readonly Malformed[] };
};

/** Where a line stands. Kept for every line, so it is small: the text is read again when it is written. */
type Entry = {
  file: number;
  offset: number;
  length: number;
  readonly group: Group;
  readonly index: number;
  readonly requestHash: string;
  graded: boolean;
};
type Group = {
  readonly benchmark: string;
  readonly variant: string;
  readonly origin: Origin;
  readonly sampleId: string;
  rank: number;
};

const MAX_EXAMPLES = 50;
/** Lines are copied in pieces of about this size. */
const COPY_BYTES = 1024 * 1024;

/**
 * Merges all parts into the top-level generations.jsonl and grades.jsonl: equal parts give equal bytes. Order:
 * benchmark, variant, origin, sample (numbers by value), index, request. Of several lines with one key, the first
 * generation counts (writers by name, then lines in order); of grades a graded one before an ungraded one, then the last.
 * Lines are copied as they are; what is no record is counted, named, and left where it is.
 */
export async function mergeParts(runDir: string): Promise<MergeReport> {
  const examples: Malformed[] = [];
  let malformed = 0;
  const onMalformed = (line: Malformed): void => {
    malformed += 1;
    if (examples.length < MAX_EXAMPLES) examples.push({ ...line, file: relative(runDir, line.file) });
  };
  const writers = await listWriters(runDir);
  const merge = <T extends GenerationKey>(
    name: string,
    schema: z.ZodType<T>,
    isGraded: (record: T) => boolean,
    replaces: (now: boolean, before: boolean) => boolean,
  ) => {
    const paths = writers.map((writer) => join(partDir(runDir, writer), name));
    return mergeFiles(paths, join(runDir, name), { schema, isGraded, replaces, onMalformed });
  };
  const generations = await merge(
    RUN_FILES.generations,
    generationSchema,
    () => true,
    () => false,
  );
  const grades = await merge(
    RUN_FILES.grades,
    gradeRecordSchema,
    (record) => record.grade.kind === 'graded',
    (now, before) => now || !before,
  );
  return { generations, grades, malformed: { lines: malformed, examples } };
}

async function mergeFiles<T extends GenerationKey>(
  paths: readonly string[],
  target: string,
  rules: {
    readonly schema: z.ZodType<T>;
    readonly isGraded: (record: T) => boolean;
    readonly replaces: (now: boolean, before: boolean) => boolean;
    readonly onMalformed: (line: Malformed) => void;
  },
): Promise<{ lines: number; duplicates: number }> {
  const groups = new Map<string, Group>();
  const entries = new Map<string, Entry>();
  let duplicates = 0;
  for (const [file, path] of paths.entries()) {
    for await (const batch of readRecords(path, rules.schema, rules.onMalformed)) {
      for (const { record, offset, length } of batch) {
        const key = compactKey(record);
        const graded = rules.isGraded(record);
        const before = entries.get(key);
        if (before === undefined) {
          const { index } = record;
          const requestHash = record.requestHash.slice(0, 12); // 48 bits settle the order, and are small
          entries.set(key, { file, offset, length, group: groupOf(groups, record), index, requestHash, graded });
          continue;
        }
        duplicates += 1;
        if (rules.replaces(graded, before.graded)) Object.assign(before, { file, offset, length, graded });
      }
    }
  }
  const sorted = sortEntries([...groups.values()], [...entries.values()]);
  entries.clear();
  await writeAtomic(target, copyLines(paths, sorted));
  return { lines: sorted.length, duplicates };
}

function groupOf(groups: Map<string, Group>, key: GenerationKey): Group {
  const { benchmark, variant, origin, sampleId } = key;
  const text = JSON.stringify([benchmark, variant, origin, sampleId]);
  const known = groups.get(text);
  if (known !== undefined) return known;
  const group: Group = { benchmark, variant, origin, sampleId, rank: 0 };
  groups.set(text, group);
  return group;
}

function sortEntries(groups: Group[], entries: Entry[]): Entry[] {
  groups.sort(
    (a, b) =>
      compareNatural(a.benchmark, b.benchmark) ||
      compareNatural(a.variant, b.variant) ||
      ORIGINS.indexOf(a.origin) - ORIGINS.indexOf(b.origin) ||
      compareNatural(a.sampleId, b.sampleId),
  );
  for (const [rank, group] of groups.entries()) group.rank = rank;
  return entries.sort(
    (a, b) =>
      a.group.rank - b.group.rank ||
      a.index - b.index ||
      (a.requestHash < b.requestHash ? -1 : a.requestHash > b.requestHash ? 1 : 0),
  );
}

async function* copyLines(paths: readonly string[], entries: readonly Entry[]): AsyncGenerator<Uint8Array> {
  const files = new Map<number, FileHandle>();
  try {
    let pieces: Buffer[] = [];
    let size = 0;
    for (const { file, offset, length } of entries) {
      let handle = files.get(file);
      if (handle === undefined) {
        handle = await open(paths[file] ?? '', constants.O_RDONLY | constants.O_NOFOLLOW);
        files.set(file, handle);
      }
      const line = Buffer.allocUnsafe(length + 1);
      await handle.read(line, 0, length + 1, offset);
      pieces.push(line);
      size += length + 1;
      if (size < COPY_BYTES) continue;
      yield Buffer.concat(pieces);
      pieces = [];
      size = 0;
    }
    if (size > 0) yield Buffer.concat(pieces);
  } finally {
    for (const handle of files.values()) await handle.close();
  }
}
