import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { GpuEvalError } from '../../core/errors.ts';
import { MAX_LINE_BYTES, type PythonVerdict, type Ready, readySchema, verdictSchema } from './messages.ts';

const MAX_STDERR = 4096;
/** A first start of WASI compiles for a minute on one core of today, longer on a slow one. */
const READY_LIMIT_MS = 20 * 60_000;
const END_LIMIT_MS = 10_000;

export type ProcessOptions = {
  readonly python: string;
  readonly arguments: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly onVerdict: (verdict: PythonVerdict) => void;
  /** Called once, when the process has ended or said what it may not. */
  readonly onEnd: (reason: string) => void;
};

/** One running `grader serve`: lines out, lines in, an end. */
export class PythonProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #options: ProcessOptions;
  #buffer: Buffer[] = [];
  #buffered = 0;
  #stderr = '';
  #ready: ((ready: Ready) => void) | null = null;
  #notReady: ((error: GpuEvalError) => void) | null = null;
  #ended = false;
  readonly #exit: Promise<void>;

  private constructor(options: ProcessOptions) {
    this.#options = options;
    this.#child = spawn(options.python, [...options.arguments], {
      env: { ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.stdout.on('data', (piece: Buffer) => this.#read(piece));
    this.#child.stderr.on('data', (piece: Buffer) => {
      this.#stderr = (this.#stderr + piece.toString('utf8')).slice(-MAX_STDERR);
    });
    this.#child.stdin.on('error', () => undefined); // a broken pipe is told by the exit
    this.#exit = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#end(error.message);
        resolve();
      });
      this.#child.once('close', (code, signal) => {
        this.#end(`it ended with ${signal ?? `code ${code}`}${this.#lastWords()}`);
        resolve();
      });
    });
  }

  /**
   * Starts the grader and waits until it has probed its sandboxes.
   * @throws {GpuEvalError} `grading` where it does not start at all; what it says (also: nothing safe works here) is returned.
   */
  static async start(
    options: ProcessOptions,
    signal?: AbortSignal,
  ): Promise<{ readonly process: PythonProcess; readonly ready: Ready }> {
    signal?.throwIfAborted();
    const process = new PythonProcess(options);
    const limit = AbortSignal.timeout(READY_LIMIT_MS);
    const either = signal === undefined ? limit : AbortSignal.any([limit, signal]);
    try {
      const ready = await new Promise<Ready>((resolve, reject) => {
        process.#ready = resolve;
        process.#notReady = reject;
        either.addEventListener('abort', () => reject(either.reason), { once: true });
      });
      return { process, ready };
    } catch (error) {
      process.kill();
      if (limit.aborted) {
        throw new GpuEvalError('grading', `the grader was not ready after ${READY_LIMIT_MS / 60_000} minutes`, {
          why: options.python,
        });
      }
      throw error;
    }
  }

  get ended(): boolean {
    return this.#ended;
  }

  write(line: string): void {
    if (!this.#ended) this.#child.stdin.write(line);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Lets it end its slots and waits for it; kills it if it does not. */
  async close(): Promise<void> {
    if (!this.#ended) {
      this.#child.stdin.end();
      this.#child.kill('SIGTERM');
    }
    const timer = setTimeout(() => this.kill(), END_LIMIT_MS);
    await this.#exit;
    clearTimeout(timer);
  }

  #lastWords(): string {
    const last = this.#stderr.trim().split('\n').at(-1) ?? '';
    return last === '' ? '' : `: ${last.slice(0, 300)}`;
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#notReady?.(
      new GpuEvalError('grading', 'the grader did not start', {
        why: `${this.#options.python}: ${reason}`,
        hint: 'gpu-eval setup (it makes the grader’s Python environment)',
      }),
    );
    this.#options.onEnd(reason);
  }

  #read(piece: Buffer): void {
    let rest = piece;
    for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
      const line = Buffer.concat([...this.#buffer, rest.subarray(0, at)]).toString('utf8');
      this.#buffer = [];
      this.#buffered = 0;
      rest = rest.subarray(at + 1);
      this.#line(line);
    }
    this.#buffer.push(rest);
    this.#buffered += rest.length;
    if (this.#buffered > MAX_LINE_BYTES) this.#refuse('it wrote a line without end');
  }

  #line(line: string): void {
    if (this.#ended) return;
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      this.#refuse('it wrote what is no JSON');
      return;
    }
    if (this.#ready !== null) {
      const ready = readySchema.safeParse(message);
      if (!ready.success) {
        this.#refuse('its first line is not one of a grader');
        return;
      }
      const resolve = this.#ready;
      this.#ready = null;
      this.#notReady = null;
      resolve(ready.data);
      return;
    }
    const verdict = verdictSchema.safeParse(message);
    if (verdict.success) this.#options.onVerdict(verdict.data);
    else this.#refuse('it wrote a line that is no verdict');
  }

  #refuse(reason: string): void {
    this.#end(reason);
    this.kill();
  }
}
