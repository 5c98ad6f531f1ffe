import { z } from 'zod';
import { SANDBOX_KINDS } from '../../core/machine.ts';
import type { OpenTask } from '../contracts.ts';

/** What the Python grader (remote/grader, `serve`) says, one JSON object a line. Parsed before anything of it is used. */
const text = z.string().max(64 * 1024);
const reasons = z.record(z.string().max(40), text);

/** Longest line that is read; no honest one comes near. */
export const MAX_LINE_BYTES = 1024 * 1024;

export const readySchema = z.object({
  ready: z.boolean(),
  sandbox: z.enum(SANDBOX_KINDS).nullable(),
  /** Names of the attacks that were contained. */
  probes: z.array(z.string().max(100)).max(100),
  /** Why each other kind that was tried is not taken. */
  refused: reasons,
  /** A Python package that the asked kinds of tasks need, and how to get it. */
  missing: text.nullable(),
  notes: reasons.optional(),
});
export type Ready = z.infer<typeof readySchema>;

const answered = { id: z.number().int().nonnegative(), duration_ms: z.number().nonnegative(), reason: text };
export const verdictSchema = z.discriminatedUnion('verdict', [
  z.object({
    ...answered,
    verdict: z.enum(['passed', 'failed', 'runtime_error', 'did_not_compile', 'timed_out', 'out_of_memory']),
  }),
  z.object({
    ...answered,
    verdict: z.literal('decided'),
    score: z.union([z.literal(0), z.literal(1)]),
    answer: text.nullable(),
  }),
  z.object({ ...answered, verdict: z.enum(['sandbox_failed', 'grader_failed']) }),
]);
export type PythonVerdict = z.infer<typeof verdictSchema>;

/** Seconds for one comparison of two answers (math-verify gives itself as many); stretched where the sandbox is slower. */
export const MATH_TIME_LIMIT_S = 5;
/** Of a text, its end: where the answer is. Characters. */
const MATH_TEXT = 20_000;

/** The line that asks for one task. */
export function requestLine(id: number, task: OpenTask): string {
  const request =
    task.kind === 'code'
      ? {
          id,
          kind: 'code',
          program: task.program,
          prompt: task.prompt,
          test: task.test,
          entry_point: task.entryPoint,
          time_limit_s: task.timeLimitS,
        }
      : {
          id,
          kind: 'math',
          answer: task.answer === null ? null : task.answer.slice(0, MATH_TEXT),
          text: task.answer === null ? task.text.slice(-MATH_TEXT) : '',
          target: task.target,
          time_limit_s: MATH_TIME_LIMIT_S,
        };
  return `${JSON.stringify(request)}\n`;
}

export const timeLimitS = (task: OpenTask): number => (task.kind === 'code' ? task.timeLimitS : MATH_TIME_LIMIT_S);
