import type { Origin } from '../../core/evaluation.ts';
import type { ShownOutcome } from './pick.ts';

const NUMBER = new Intl.NumberFormat('en-US');

/** `1,204`. */
export const formatCount = (count: number): string => NUMBER.format(count);

/** `81.2%` of a share 0…1. */
export const formatShare = (share: number): string => `${(share * 100).toFixed(1)}%`;

/** `78.9–83.3%`. */
export const formatRange = ([low, high]: readonly [number, number]): string =>
  `${(low * 100).toFixed(1)}–${formatShare(high)}`;

/** `2026-11-21 12:50 UTC` of an ISO 8601 time in UTC; anything else as it is. */
export function formatTime(time: string): string {
  const parts = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}):\d{2}(?:\.\d+)?Z$/.exec(time);
  return parts === null ? time : `${parts[1]} ${parts[2]} UTC`;
}

/** `1 h 4 min`, `4 min 10 s`, `8.3 s`. */
export function formatDuration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${formatCount(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

/** `1 question`, `20 questions`. */
export const plural = (count: number, noun: string): string =>
  `${formatCount(count)} ${count === 1 ? noun : noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;

/** In the order in which they are drawn, with their names for people. */
export const OUTCOME_LABELS = {
  correct: 'correct',
  wrong: 'wrong',
  no_answer: 'no answer found',
  cut_by_length: 'cut by length',
  empty: 'empty',
  refused: 'refused',
  infrastructure_error: 'infrastructure error',
  grader_failure: 'grader failure',
  not_graded: 'not graded yet',
} as const satisfies Record<ShownOutcome, string>;

export const SHOWN_OUTCOMES = Object.keys(OUTCOME_LABELS) as readonly (keyof typeof OUTCOME_LABELS)[];

export const ORIGIN_LABELS = {
  model: 'model',
  reference: 'reference solutions',
  broken: 'broken copies',
} as const satisfies Record<Origin, string>;
