/**
 * Reproducible random numbers: Marsaglia's 32-bit xorshift with the shifts 13, 17, 5 ("Xorshift RNGs", 2003). The same
 * seed gives the same rows on every machine and every version, which is all that is asked of it: it is no good for secrets.
 */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    // Zero is the one state that xorshift never leaves; neighbouring seeds are driven apart by the first draws.
    this.#state = (seed ^ 0x9e3779b9) | 0 || 1;
    for (let draw = 0; draw < 16; draw += 1) this.#next();
  }

  #next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }

  /** A whole number from `low` to `high`, both included, each as likely: draws beyond the last whole multiple are left out. */
  between(low: number, high: number): number {
    const size = high - low + 1;
    const end = Math.floor(2 ** 32 / size) * size;
    let drawn = this.#next();
    while (drawn >= end) drawn = this.#next();
    return low + (drawn % size);
  }

  pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.between(0, items.length - 1)] ?? items[0];
  }
}
