import { GpuEvalError } from './errors.ts';

declare const shellWord: unique symbol;
/** Text that a POSIX shell reads as exactly one word. Made only by {@link quote}. */
export type ShellWord = string & { readonly [shellWord]: true };

const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;

/**
 * Quotes any text as one word for a POSIX shell: the only quoting function there is.
 * A leading `-` stays: whether a word may be an option is for the command's author to say (use `--`).
 * @throws {GpuEvalError} `usage` for NUL (no argv can carry it) and for lone surrogates (not UTF-8).
 */
export function quote(text: string): ShellWord {
  if (text.includes('\0')) {
    throw new GpuEvalError('usage', 'a value holds a NUL byte, which no command line can carry', {
      why: JSON.stringify(text.slice(0, 80)),
    });
  }
  if (!text.isWellFormed()) {
    throw new GpuEvalError('usage', 'a value is not valid Unicode (a lone surrogate), so it has no UTF-8 form', {
      why: JSON.stringify(text.slice(0, 80)),
    });
  }
  if (PLAIN.test(text) && !text.startsWith('=') && !text.startsWith('~')) return text as ShellWord;
  return `'${text.replaceAll("'", `'\\''`)}'` as ShellWord;
}

/** A command as data: what is run, never how it is spelt. Nothing secret belongs in argv or env: both can be read on the box. */
export type Command = {
  readonly argv: readonly [string, ...string[]];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
};

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The POSIX shell line that runs a command and becomes it (`exec`), so that signals and exit codes are its own.
 * Where `cwd` does not exist nothing runs and the exit code is 126 or 1, with the shell's word on stderr.
 */
export function shellLine(command: Command): string {
  const words: string[] = command.argv.map(quote);
  const env = Object.entries(command.env ?? {}).map(([name, value]) => {
    if (!ENV_NAME.test(name)) throw new GpuEvalError('usage', `not a name for an environment variable: ${name}`);
    return quote(`${name}=${value}`);
  });
  const run = env.length > 0 ? ['exec', 'env', ...env, ...words] : ['exec', ...words];
  const line = run.join(' ');
  return command.cwd === undefined ? line : `cd -- ${quote(command.cwd)} && ${line}`;
}
