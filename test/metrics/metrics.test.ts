import { describe, expect, it } from 'vitest';
import { clusteredStandardError, mean, normalInterval, wilsonInterval } from '../../src/metrics/errors.ts';
import { passAtK } from '../../src/metrics/pass-at-k.ts';

const repeat = (ones: number, n: number): number[][] => Array.from({ length: n }, (_, i) => [i < ones ? 1 : 0]);

describe('pass@k', () => {
  it('has the values of the formula, counted by hand', () => {
    expect(passAtK(10, 3, 5)).toBeCloseTo(1 - 21 / 252, 12);
    expect(passAtK(4, 2, 2)).toBeCloseTo(5 / 6, 12);
    expect(passAtK(5, 0, 3)).toBe(0);
    expect(passAtK(5, 3, 3)).toBe(1);
    expect(passAtK(200, 13, 1)).toBeCloseTo(0.065, 12);
  });

  it('does not overflow where the binomials would', () => {
    expect(passAtK(10_000, 1, 5_000)).toBeCloseTo(0.5, 9);
  });

  it('is undefined with fewer samples than k', () => {
    expect(() => passAtK(3, 1, 4)).toThrow(RangeError);
    expect(() => passAtK(3, 4, 1)).toThrow(RangeError);
  });
});

describe('errors and intervals', () => {
  it('averages, and says nothing of nothing', () => {
    expect(mean([])).toBeNull();
    expect(mean([0, 1, 1])).toBeCloseTo(2 / 3, 12);
  });

  it.each([
    ['AIME, 30 questions at .5', 15, 30, 17.9, 0.4],
    ['HumanEval, 164 at .85', 139, 164, 5.5, 0.1],
    ['MATH-500 at .8', 400, 500, 3.5, 0.05],
    ['GSM8K, 1,319 at .93', 1227, 1319, 1.4, 0.05],
  ])('has the known half-width: %s', (_name, ones, n, points, tolerance) => {
    const error = clusteredStandardError(repeat(ones, n)) ?? Number.NaN;
    expect(Math.abs(1.96 * error * 100 - points)).toBeLessThan(tolerance);
  });

  it('takes samples of a question as one', () => {
    // Means 0.5, 1, 0: mean 0.5, sum of squares 0.5, so sqrt(0.5 / 6).
    const clusters = [
      [1, 0],
      [1, 1],
      [0, 0],
    ];
    expect(clusteredStandardError(clusters)).toBeCloseTo(Math.sqrt(0.5 / 6), 12);
    // Saying everything twice makes nothing more certain.
    expect(clusteredStandardError(clusters.map((c) => [...c, ...c]))).toBeCloseTo(Math.sqrt(0.5 / 6), 12);
    expect(clusteredStandardError([[1, 0]])).toBeNull();
  });

  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])("has Wilson's interval as Newcombe 1998 prints it: %d of %d", (successes, n, low, high) => {
    const [from, to] = wilsonInterval(successes, n);
    expect(from).toBeCloseTo(low, 4);
    expect(to).toBeCloseTo(high, 4);
  });

  it('stays between 0 and 1', () => {
    expect(normalInterval(0.99, 0.1)).toEqual([expect.closeTo(0.794, 3), 1]);
    expect(wilsonInterval(5, 5)[1]).toBe(1);
    expect(() => wilsonInterval(1, 0)).toThrow(RangeError);
  });
});
