import type { EngineName } from '../plan/types.ts';

/** Why a server ended or never came up, as far as its log tells. */
export type Diagnosis = {
  /** Stable name, e.g. `cuda-out-of-memory`. */
  readonly cause: string;
  /** One line for people: what happened. */
  readonly summary: string;
  /** The log line that says so. */
  readonly evidence: string;
  /** What to do next. */
  readonly hint: string;
};

/** One known cause: the first pattern that matches a line of the log, searched from the end, decides. */
export type KnownCause = {
  readonly cause: string;
  readonly pattern: RegExp;
  readonly summary: string;
  readonly hint: string;
};

/** What is particular to one kind of model server. Pure: effects are in readiness.ts and the workflows. */
export interface Engine {
  readonly name: EngineName;
  /**
   * Phase names and the log lines that begin them, in Python's regular expression syntax (remote/watch_server.py reads
   * them); a group `detail` is told beside the phase.
   */
  readonly phases: readonly (readonly [phase: string, pattern: string])[];
  readonly causes: readonly KnownCause[];
}

/** Longest piece of a foreign log line that is told. */
const EVIDENCE_LIMIT = 300;

/**
 * Reads the cause of a death from the end of a server's log. Causes are tried in their order (the most specific first),
 * each against the latest lines first, since a log may hold an earlier start.
 * @returns null when nothing known is there.
 */
export function diagnose(causes: readonly KnownCause[], log: string): Diagnosis | null {
  const lines = log.split(/[\r\n]+/).filter((line) => line.trim() !== '');
  for (const { cause, pattern, summary, hint } of causes) {
    for (let at = lines.length - 1; at >= 0; at--) {
      const line = lines[at] ?? '';
      const match = pattern.exec(line);
      if (match === null) continue;
      const fill = (text: string): string => text.replaceAll(/\$<(\w+)>/g, (_, name) => match.groups?.[name] ?? '?');
      return { cause, summary: fill(summary), hint: fill(hint), evidence: line.trim().slice(0, EVIDENCE_LIMIT) };
    }
  }
  return null;
}
