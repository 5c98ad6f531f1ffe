import { ConnectionLostError } from '../../core/errors.ts';
import type { Session } from '../../core/session.ts';

/**
 * A machine that we may use, and the one connection to it. The connection may be lost at any time; the next call of
 * `session()` opens another. Whoever holds a session sees ConnectionLostError and decides whether its call may be made again.
 */
export class Machine {
  readonly kind: 'local' | 'ssh';
  readonly #open: () => Promise<Session>;
  #current: Promise<Session> | null = null;
  #closed = false;

  /** @param open opens one connection; called again after a loss. */
  constructor(kind: 'local' | 'ssh', open: () => Promise<Session>) {
    this.kind = kind;
    this.#open = open;
  }

  /** The live session, or a new one. Calls at the same moment share one. */
  session(): Promise<Session> {
    if (this.#closed) return Promise.reject(new ConnectionLostError('this machine was closed'));
    if (this.#current === null) {
      const opening: Promise<Session> = this.#open().then((session) => watch(session, () => this.#forget(opening)));
      opening.catch(() => this.#forget(opening));
      this.#current = opening;
    }
    return this.#current;
  }

  #forget(lost: Promise<Session>): void {
    if (this.#current !== lost) return;
    this.#current = null;
    void lost.then(
      (session) => session.close(),
      () => undefined,
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    const current = this.#current;
    this.#current = null;
    if (current === null) return;
    const session = await current.catch(() => null);
    await session?.close();
  }
}

/** The same session, which also tells when a call of it was lost. */
function watch(session: Session, onLost: () => void): Session {
  const noting = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      if (error instanceof ConnectionLostError) onLost();
      throw error;
    }
  };
  return {
    description: session.description,
    kind: session.kind,
    exec: (...args) => noting(session.exec(...args)),
    async *stream(...args) {
      try {
        yield* session.stream(...args);
      } catch (error) {
        if (error instanceof ConnectionLostError) onLost();
        throw error;
      }
    },
    upload: (...args) => noting(session.upload(...args)),
    download: (...args) => noting(session.download(...args)),
    forward: (...args) => noting(session.forward(...args)),
    forwardBack: (...args) => noting(session.forwardBack(...args)),
    close: () => session.close(),
  };
}

/**
 * Makes a call again over a new connection when the transport was lost under it. Only for calls that may be made twice.
 * @throws {ConnectionLostError} when it was lost `attempts` times in a row.
 */
export async function overConnections<T>(
  machine: Machine,
  call: (session: Session) => Promise<T>,
  options: {
    readonly attempts: number;
    readonly sleep: (ms: number) => Promise<void>;
    readonly onLost?: (error: ConnectionLostError) => void;
  },
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(await machine.session());
    } catch (error) {
      if (!(error instanceof ConnectionLostError) || attempt >= options.attempts) throw error;
      options.onLost?.(error);
      await options.sleep(Math.min(500 * 2 ** (attempt - 1), 15_000));
    }
  }
}
