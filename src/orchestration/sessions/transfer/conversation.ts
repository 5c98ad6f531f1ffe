import { Buffer } from 'node:buffer';
import type { Writable } from 'node:stream';
import { z } from 'zod';
import { GpuEvalError } from '../../../core/errors.ts';
import { Beginning, interrupted, type RunningCommand, type StartCommand } from '../command.ts';
import { showName } from './names.ts';

/** The machine at the other side, as far as transfers go. */
export type Box = {
  /** For people. */
  readonly description: string;
  readonly python: string;
  /** The text of remote/transfer.py. */
  readonly source: string;
};

export const CHUNK_BYTES = 256 * 1024;
/** A listing of a million files fits; what it is parsed into is several times larger. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;
const MAX_CHUNK_BYTES = 8 * 1024 * 1024;
/** What remote/transfer.py would tell at most. */
const MAX_TOLD_BYTES = 256 * 1024 * 1024;
const HEADER_BYTES = 5;
const KIND_JSON = 0x4a;
const KIND_CONTENT = 0x43;

const failure = z.object({ error: z.string(), path: z.string().nullish() });

/** The other side's output ended before it was done. */
class OutputEnded extends Error {}

/** Whether an error only says that the other side is gone; why it is gone is then for others to say. */
export function isGone(error: unknown): boolean {
  if (error instanceof OutputEnded) return true;
  return error instanceof Error && 'code' in error && /^(EPIPE|ECONNRESET|ERR_STREAM_.*)$/.test(String(error.code));
}

/** One run of remote/transfer.py, spoken to in frames (its docstring has the protocol). */
export class Conversation {
  readonly #running: RunningCommand;
  readonly #box: Box;
  readonly #output: AsyncIterator<unknown>;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(running: RunningCommand, box: Box) {
    this.#running = running;
    this.#box = box;
    this.#output = running.stdout[Symbol.asyncIterator]();
  }

  send(message: unknown): Promise<void> {
    return this.#sendFrame(KIND_JSON, Buffer.from(JSON.stringify(message)));
  }

  sendContent(bytes: Uint8Array): Promise<void> {
    return this.#sendFrame(KIND_CONTENT, bytes);
  }

  /** @throws {GpuEvalError} `transfer` where the other side tells of a failure or says something else. */
  async receive<T>(schema: z.ZodType<T>): Promise<T> {
    const frame = await this.#receiveFrame();
    if (frame.kind !== KIND_JSON) throw this.#nonsense('content came where a message was due');
    return this.#parse(schema, frame.payload);
  }

  /** Yields the content of one file; returns the message after it. */
  async *receiveContent<T>(schema: z.ZodType<T>): AsyncGenerator<Buffer, T> {
    for (;;) {
      const frame = await this.#receiveFrame();
      if (frame.kind === KIND_JSON) return this.#parse(schema, frame.payload);
      yield frame.payload;
    }
  }

  #parse<T>(schema: z.ZodType<T>, payload: Buffer): T {
    let message: unknown;
    try {
      message = JSON.parse(payload.toString('utf8'));
    } catch (cause) {
      throw this.#nonsense('a message is not JSON', cause);
    }
    const failed = failure.safeParse(message);
    if (failed.success) {
      const { error, path } = failed.data;
      throw new GpuEvalError('transfer', `${this.#box.description} could not do its part of a transfer`, {
        why: showName(path ? `${path}: ${error}` : error),
      });
    }
    const parsed = schema.safeParse(message);
    if (!parsed.success) throw this.#nonsense('a message is not of the form that is due', parsed.error);
    return parsed.data;
  }

  async #sendFrame(kind: number, payload: Uint8Array): Promise<void> {
    const { stdin } = this.#running;
    if (stdin.destroyed || !stdin.writable) throw new OutputEnded('the other side takes nothing more');
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt8(kind, 0);
    header.writeUInt32BE(payload.length, 1);
    stdin.cork();
    stdin.write(header);
    const hasRoom = stdin.write(payload);
    stdin.uncork();
    if (!hasRoom) await room(stdin);
  }

  async #receiveFrame(): Promise<{ kind: number; payload: Buffer }> {
    const header = await this.#take(HEADER_BYTES);
    const kind = header.readUInt8(0);
    const length = header.readUInt32BE(1);
    if (kind === KIND_JSON && length > MAX_JSON_BYTES && length <= MAX_TOLD_BYTES) {
      throw new GpuEvalError('transfer', `${this.#box.description} tells more in one message than is taken`, {
        why: `${length} bytes, as a listing of very many files would have; at most ${MAX_JSON_BYTES} are read`,
      });
    }
    if (
      (kind !== KIND_JSON && kind !== KIND_CONTENT) ||
      length > (kind === KIND_JSON ? MAX_JSON_BYTES : MAX_CHUNK_BYTES)
    ) {
      throw this.#nonsense(`it begins with ${JSON.stringify(header.toString('latin1'))}`);
    }
    return { kind, payload: await this.#take(length) };
  }

  async #take(count: number): Promise<Buffer> {
    while (this.#bytes < count) {
      const next = await this.#output.next();
      if (next.done) throw new OutputEnded('the other side said nothing more');
      if (!Buffer.isBuffer(next.value)) throw new GpuEvalError('bug', 'a stream of bytes gave something else');
      this.#pieces.push(next.value);
      this.#bytes += next.value.length;
    }
    const whole = this.#pieces.length === 1 ? (this.#pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#pieces);
    const rest = whole.subarray(count);
    this.#pieces = rest.length > 0 ? [rest] : [];
    this.#bytes = rest.length;
    return whole.subarray(0, count);
  }

  #nonsense(why: string, cause?: unknown): GpuEvalError {
    return new GpuEvalError('transfer', `${this.#box.description} answered a transfer with something else`, {
      why,
      cause,
    });
  }
}

