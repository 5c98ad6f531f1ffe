import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ConnectionLostError } from '../../../src/core/errors.ts';
import type { Chunk, ExecOptions, ExecResult, Session, StreamOptions } from '../../../src/core/session.ts';
import type { Command } from '../../../src/core/shell.ts';
import { DetachedJobs } from '../../../src/orchestration/jobs/detached.ts';
import { LocalSession } from '../../../src/orchestration/sessions/local.ts';
import type { JobsBox } from '../../contracts/jobs-box.ts';

export const JOB_SCRIPT = fileURLToPath(new URL('../../../remote/job.py', import.meta.url));
export const PYTHON = 'python3';
/** Short delays: what is tested is that it goes on, not for how long it waits. */
export const QUICK = { limit: 20, firstDelayMs: 1, maxDelayMs: 20 };
export const sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
  await delay(ms, undefined, signal === undefined ? {} : { signal });
};

/** A session over this machine whose transport can be cut: what was on its way is lost, as over ssh. */
export class CuttableSession {
  readonly #inner: LocalSession;
  #tellLost: (error: ConnectionLostError) => void = () => {};
  readonly #lost: Promise<never>;
  isLost = false;

  constructor(inner: LocalSession) {
    this.#inner = inner;
    this.#lost = new Promise((_, reject) => {
      this.#tellLost = reject;
    });
    this.#lost.catch(() => {});
  }

  cut(): void {
    this.isLost = true;
    this.#tellLost(new ConnectionLostError('the connection was cut by the test'));
  }

  async exec(command: Command, options?: ExecOptions): Promise<ExecResult> {
    return Promise.race([this.#inner.exec(command, options), this.#lost]);
  }

  async *stream(command: Command, options?: StreamOptions): AsyncGenerator<Chunk> {
    const chunks = this.#inner.stream(command, options)[Symbol.asyncIterator]();
    try {
      while (true) {
        const next = chunks.next();
        next.catch(() => {});
        const { done, value } = await Promise.race([next, this.#lost]);
        if (done === true) return;
        yield value;
      }
    } finally {
      void chunks.return?.(undefined);
    }
  }

  /** As a Session; what jobs do not use goes to the machine itself. */
  asSession(): Session {
    const inner = this.#inner;
    return {
      description: inner.description,
      kind: inner.kind,
      exec: (command, options) => this.exec(command, options),
      stream: (command, options) => this.stream(command, options),
      upload: (files, root, options) => inner.upload(files, root, options),
      download: (root, localRoot, options) => inner.download(root, localRoot, options),
      forward: (port) => inner.forward(port),
      forwardBack: (port) => inner.forwardBack(port),
      close: () => inner.close(),
    };
  }
}

export async function makeLocalBox(): Promise<JobsBox> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'gpu-eval-jobs-')));
  let live: CuttableSession | undefined;
  const session = async (): Promise<Session> => {
    if (live === undefined || live.isLost) live = new CuttableSession(new LocalSession({ transferSource: '' }));
    return live.asSession();
  };
  return {
    jobs: new DetachedJobs({ session, python: PYTHON, jobScript: JOB_SCRIPT, sleep, retry: QUICK }),
    session,
    root,
    python: PYTHON,
    async logout() {
      await live?.asSession().close();
      live = undefined;
    },
    async cut() {
      live?.cut();
    },
    async dispose() {
      await live?.asSession().close();
      await rm(root, { recursive: true, force: true });
    },
  };
}
