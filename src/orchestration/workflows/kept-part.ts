import { constants } from 'node:fs';
import { copyFile, type FileHandle, lstat, mkdir, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { GpuEvalError } from '../../core/errors.ts';
import { partDir, RUN_FILES } from '../../results/folder.ts';

const BLOCK_BYTES = 256 * 1024;
const NEWLINE = 10;
/** A box that replaces its results time and again would fill the disk here. */
const MAX_KEPT = 9;
const RESULTS: readonly string[] = [RUN_FILES.generations, RUN_FILES.grades];

/** Sorted before `worker` and `laptop`: what was here first counts first in the merge. */
const keptName = (writer: string, number: number): string => `kept-${number}-${writer}`;

/**
 * Before generations.jsonl or grades.jsonl of a part is replaced: keeps a copy of what is here as another writer's part,
 * unless what arrives begins with every whole line of it, or the same is kept already. Generations are kept with their
 * grades: a verdict is of one text.
 * @returns the name of the part that was made, or null.
 * @throws {GpuEvalError} `transfer` where that has happened too often to be an accident.
 */
export async function keepReplaced(
  runDir: string,
  writer: string,
  here: string,
  arrived: string,
): Promise<string | null> {
  const name = basename(here);
  if (!RESULTS.includes(name) || (await isBeginning(here, await wholeLines(here), arrived))) return null;
  for (let number = 1; number <= MAX_KEPT; number++) {
    const kept = keptName(writer, number);
    const dir = partDir(runDir, kept);
    if (await isSame(here, join(dir, name))) return null;
    if ((await lstat(dir).catch(() => null)) !== null) continue;
    await mkdir(dir);
    // Grades first: once the generations are there, the copy is whole.
    const files = name === RUN_FILES.generations ? [RUN_FILES.grades, name] : [name];
    for (const file of files) await copyIfThere(join(dirname(here), file), join(dir, file));
    return kept;
  }
  throw new GpuEvalError('transfer', `the results of ${runDir} were replaced on the box ${MAX_KEPT} times`, {
    why: `what was here before is kept in parts/kept-1-${writer} to kept-${MAX_KEPT}-${writer}; no more is taken`,
    hint: 'begin a new run with another --run DIR',
  });
}

async function copyIfThere(from: string, to: string): Promise<void> {
  if ((await lstat(from).catch(() => null))?.isFile()) await copyFile(from, to, constants.COPYFILE_EXCL);
}

/** Bytes up to and with the last newline: what stands behind it was torn. */
async function wholeLines(path: string): Promise<number> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    let end = (await file.stat()).size;
    while (end > 0) {
      const from = Math.max(0, end - BLOCK_BYTES);
      const at = (await readAt(file, from, end - from)).lastIndexOf(NEWLINE);
      if (at !== -1) return from + at + 1;
      end = from;
    }
    return 0;
  } finally {
    await file.close();
  }
}

async function isSame(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([lstat(a), lstat(b).catch(() => null)]);
  return right?.isFile() === true && left.size === right.size && (await isBeginning(a, left.size, b));
}

/** Whether the first `size` bytes of a file are those of another. */
async function isBeginning(path: string, size: number, other: string): Promise<boolean> {
  const files = await Promise.all([open(path, 'r'), open(other, 'r')]);
  const [left, right] = files;
  try {
    for (let at = 0; at < size; at += BLOCK_BYTES) {
      const length = Math.min(BLOCK_BYTES, size - at);
      const [a, b] = await Promise.all([readAt(left, at, length), readAt(right, at, length)]);
      if (a.length < length || !a.equals(b)) return false;
    }
    return true;
  } finally {
    for (const file of files) await file.close();
  }
}

/** Less than `length` bytes only where the file ends. */
async function readAt(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, from + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
