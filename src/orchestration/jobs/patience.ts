import { GpuEvalError } from '../../core/errors.ts';

/** How often and how fast a lost connection is tried again. Delays double from the first to the longest. */
export type RetryPolicy = {
  /** Consecutive failures after which the error is told. */
  readonly limit: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
};

/** About ten minutes of trying: a laptop that changes its network, a box that restarts its sshd. */
export const DEFAULT_RETRY: RetryPolicy = { limit: 45, firstDelayMs: 250, maxDelayMs: 15_000 };

/** A connection that was lost, as it is told to whoever wants to show it. */
export type Loss = { readonly error: GpuEvalError; readonly failures: number; readonly delayMs: number };

type PatienceParts = {
  readonly policy: RetryPolicy;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly onLost: (loss: Loss) => void;
  readonly signal?: AbortSignal | undefined;
};

/** Counts consecutive failures of the transport and waits between them; nothing else is ever retried. */
export class Patience {
  #failures = 0;
  readonly #parts: PatienceParts;

  constructor(parts: PatienceParts) {
    this.#parts = parts;
  }

  /** The connection has just carried something. */
  reset(): void {
    this.#failures = 0;
  }

  /** Waits before the next try. Throws what it was given where another try is pointless or was one too many. */
  async wait(error: unknown): Promise<void> {
    const { policy, sleep, onLost, signal } = this.#parts;
    if (!(error instanceof GpuEvalError) || error.code !== 'connection') throw error;
    this.#failures += 1;
    if (this.#failures >= policy.limit) throw error;
    const delayMs = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (this.#failures - 1));
    onLost({ error, failures: this.#failures, delayMs });
    try {
      await sleep(delayMs, signal);
    } catch (reason) {
      if (signal?.aborted) throw new GpuEvalError('interrupted', 'interrupted while waiting to connect again');
      throw reason;
    }
    if (signal?.aborted) throw new GpuEvalError('interrupted', 'interrupted while waiting to connect again');
  }
}
