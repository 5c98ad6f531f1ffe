import type { Generation } from '../../core/evaluation.ts';
import type { DoneIndex } from '../../results/done.ts';

/** So many texts wait in memory; what comes beyond is read back from the generations file when its turn comes. */
const LIVE_LIMIT = 512;

/**
 * What is to be graded: generations as they are made, and those that earlier runs left ungraded. Never holds the model
 * up: when grading lags, texts stay in their file. Each key is handed out once.
 */
export class GradingQueue {
  readonly #done: DoneIndex;
  readonly #reread: () => AsyncIterable<Generation>;
  readonly #live: Generation[] = [];
  #leftInFile: boolean;
  #finished = false;
  #wake: (() => void) | null = null;

  /**
   * @param reread all recorded generations, as they are in the files now.
   * @param leftInFile whether there may be ungraded ones in the files already.
   */
  constructor(done: DoneIndex, reread: () => AsyncIterable<Generation>, leftInFile: boolean) {
    this.#done = done;
    this.#reread = reread;
    this.#leftInFile = leftInFile;
  }

  /** A generation that was just recorded. */
  offer(generation: Generation): void {
    if (this.#live.length >= LIVE_LIMIT) this.#leftInFile = true;
    else if (this.#done.takeForGrading(generation)) this.#live.push(generation);
    this.#wakeUp();
  }

  /** No more will be offered: {@link take} ends when all is handed out. */
  finish(): void {
    this.#finished = true;
    this.#wakeUp();
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = null;
  }

  async *take(): AsyncGenerator<Generation> {
    let pass: AsyncIterator<Generation> | null = null;
    try {
      for (;;) {
        const live = this.#live.shift();
        if (live !== undefined) {
          yield live;
        } else if (pass !== null) {
          const next: IteratorResult<Generation> = await pass.next();
          if (next.done === true) pass = null;
          else if (this.#done.takeForGrading(next.value)) yield next.value;
        } else if (this.#leftInFile) {
          this.#leftInFile = false;
          pass = this.#reread()[Symbol.asyncIterator]();
        } else if (this.#finished) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      await pass?.return?.();
    }
  }
}
