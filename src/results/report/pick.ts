import type { Outcome } from '../../core/evaluation.ts';

/** Where a record stands in its file. */
export type Place = { readonly offset: number; readonly length: number };

/** One answer that may be embedded: where it stands, and its lot. */
export type Candidate = {
  /** Drawn from the key: equal runs show equal answers, and which ones has nothing to do with what they say. */
  readonly lot: string;
  readonly generation: Place;
  readonly grade: Place | null;
};

/** What an answer is shown under; `not_graded`: recorded, and without any verdict yet. */
export type ShownOutcome = Outcome | 'not_graded';

/** The answers of one benchmark, origin and outcome: how many there are, and a fair choice of at most `limit` of them. */
export class Pile {
  readonly #limit: number;
  readonly #chosen: Candidate[] = [];
  total = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** `candidate` is only made for an answer whose lot is among the lowest so far. */
  add(lot: string, candidate: () => Candidate): void {
    this.total += 1;
    const last = this.#chosen.at(-1);
    if (this.#chosen.length >= this.#limit && last !== undefined && lot >= last.lot) return;
    let low = 0;
    let high = this.#chosen.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chosen[middle]?.lot ?? '') < lot) low = middle + 1;
      else high = middle;
    }
    this.#chosen.splice(low, 0, candidate());
    if (this.#chosen.length > this.#limit) this.#chosen.pop();
  }

  /** The `count` lowest lots. */
  take(count: number): readonly Candidate[] {
    return this.#chosen.slice(0, count);
  }
}

/** The largest limit for each pile with which all of them together stay within `budget`. */
export function shareLimit(sizes: readonly number[], most: number, budget: number): number {
  let limit = most;
  while (limit > 1 && sizes.reduce((sum, size) => sum + Math.min(size, limit), 0) > budget) limit -= 1;
  return limit;
}
