import { Buffer } from 'node:buffer';
import { Readable, type Writable } from 'node:stream';
import { GpuEvalError } from '../../core/errors.ts';
import type { Chunk, ExecEnd, ExecOptions, ExecResult, StreamOptions } from '../../core/session.ts';
import type { Command } from '../../core/shell.ts';

export type CommandEnd = Exclude<ExecEnd, { kind: 'timedOut' }>;

/** One command under way on a machine, whatever carries it: what exec, stream and transfers are made of. */
export type RunningCommand = {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** How it ended, once its output is through. Rejects with ConnectionLostError where that cannot be known. */
  readonly ended: Promise<CommandEnd>;
  /** Ends its process group: SIGTERM, and SIGKILL after a grace time. Resolves when that is done; never rejects. */
  terminate(): Promise<void>;
};

/** Starts a command on one machine. `signal` gives up waiting for the start; a started command is ended by `terminate`. */
export type StartCommand = (command: Command, signal?: AbortSignal) => Promise<RunningCommand>;

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;

/** The error of work that the user, or the caller on their behalf, called off. */
export function interrupted(what: string): GpuEvalError {
  return new GpuEvalError('interrupted', `${what} was interrupted`);
}

/** Runs a command to its end and keeps what it printed, of each stream up to a limit. */
export async function runToEnd(start: StartCommand, command: Command, options: ExecOptions = {}): Promise<ExecResult> {
  const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  const kept = { stdout: new Beginning(maxBytes), stderr: new Beginning(maxBytes) };
  const chunks = streamCommand(start, command, { ...options, timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS });
  for await (const chunk of chunks) {
    if (chunk.kind === 'end') {
      return {
        stdout: kept.stdout.text(),
        stderr: kept.stderr.text(),
        truncated: kept.stdout.truncated || kept.stderr.truncated,
        ...chunk.end,
      };
    }
    kept[chunk.kind].add(chunk.bytes);
  }
  throw new GpuEvalError('bug', 'a stream of output had no end');
}

/** Runs a command and yields its output at the reader's pace. Where the reader leaves early, the command is ended. */
export async function* streamCommand(
  start: StartCommand,
  command: Command,
  options: StreamOptions = {},
): AsyncGenerator<Chunk> {
  const { signal } = options;
  if (signal?.aborted) throw interrupted(command.argv[0]);
  const running = await start(command, signal);
  // Where nobody awaits `ended` any more (the reader left), its rejection is nobody's.
  running.ended.catch(() => {});

  let stop: 'timedOut' | 'interrupted' | undefined;
  let inputError: unknown;
  let terminating: Promise<void> | undefined;
  let isOver = false;
  const end = (why?: 'timedOut' | 'interrupted') => {
    stop ??= why;
    terminating ??= running.terminate();
  };
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => end('timedOut'), options.timeoutMs);
  const onAbort = () => end('interrupted');
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted) onAbort();
  const stopFeeding = feed(running.stdin, options.stdin, (error) => {
    inputError = error;
    end();
  });
  try {
    yield* merge(running);
    const ended = await running.ended;
    clearTimeout(timer);
    isOver = true;
    await terminating;
    if (inputError !== undefined) throw inputError;
    if (stop === 'interrupted') throw interrupted(command.argv[0]);
    yield { kind: 'end', end: stop === 'timedOut' ? { kind: 'timedOut' } : ended };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    stopFeeding();
    if (!isOver) {
      end();
      await terminating;
    }
  }
}

/** Gives a command its stdin and closes it. A command that does not read it to its end is no error. */
function feed(stdin: Writable, input: StreamOptions['stdin'], onError: (error: unknown) => void): () => void {
  stdin.on('error', () => {});
  if (input === undefined || typeof input === 'string' || input instanceof Uint8Array) {
    stdin.end(input);
    return () => {};
  }
  const source = Readable.from(input, { objectMode: false });
  source.on('error', onError);
  source.pipe(stdin);
  return () => {
    source.unpipe(stdin);
    source.destroy();
  };
}

/** Both outputs of a command as they come. Nothing is read ahead beyond the streams' own buffers. */
async function* merge(running: RunningCommand): AsyncGenerator<Chunk> {
  let wake = () => {};
  const open = new Map<'stdout' | 'stderr', Readable>([
    ['stdout', running.stdout],
    ['stderr', running.stderr],
  ]);
  for (const stream of open.values()) {
    // An error of the stream is its end here: how the command ended, or that nobody knows, is for `ended` to say.
    for (const event of ['readable', 'end', 'close', 'error']) stream.on(event, () => wake());
  }
  while (open.size > 0) {
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    let isIdle = true;
    for (const [kind, stream] of open) {
      const bytes: unknown = stream.read();
      if (bytes instanceof Uint8Array) {
        isIdle = false;
        yield { kind, bytes };
      } else if (stream.readableEnded || stream.destroyed) {
        open.delete(kind);
        isIdle = false;
      }
    }
    if (isIdle) await woken;
  }
}

/** The beginning of a byte stream, decoded as UTF-8 at its end, over the whole. */
export class Beginning {
  truncated = false;
  readonly #pieces: Uint8Array[] = [];
  #room: number;

  constructor(maxBytes: number) {
    this.#room = maxBytes;
  }

  add(bytes: Uint8Array): void {
    if (bytes.length > this.#room) this.truncated = true;
    const piece = bytes.subarray(0, this.#room);
    this.#room -= piece.length;
    if (piece.length > 0) this.#pieces.push(piece);
  }

  text(): string {
    const whole = Buffer.concat(this.#pieces);
    return whole.subarray(0, this.truncated ? lastWholeCharacter(whole) : whole.length).toString('utf8');
  }
}

/** Where the last UTF-8 character that is there in full ends; a cut through a character is then not shown as U+FFFD. */
function lastWholeCharacter(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return bytes.length;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? bytes.length - back : bytes.length;
    }
  }
  return bytes.length;
}
