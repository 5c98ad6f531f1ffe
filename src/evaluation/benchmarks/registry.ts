import { GpuEvalError } from '../../core/errors.ts';
import type { BenchmarkDescription } from '../../core/evaluation.ts';
import type { Benchmark } from '../contracts.ts';
import { arithmetic } from './arithmetic.ts';
import { gsm8k } from './gsm8k.ts';
import { humaneval } from './humaneval.ts';
import { math500 } from './math500.ts';

const BENCHMARKS: readonly Benchmark[] = [humaneval, gsm8k, math500, arithmetic];

/** What each benchmark is, in the order in which they are told. */
export const benchmarkDescriptions: readonly BenchmarkDescription[] = BENCHMARKS.map(({ description }) => description);

/**
 * The benchmark of that name.
 * @throws {GpuEvalError} `usage` for a name that is not known, with the nearest one.
 */
export function findBenchmark(name: string): Benchmark {
  const found = BENCHMARKS.find(({ description }) => description.name === name);
  if (found !== undefined) return found;
  const known = benchmarkDescriptions.map((description) => description.name);
  const near = nearest(name, known);
  throw new GpuEvalError('usage', `there is no benchmark named ${JSON.stringify(name.slice(0, 80))}`, {
    why: `known: ${known.join(', ')}`,
    hint: near === null ? 'gpu-eval benchmarks' : `did you mean ${near}?`,
  });
}

/** The known name that is meant by an unknown one: equal but for case, dashes and the like, else at most a third of it mistyped. */
function nearest(name: string, known: readonly string[]): string | null {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .slice(0, 40);
  const scored = known
    .map((candidate) => ({ candidate, edits: plain.startsWith(candidate) ? 0 : distance(plain, candidate) }))
    .sort((a, b) => a.edits - b.edits);
  const best = scored[0];
  return best !== undefined && best.edits <= Math.max(1, best.candidate.length / 3) ? best.candidate : null;
}

/** Levenshtein's distance: insertions, deletions and changes of one character. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
