/**
 * Unbiased pass@k of one question: 1 − C(n−c, k) / C(n, k), as a product so that nothing overflows.
 * `n` samples, `c` of them correct, 1 ≤ k ≤ n. Source: Chen et al. 2021 (arXiv 2107.03374), eq. 1.
 * @throws {RangeError} where that does not hold: with n < k it is undefined.
 */
export function passAtK(n: number, c: number, k: number): number {
  if (!Number.isInteger(n) || !Number.isInteger(c) || !Number.isInteger(k) || c < 0 || c > n || k < 1 || k > n) {
    throw new RangeError(`pass@k needs 0 ≤ c ≤ n and 1 ≤ k ≤ n, not n = ${n}, c = ${c}, k = ${k}`);
  }
  if (n - c < k) return 1;
  let failing = 1;
  for (let i = n - c + 1; i <= n; i++) failing *= 1 - k / i;
  return 1 - failing;
}
