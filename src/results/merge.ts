import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { z } from 'zod';
import { GpuEvalError } from '../core/errors.ts';
import { type GenerationKey, ORIGINS, type Origin } from '../core/evaluation.ts';
import { isMissing, listWriters, partDir, RUN_FILES, writeAtomic } from './folder.ts';
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
  readonly file: number;
  readonly offset: number;
  readonly length: number;
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

/** Parts that each have a generation of one key, in their order, with the grade that goes with it. */
type Candidate = { readonly generation: Entry; grade: Entry | null };

/**
 * Merges all parts into the top-level generations.jsonl and grades.jsonl: equal parts give equal bytes. Order:
 * benchmark, variant, origin, sample (numbers by value), index, request. Of several lines with one key, the first
 * generation counts (writers by name, then lines in order); of grades a graded one before an ungraded one, then the last.
 * Where several parts have a generation of one key, the first whose own part has graded it counts, with that grade: a
 * grade is of one text. Lines are copied as they are; what is no record is counted, named, and left where it is.
 * @throws {GpuEvalError} `transfer` where a part is replaced at the same time.
 */
export async function mergeParts(runDir: string): Promise<MergeReport> {
  const examples: Malformed[] = [];
  let malformed = 0;
  const onMalformed = (line: Malformed): void => {
    malformed += 1;
    if (examples.length < MAX_EXAMPLES) examples.push({ ...line, file: relative(runDir, line.file) });
  };
  const writers = await listWriters(runDir);
  const handles: FileHandle[] = [];
  try {
    const generations = await openParts(runDir, writers, RUN_FILES.generations, handles);
    const grades = await openParts(runDir, writers, RUN_FILES.grades, handles);

    const contested = new Map<string, Candidate[]>();
    const texts = new Map<string, Entry>();
    const textLines = await scan(generations, generationSchema, onMalformed, (key, entry) => {
      const first = texts.get(key);
      if (first === undefined) texts.set(key, entry);
      else if (first.file !== entry.file) {
        const candidates = contested.get(key) ?? [{ generation: first, grade: null }];
        if (candidates.some(({ generation }) => generation.file === entry.file)) return;
        contested.set(key, [...candidates, { generation: entry, grade: null }]);
      }
    });
    const verdicts = new Map<string, Entry>();
    const verdictLines = await scan(grades, gradeRecordSchema, onMalformed, (key, entry, { grade }) => {
      entry.graded = grade.kind === 'graded';
      const candidates = contested.get(key);
      if (candidates === undefined) {
        verdicts.set(key, better(verdicts.get(key), entry));
        return;
      }
      // A part without a generation of its own has graded the one that was first.
      const own = candidates.find(({ generation }) => generation.file === entry.file) ?? candidates[0];
      if (own !== undefined) own.grade = better(own.grade, entry);
    });
    for (const [key, candidates] of contested) {
      const chosen = candidates.find(({ grade }) => grade?.graded === true) ?? candidates[0];
      if (chosen === undefined) continue;
      texts.set(key, chosen.generation);
      if (chosen.grade !== null) verdicts.set(key, chosen.grade);
    }
    return {
      generations: await write(generations, texts, textLines, join(runDir, RUN_FILES.generations)),
      grades: await write(grades, verdicts, verdictLines, join(runDir, RUN_FILES.grades)),
      malformed: { lines: malformed, examples },
    };
  } finally {
    for (const handle of handles) await handle.close();
  }
}

function better(before: Entry | null | undefined, now: Entry): Entry {
  return now.graded || !before?.graded ? now : before;
}

/** One part's file; the handle is null where there is none. */
type PartFile = { readonly path: string; readonly handle: FileHandle | null };

/** A file is read twice, and may be replaced between: the handle stays with the one that was there first. */
async function openParts(
  runDir: string,
  writers: readonly string[],
  name: string,
  handles: FileHandle[],
): Promise<readonly PartFile[]> {
  const files: PartFile[] = [];
  for (const writer of writers) {
    const path = join(partDir(runDir, writer), name);
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    });
    if (handle !== null) handles.push(handle);
    files.push({ path, handle });
  }
  return files;
}

/** Tells of every record, and returns how many there are. */
async function scan<T extends GenerationKey>(
  files: readonly PartFile[],
  schema: z.ZodType<T>,
  onMalformed: (line: Malformed) => void,
  onRecord: (key: string, entry: Entry, record: T) => void,
): Promise<number> {
  const groups = new Map<string, Group>();
  let records = 0;
  for (const [file, { path, handle }] of files.entries()) {
    if (handle === null) continue;
    for await (const batch of readRecords(path, schema, onMalformed)) {
      for (const { record, offset, length } of batch) {
        records += 1;
        const { index } = record;
        const requestHash = record.requestHash.slice(0, 12); // 48 bits settle the order, and are small
        const entry = { file, offset, length, group: groupOf(groups, record), index, requestHash, graded: false };
        onRecord(compactKey(record), entry, record);
      }
    }
    const there = await lstat(path).catch(() => null);
    if (there?.ino !== (await handle.stat()).ino) throw replaced(path);
  }
  return records;
}

async function write(
  files: readonly PartFile[],
  entries: Map<string, Entry>,
  records: number,
  target: string,
): Promise<{ lines: number; duplicates: number }> {
  const chosen = [...entries.values()];
  entries.clear();
  const sorted = sortEntries([...new Set(chosen.map(({ group }) => group))], chosen);
  await writeAtomic(target, copyLines(files, sorted));
  return { lines: sorted.length, duplicates: records - sorted.length };
}

function replaced(path: string): GpuEvalError {
  return new GpuEvalError('transfer', `${path} was replaced or cut while it was read`, {
    hint: 'the same command again reads it anew',
  });
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

async function* copyLines(files: readonly PartFile[], entries: readonly Entry[]): AsyncGenerator<Uint8Array> {
  let pieces: Buffer[] = [];
  let size = 0;
  for (const { file, offset, length } of entries) {
    pieces.push(await readLine(files[file], offset, length + 1));
    size += length + 1;
    if (size < COPY_BYTES) continue;
    yield Buffer.concat(pieces);
    pieces = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(pieces);
}

async function readLine(file: PartFile | undefined, offset: number, length: number): Promise<Buffer> {
  const line = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const read = await file?.handle?.read(line, filled, length - filled, offset + filled);
    // What was not read is memory of this process, which may hold a key.
    if (read === undefined || read.bytesRead === 0) throw replaced(file?.path ?? 'a part');
    filled += read.bytesRead;
  }
  return line;
}