/** Waits until a stream takes more, or never will. */
function room(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, go);
      resolve();
    };
    for (const event of ['drain', 'close', 'error']) stream.on(event, go);
    if (stream.destroyed) go();
  });
}

/**
 * Runs one conversation with remote/transfer.py to its end, and says what went wrong where it did not get there.
 * @throws {ConnectionLostError} when the transport was lost: whatever else was seen then is a consequence of it.
 */
export async function converse<T>(
  start: StartCommand,
  box: Box,
  args: readonly [verb: 'receive' | 'send', root: string],
  signal: AbortSignal | undefined,
  talk: (conversation: Conversation) => Promise<T>,
): Promise<T> {
  const what = args[0] === 'receive' ? 'an upload' : 'a download';
  if (signal?.aborted) throw interrupted(what);
  const running = await start({ argv: [box.python, '-c', box.source, ...args] }, signal);
  const stderr = new Beginning(16 * 1024);
  running.stderr.on('data', (bytes: Buffer) => stderr.add(bytes));
  running.stderr.on('error', () => {});
  running.stdout.on('error', () => {});
  running.stdin.on('error', () => {});
  const ended = running.ended.then(
    (end) => ({ end }),
    (error: unknown) => ({ error }),
  );
  const over = new AbortController(); // takes the listener away again: one signal sees many transfers
  const aborted = new Promise<'aborted'>((resolve) => {
    signal?.addEventListener('abort', () => resolve('aborted'), { once: true, signal: over.signal });
    if (signal?.aborted) resolve('aborted');
  });
  const outcome = await Promise.race([
    talk(new Conversation(running, box)).then(
      (value) => ({ kind: 'done' as const, value }),
      (error: unknown) => ({ kind: 'failed' as const, error }),
    ),
    aborted.then(() => ({ kind: 'aborted' as const })),
  ]);
  over.abort();
  if (outcome.kind === 'done') {
    running.stdin.end();
    running.stdout.resume();
    const last = await ended;
    if ('error' in last) throw last.error;
    return outcome.value;
  }
  const isOurs = outcome.kind === 'failed' && !isGone(outcome.error);
  if (isOurs || outcome.kind === 'aborted') await running.terminate();
  running.stdout.resume();
  const last = await ended;
  if ('error' in last) throw last.error;
  if (outcome.kind === 'aborted') throw interrupted(what);
  if (isOurs) throw outcome.error instanceof GpuEvalError ? outcome.error : failedHere(what, outcome.error);
  throw endedEarly(box, what, last.end, stderr.text());
}

/** A full disk here, a folder where a file should be: the file system's own words are the best there are. */
function failedHere(what: string, cause: unknown): GpuEvalError {
  const why = showName(cause instanceof Error ? cause.message : String(cause));
  return new GpuEvalError('transfer', `${what} failed on this side`, { why, cause });
}

function endedEarly(box: Box, what: string, end: Awaited<RunningCommand['ended']>, stderr: string): GpuEvalError {
  const lastLine = showName(stderr.trim().split('\n').at(-1) ?? '');
  if (end.kind === 'exited' && (end.exitCode === 127 || end.exitCode === 126)) {
    return new GpuEvalError('prerequisite', `${box.python} cannot be run on ${box.description}`, {
      why: lastLine,
      hint: 'install Python 3.10 or newer there, or name it with --python PATH',
    });
  }
  const how = end.kind === 'exited' ? `ended with code ${end.exitCode}` : `was ended by ${end.signal}`;
  return new GpuEvalError('transfer', `the other side of ${what} on ${box.description} ${how} before it was done`, {
    why: lastLine === '' ? undefined : lastLine,
  });
}
