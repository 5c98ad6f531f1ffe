import { type ChildProcess, spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { GpuEvalError } from '../../core/errors.ts';
import type {
  Chunk,
  DownloadOptions,
  DownloadReport,
  ExecOptions,
  ExecResult,
  Forward,
  Session,
  StreamOptions,
  UploadFile,
  UploadReport,
} from '../../core/session.ts';
import { type Command, quote, shellLine } from '../../core/shell.ts';
import { type CommandEnd, type RunningCommand, runToEnd, type StartCommand, streamCommand } from './command.ts';
import { downloadFiles } from './transfer/download.ts';
import { uploadFiles } from './transfer/upload.ts';

export type LocalSessionOptions = {
  /** The text of remote/transfer.py. */
  readonly transferSource: string;
  /** Default `python3`. */
  readonly python?: string;
  /** Where commands without a `cwd` start, and their HOME. Default: the user's. */
  readonly home?: string;
  /** The environment of every command. Default: this process's own, secrets included: main.ts hands in one without. */
  readonly env?: Readonly<Record<string, string | undefined>>;
};

/** How long a command may take to end itself after SIGTERM, and its output to end after that. */
const GRACE_MS = 1_000;
const POLL_MS = 20;

/** This machine as a Session: the same shell lines, the same transfers, no connection to lose. */
export class LocalSession implements Session {
  readonly description = 'this machine';
  readonly kind = 'local';
  readonly #options: LocalSessionOptions;
  readonly #running = new Set<RunningCommand>();
  readonly #start: StartCommand;
  #isClosed = false;

  constructor(options: LocalSessionOptions) {
    this.#options = options;
    this.#start = async (command) => {
      if (this.#isClosed) throw new GpuEvalError('bug', 'this session was closed');
      const running = startLocally(command, options);
      this.#running.add(running);
      const forget = () => this.#running.delete(running);
      running.ended.then(forget, forget);
      return running;
    };
  }

  exec(command: Command, options?: ExecOptions): Promise<ExecResult> {
    return runToEnd(this.#start, command, options);
  }

  stream(command: Command, options?: StreamOptions): AsyncIterable<Chunk> {
    return streamCommand(this.#start, command, options);
  }

  upload(
    files: readonly UploadFile[],
    root: string,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<UploadReport> {
    return uploadFiles(this.#start, this.#box(), files, root, options.signal);
  }

  download(root: string, localRoot: string, options?: DownloadOptions): Promise<DownloadReport> {
    return downloadFiles(this.#start, this.#box(), root, localRoot, options);
  }

  /** Our loopback is the machine's. */
  async forward(remotePort: number): Promise<Forward> {
    return { port: remotePort, close: async () => {} };
  }

  async forwardBack(localPort: number): Promise<Forward> {
    return { port: localPort, close: async () => {} };
  }

  /** Ends what still runs in the foreground of this session; detached jobs are in sessions of their own and stay. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#running].map((running) => running.terminate()));
  }

  #box() {
    return {
      description: this.description,
      python: this.#options.python ?? 'python3',
      source: this.#options.transferSource,
    };
  }
}

function startLocally(command: Command, options: LocalSessionOptions): RunningCommand {
  const { home } = options;
  const line = shellLine(command);
  // Detached: a process group of its own, so that a time limit reaches the command's children too.
  const child = spawn('/bin/sh', ['-c', home === undefined ? line : `export HOME=${quote(home)} && ${line}`], {
    cwd: home ?? homedir(),
    detached: true,
    env: options.env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<CommandEnd>((resolve, reject) => {
    child.once('error', (error) =>
      reject(new GpuEvalError('prerequisite', 'a command could not be started', { why: error.message, cause: error })),
    );
    child.once('close', (code, signal) => {
      resolve(code === null ? { kind: 'signaled', signal: signal ?? 'SIGKILL' } : { kind: 'exited', exitCode: code });
    });
  });
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, ended, terminate: () => endGroup(child) };
}

/** Ends the process group of a child, and the wait for output that something outside the group holds open. */
async function endGroup(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  signalGroup(pid, 'SIGTERM');
  for (let waited = 0; waited < GRACE_MS && signalGroup(pid, 0); waited += POLL_MS) await delay(POLL_MS);
  signalGroup(pid, 'SIGKILL');
  const streams = [child.stdin, child.stdout, child.stderr];
  const release = setTimeout(() => {
    for (const stream of streams) stream?.destroy();
  }, GRACE_MS);
  child.once('close', () => clearTimeout(release));
}

/** Whether the group was there to be signalled. 0 only asks. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}
