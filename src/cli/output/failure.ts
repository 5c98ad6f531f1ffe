import { EXIT, GpuEvalError } from '../../core/errors.ts';
import { stripControl } from '../../core/plain-text.ts';
import { toDocument } from './json.ts';
import type { Paint } from './paint.ts';

/** An error as it is told: once, on stderr for people, on stdout with --json. */
export type Failure = {
  readonly code: string;
  readonly message: string;
  readonly why: string | null;
  readonly hint: string | null;
  readonly exitCode: number;
  readonly stack: string | null;
};

/** What is told of anything that was thrown. What is not a GpuEvalError is a bug of ours. */
export function describeFailure(error: unknown, options: { readonly showStack: boolean }): Failure {
  const stack = options.showStack ? stackOf(error) : null;
  if (error instanceof GpuEvalError) {
    const { code, message, why, hint, exitCode } = error;
    return { code, message, why: why ?? null, hint: hint ?? null, exitCode, stack };
  }
  return {
    code: 'bug',
    message: 'this is a bug in gpu-eval',
    why: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    hint: options.showStack ? null : 'the same command with GPU_EVAL_DEBUG=1 shows where; please report it with that',
    exitCode: EXIT.bug,
    stack,
  };
}

function stackOf(error: unknown): string | null {
  const parts: string[] = [];
  let current: unknown = error;
  while (current instanceof Error && parts.length < 5) {
    parts.push(current.stack ?? String(current));
    current = current.cause;
  }
  return parts.length === 0 ? null : parts.join('\ncaused by: ');
}

/** `error: …`, `why:  …`, `next: …`; further lines of a text are set in. */
export function failureText(failure: Failure, paint: Paint): string {
  const lines = [`${paint.red('error:')} ${plain(failure.message, 7)}`];
  if (failure.why !== null) lines.push(`  ${paint.bold('why:')}  ${plain(failure.why, 8)}`);
  if (failure.hint !== null && failure.hint !== '') lines.push(`  ${paint.bold('next:')} ${plain(failure.hint, 8)}`);
  if (failure.stack !== null) lines.push(stripControl(failure.stack, { keepLines: true }));
  return lines.join('\n');
}

const plain = (text: string, indent: number): string =>
  stripControl(text.trim(), { keepLines: true }).replaceAll('\n', `\n${' '.repeat(indent)}`);

export function failureDocument(failure: Failure): string {
  const { stack, ...told } = failure;
  return toDocument({ error: stack === null ? told : { ...told, stack } });
}
