import type { SuiteDescription } from '../../core/evaluation.ts';
import { arithmetic } from './arithmetic.ts';
import { gsm8k } from './gsm8k.ts';
import { humaneval } from './humaneval.ts';
import { math500 } from './math500.ts';

const whole = (benchmark: { readonly description: { readonly name: string } }) => ({
  benchmark: benchmark.description.name,
  limit: null,
  controls: false,
});

/** What `--suite` names. `controls`: the benchmark's own solutions and broken copies are graded beside the model's answers. */
export const suites: readonly SuiteDescription[] = [
  {
    name: 'demo',
    title: 'Twenty questions each of HumanEval and arithmetic, with a proof of the grader; needs no account and no hub',
    entries: [
      // The model is small and the machine may have two cores: an answer that has not ended by then is a loop.
      { benchmark: humaneval.description.name, limit: 20, controls: true, maxTokens: 384 },
      { benchmark: arithmetic.description.name, limit: 20, controls: true },
    ],
  },
  {
    name: 'quick',
    title: 'A first look at a model in minutes: part of each benchmark, with wide intervals',
    entries: [
      { benchmark: humaneval.description.name, limit: 40, controls: true },
      { benchmark: gsm8k.description.name, limit: 100, controls: false },
      { benchmark: math500.description.name, limit: 50, controls: false },
    ],
  },
  {
    name: 'all',
    title: 'Every benchmark, whole; one whose rows cannot be had is named and left out',
    entries: [whole(humaneval), whole(gsm8k), whole(math500), whole(arithmetic)],
  },
];
