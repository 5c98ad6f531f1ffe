import { hash } from 'node:crypto';
import type { GenerationKey } from '../core/evaluation.ts';

/**
 * A key as 16 Latin-1 characters (the first 128 bits of a sha256): a million of them in a Map take about 70 MB,
 * where the keys' own texts would take four times that.
 */
export function compactKey(key: GenerationKey): string {
  const text = JSON.stringify([key.benchmark, key.variant, key.origin, key.sampleId, key.index, key.requestHash]);
  return hash('sha256', text, 'buffer').toString('latin1', 0, 16);
}

/** Just the key's fields of a record that has more. */
export function keyOf(record: GenerationKey): GenerationKey {
  const { benchmark, variant, origin, sampleId, index, requestHash } = record;
  return { benchmark, variant, origin, sampleId, index, requestHash };
}

/** Order for people: runs of digits by their value, the rest by code units. `HumanEval/2` before `HumanEval/10`. */
export function compareNatural(a: string, b: string): number {
  const left = a.match(PIECES) ?? [];
  const right = b.match(PIECES) ?? [];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const x = left[i] ?? '';
    const y = right[i] ?? '';
    const difference = Number(x) - Number(y);
    if (DIGITS.test(x) && DIGITS.test(y) && difference !== 0) return difference;
    if (x !== y) return x < y ? -1 : 1;
  }
  return left.length - right.length;
}

const PIECES = /\d{1,15}|\D+/g;
const DIGITS = /^\d/;
