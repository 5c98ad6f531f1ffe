/** A time limit that stands still while the user is asked something. */
export class Deadline {
  /** Rejects when the time is up, or was called off. */
  readonly expired: Promise<never>;
  isExpired = false;
  #leftMs: number;
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;
  #reject: (error: Error) => void = () => {};

  constructor(ms: number) {
    this.#leftMs = ms;
    this.expired = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.expired.catch(() => {});
  }

  start(): void {
    if (this.#isOver) return;
    this.#since = performance.now();
    this.#timer = setTimeout(() => this.expire(), this.#leftMs);
  }

  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  expire(): void {
    this.stop();
    this.isExpired = true;
    this.#reject(new Error('the time is up'));
  }

  async pausedFor<T>(ask: () => Promise<T>): Promise<T> {
    clearTimeout(this.#timer);
    this.#leftMs -= performance.now() - this.#since;
    try {
      return await ask();
    } finally {
      this.start();
    }
  }
}
