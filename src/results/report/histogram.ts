/** Bins that are kept; the width doubles when a value lies beyond them. */
const FINE_BINS = 4096;

export type Histogram = {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  /** Exact up to 4,095; above that, within a bin's width (1 in 2,048 of the largest value). */
  readonly median: number;
  /** Each from `from` to below `to`. */
  readonly bins: readonly {
    readonly from: number;
    readonly to: number;
    readonly right: number;
    readonly other: number;
  }[];
};

/** Counts whole numbers ≥ 0, as many as there are, in the space of a few thousand. */
export class HistogramCounter {
  #width = 1;
  readonly #right = new Float64Array(FINE_BINS);
  readonly #other = new Float64Array(FINE_BINS);
  #count = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  /** @param right whether it belongs to a right answer. */
  add(value: number, right: boolean): void {
    while (value >= this.#width * FINE_BINS) this.#double();
    const bin = Math.floor(value / this.#width);
    const bins = right ? this.#right : this.#other;
    bins[bin] = (bins[bin] ?? 0) + 1;
    this.#count += 1;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  #double(): void {
    this.#width *= 2;
    for (const bins of [this.#right, this.#other]) {
      for (let i = 0; i < FINE_BINS; i++) {
        bins[i] = i < FINE_BINS / 2 ? (bins[2 * i] ?? 0) + (bins[2 * i + 1] ?? 0) : 0;
      }
    }
  }

  /** At most `wanted` bins of one round width (1, 2 or 5 times a power of ten); null if nothing was counted. */
  read(wanted: number): Histogram | null {
    if (this.#count === 0) return null;
    const width = roundWidth(this.#max + 1, wanted, this.#width);
    const bins = Array.from({ length: Math.floor(this.#max / width) + 1 }, (_, i) => ({
      from: i * width,
      to: (i + 1) * width,
      right: 0,
      other: 0,
    }));
    let seen = 0;
    let median: number | null = null;
    for (let i = 0; i < FINE_BINS; i++) {
      const right = this.#right[i] ?? 0;
      const other = this.#other[i] ?? 0;
      if (right + other === 0) continue;
      const bin = bins[Math.min(bins.length - 1, Math.floor((i * this.#width) / width))];
      if (bin !== undefined) {
        bin.right += right;
        bin.other += other;
      }
      seen += right + other;
      if (median === null && seen * 2 >= this.#count) median = Math.min(this.#max, i * this.#width);
    }
    return { count: this.#count, min: this.#min, max: this.#max, median: median ?? this.#max, bins };
  }
}

/** The least round width with at most `wanted` bins over `range`, no finer than the counted bins. */
function roundWidth(range: number, wanted: number, finest: number): number {
  for (let power = 1; ; power *= 10) {
    for (const step of [1, 2, 5]) {
      const width = step * power;
      if (width >= finest && width * wanted >= range) return width;
    }
  }
}
