import type { BenchmarkSummary } from '../schemas.ts';

/**
 * What a benchmark's controls say of its grader. `holds`: every reference solution passes, and no broken copy.
 * `broken`: not so, and the score means nothing. `partial`: so far so good, but not all is graded.
 */
export type Proof = 'holds' | 'broken' | 'partial' | 'none';

export function proofOf({ controls, n }: Pick<BenchmarkSummary, 'controls' | 'n'>): Proof {
  if (controls === null) return 'none';
  const { reference, broken } = controls;
  if (reference.passed < reference.n || broken.passed > 0) return 'broken';
  if (reference.n === 0 && broken.n === 0) return 'none';
  return reference.n >= n && broken.n >= n ? 'holds' : 'partial';
}
