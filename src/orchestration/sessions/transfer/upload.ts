import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { z } from 'zod';
import { GpuEvalError } from '../../../core/errors.ts';
import type { UploadFile, UploadReport } from '../../../core/session.ts';
import type { StartCommand } from '../command.ts';
import { type Box, CHUNK_BYTES, type Conversation, converse, isGone } from './conversation.ts';
import { refuseName, showName } from './names.ts';

type Announced = { readonly path: string; readonly size: number; readonly sha256: string; readonly mode: number };

const needed = z.object({ need: z.array(z.number().int().nonnegative()) });
const done = z.object({ done: z.literal(true) });

/**
 * Puts files below `root` on a machine, in one conversation: only content that is not there travels.
 * @throws {GpuEvalError} `usage` for names that climb out or stand twice; `transfer` where a file changed while it was
 * sent or the machine could not write it.
 */
export async function uploadFiles(
  start: StartCommand,
  box: Box,
  files: readonly UploadFile[],
  root: string,
  signal?: AbortSignal,
): Promise<UploadReport> {
  if (!root.startsWith('/'))
    throw new GpuEvalError('usage', `an upload needs an absolute folder, not ${showName(root)}`);
  const paths = new Set<string>();
  for (const { path } of files) {
    const reason = paths.has(path) ? 'it stands twice in one upload' : refuseName(path);
    if (reason !== null) throw new GpuEvalError('usage', `cannot upload ${showName(path)}`, { why: reason });
    paths.add(path);
  }
  const announced: Announced[] = [];
  for (const file of files) announced.push(await announce(file, signal));

  return converse(start, box, ['receive', root], signal, async (conversation) => {
    await conversation.send({ files: announced });
    const needs = new Set((await conversation.receive(needed)).need);
    const sent: string[] = [];
    let sentBytes = 0;
    // The answer is awaited while we send: it comes early where the machine cannot go on.
    const answer = conversation.receive(done);
    const sending = (async () => {
      for (const [index, file] of files.entries()) {
        if (!needs.has(index)) continue;
        sentBytes += await sendContent(conversation, file);
        sent.push(file.path);
      }
    })();
    const sendingThenAnswer = sending.then(
      () => answer,
      (error: unknown) => (isGone(error) ? answer : Promise.reject(error)),
    );
    await Promise.race([answer, sendingThenAnswer]);
    const unchanged = files.filter((_, index) => !needs.has(index)).map((file) => file.path);
    return { sent, unchanged, sentBytes };
  });
}

async function announce(file: UploadFile, signal: AbortSignal | undefined): Promise<Announced> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of contentOf(file)) {
    if (signal?.aborted) break;
    size += piece.length;
    hash.update(piece);
  }
  return { path: file.path, size, sha256: hash.digest('hex'), mode: file.mode & 0o7777 };
}

async function sendContent(conversation: Conversation, file: UploadFile): Promise<number> {
  let size = 0;
  for await (const piece of contentOf(file)) {
    await conversation.sendContent(piece);
    size += piece.length;
  }
  await conversation.send({ end: true });
  return size;
}

async function* contentOf(file: UploadFile): AsyncGenerator<Uint8Array> {
  if ('bytes' in file.content) {
    const { bytes } = file.content;
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
    return;
  }
  const { localPath } = file.content;
  try {
    for await (const piece of createReadStream(localPath, { highWaterMark: CHUNK_BYTES })) {
      if (piece instanceof Uint8Array) yield piece;
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GpuEvalError('transfer', `cannot read ${showName(localPath)}, which was to be uploaded`, { why, cause });
  }
}
