import { z } from 'zod';
import { GpuEvalError } from '../../core/errors.ts';
import type { Message } from '../../core/evaluation.ts';
import type { Json } from '../../core/json.ts';

/**
 * Reads one row by its schema.
 * @throws {GpuEvalError} `dataset`: which row (from 1, as editors count lines), which field, what is wrong with it.
 */
export function readRow<Row>(schema: z.ZodType<Row>, benchmark: string, row: Json, index: number): Row {
  const read = schema.safeParse(row);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  const field = issue === undefined || issue.path.length === 0 ? 'the row' : `field \`${issue.path.join('.')}\``;
  throw new GpuEvalError(
    'dataset',
    `row ${index + 1} is no row of ${benchmark}: ${field}: ${issue?.message ?? 'invalid'}`,
    {
      why: JSON.stringify(row).slice(0, 200),
    },
  );
}

/** The question as a chat: the system prompt if there is one, then one user turn. */
export function askOnce(question: string, systemPrompt: string | null): readonly Message[] {
  const user: Message = { role: 'user', content: question };
  return systemPrompt === null ? [user] : [{ role: 'system', content: systemPrompt }, user];
}

/** A field of a sample's metadata that `parse` put there as text. */
export function textOf(json: Json | undefined): string {
  return typeof json === 'string' ? json : '';
}

/** A field that must hold some text. */
export const nonEmpty = z.string().refine((text) => text.trim() !== '', 'is empty');
