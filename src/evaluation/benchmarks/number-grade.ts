import type { GradeTask } from '../contracts.ts';
import { searchedText } from './final-text.ts';
import { numberAnswer } from './number-answer.ts';

/** Decides a text against a number: exactly where the answer is a plain number, by math-verify where it is a formula. */
export function decideNumber(target: string, text: string): GradeTask {
  const answer = numberAnswer(text);
  if (answer === null) return { kind: 'decided', score: 0, answer: null, reason: 'no number was found' };
  if (answer.number === null) return { kind: 'math', answer: answer.text, text: searchedText(text), target };
  const isRight = answer.number === target;
  const how = FOUND[answer.found];
  return {
    kind: 'decided',
    score: isRight ? 1 : 0,
    answer: answer.number,
    reason: isRight ? `${how} is ${target}` : `${how} is ${answer.number}, not ${target}`,
  };
}

const FOUND = {
  answer_line: 'the answer line',
  boxed: 'the last box',
  hashes: 'the number behind ####',
  last_number: 'the last number',
} as const;

/** A number that is not this one: one more, or for decimals one with another whole part. */
export function nextNumber(canonical: string): string {
  const [whole = '0', fraction] = canonical.split('.');
  const next = whole.startsWith('-') ? BigInt(whole) - 1n : BigInt(whole) + 1n;
  return fraction === undefined ? String(next) : `${next}.${fraction}`;
}
