import { describe, expect, it } from 'vitest';
import { wilsonInterval } from '../../src/metrics/errors.ts';

describe('wilsonInterval at its ends', () => {
  it.each([3, 20, 1319])('holds the score itself, of %i', (n) => {
    expect(wilsonInterval(0, n)[0]).toBe(0);
    expect(wilsonInterval(n, n)[1]).toBe(1);
  });
});
