import { lastBoxed } from './boxed.ts';
import { canonicalNumber } from './decimal.ts';
import { searchedText } from './final-text.ts';

/** A candidate as it was cut out of a text. `number` is its canonical form, null where it is no plain number. */
export type NumberAnswer = {
  readonly text: string;
  readonly number: string | null;
  readonly found: 'answer_line' | 'boxed' | 'hashes' | 'last_number';
};

const MARK = /answer(?:\s+is)?[*_`\s]{0,10}[:：]|answer\s+is\b/gi;
const HASHES = /####/g;
/** One number as people write it, with a fraction's denominator if one follows. A minus behind a digit is an operator. */
const NUMBER =
  /(?:(?<![\d.)\]}a-z])[-−–]\s?)?(?:\\?\$\s?)?(?:(?<![\d.)\]}a-z])[-−–])?(?:(?:\d{1,3}(?:,(?:\\!)?\s?\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<![\d.])\.\d+)(?:\s?\/\s?\d+(?:\.\d+)?)?/gi;
/** TeX that computes: a number cut out of it would not be the answer. */
const FORMULA = /\\(?:d?frac|tfrac|sqrt|times|cdot|div|pi|pm)|\^/;

/**
 * The number that a text gives as its answer, by the first rule that finds one (what a model thought before it answered
 * does not count):
 * 1. the line behind the last `Answer:` (or `answer is`), or the next line when nothing stands there: what follows the
 *    last `=` in it; a number at its start, else the last number in it;
 * 2. the last `\boxed{…}`;
 * 3. what follows the last `####`, as GSM8K's own solutions end;
 * 4. the last number of the text.
 * Where rule 1 or 2 finds a formula, it is given whole with `number: null`, for a grader that can compute.
 */
export function numberAnswer(text: string): NumberAnswer | null {
  const searched = searchedText(text);
  const line = lineBehind(searched, MARK);
  const fromLine = line === null ? null : fromPhrase(line, 'answer_line');
  if (fromLine !== null) return fromLine;
  const boxed = lastBoxed(searched);
  const fromBox = boxed === null ? null : fromPhrase(boxed, 'boxed');
  if (fromBox !== null) return fromBox;
  const hashes = lineBehind(searched, HASHES);
  const fromHashes = hashes === null ? null : fromPhrase(hashes, 'hashes');
  if (fromHashes !== null) return fromHashes;
  const last = searched.match(NUMBER)?.at(-1);
  return last === undefined ? null : candidate(last, 'last_number');
}

function lineBehind(text: string, mark: RegExp): string | null {
  const match = [...text.matchAll(mark)].at(-1);
  if (match === undefined) return null;
  const lines = text.slice(match.index + match[0].length, match.index + match[0].length + 2_000).split('\n');
  const isBlank = (line: string): boolean => line.replace(/[*_`$\s]|\\[[\]()]/g, '') === '';
  return lines.slice(0, 4).find((line) => !isBlank(line)) ?? null;
}

/** A phrase that should hold just the answer: `18`, `$18 per day`, `\boxed{18}`, `9 * 2 = 18`, `\frac{1}{2}`. */
function fromPhrase(phrase: string, found: NumberAnswer['found']): NumberAnswer | null {
  const inner = lastBoxed(phrase) ?? phrase;
  const whole = canonicalNumber(withoutPercent(inner));
  if (whole !== null) return { text: inner.trim(), number: whole, found };
  const bare = inner.replace(/\\(?:text|mathrm|mbox|textbf|mathbf)\s?\{([^{}]*)\}/g, ' $1 ').replace(/\\[()[\]]/g, ' ');
  const right = bare.slice(bare.lastIndexOf('=') + 1);
  if (FORMULA.test(right)) {
    const formula = right
      .replaceAll('$', ' ')
      .trim()
      .replace(/\s*\.$/, '');
    return { text: formula.slice(0, 1_000), number: null, found };
  }
  const numbers = [...right.matchAll(NUMBER)];
  const first = numbers[0];
  const last = numbers.at(-1);
  if (first === undefined || last === undefined) return null;
  const leads = right.slice(0, first.index).replace(/[*_`~≈£€$\s\\]/g, '') === '';
  return candidate(leads ? first[0] : last[0], found);
}

function candidate(text: string, found: NumberAnswer['found']): NumberAnswer {
  const trimmed = text.trim();
  return { text: trimmed, number: canonicalNumber(trimmed), found };
}

const withoutPercent = (text: string): string => text.replace(/\\?%(?=[\s$*.]*$)/, '');
