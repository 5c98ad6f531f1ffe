/** The 97.5% point of the normal distribution: 95% two-sided. */
const Z95 = 1.959963984540054;

/** Arithmetic mean; null of nothing. */
export function mean(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/**
 * Standard error of a score over questions, each question one cluster of samples: the samples of a question are averaged
 * first, then √(Σ(s − s̄)² / (n(n − 1))) over the n questions. Equals the plain CLT error with one sample a question.
 * Source: Miller 2024, "Adding Error Bars to Evals" (arXiv 2411.00640). Null with fewer than two clusters.
 */
export function clusteredStandardError(clusters: readonly (readonly number[])[]): number | null {
  const means: number[] = [];
  for (const cluster of clusters) {
    const value = mean(cluster);
    if (value !== null) means.push(value);
  }
  const centre = mean(means);
  if (centre === null || means.length < 2) return null;
  let squares = 0;
  for (const value of means) squares += (value - centre) ** 2;
  return Math.sqrt(squares / (means.length * (means.length - 1)));
}

/**
 * Wilson's score interval (95%) of `successes` in `n` single yes-or-no trials; holds its level where the CLT's does not
 * (few trials, or a share near 0 or 1). Source: Wilson 1927; compared by Newcombe 1998, method 3.
 * @throws {RangeError} unless 0 ≤ successes ≤ n and n ≥ 1.
 */
export function wilsonInterval(successes: number, n: number): readonly [number, number] {
  if (!(n >= 1) || !(successes >= 0) || successes > n) {
    throw new RangeError(`the interval needs 0 ≤ successes ≤ n and n ≥ 1, not ${successes} of ${n}`);
  }
  const share = successes / n;
  const z2 = Z95 ** 2;
  const centre = share + z2 / (2 * n);
  const half = Z95 * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n * n));
  const scale = 1 + z2 / n;
  // At the ends the formula gives exactly 0 and 1, and floating point almost does.
  const low = successes === 0 ? 0 : clip((centre - half) / scale);
  const high = successes === n ? 1 : clip((centre + half) / scale);
  return [low, high];
}

/** Mean ± 1.96 standard errors (95%, CLT), clipped to 0…1. */
export function normalInterval(centre: number, standardError: number): readonly [number, number] {
  return [clip(centre - Z95 * standardError), clip(centre + Z95 * standardError)];
}

const clip = (value: number): number => Math.min(1, Math.max(0, value));
