import type { Readable, Writable } from 'node:stream';
import type { Terminal } from './host.ts';

/** Questions on the terminal, e.g. whether to trust a host key, or the passphrase of a key. */
export type Ask = {
  readonly confirm: (question: string) => Promise<boolean>;
  /** What is typed is not shown. */
  readonly secret: (question: string) => Promise<string>;
};

/** Asks over `input` and `output`; what moves on the terminal stands still meanwhile. Readline is loaded with the first question. */
export function createAsk(input: Readable, output: Writable, terminal: Terminal, onInterrupt: () => void): Ask {
  const ask = async (question: string, isSecret: boolean): Promise<string> => {
    const { createInterface } = await import('node:readline/promises');
    const { PassThrough } = await import('node:stream');
    terminal.pause();
    // Readline echoes to its output; a secret is echoed into nothing.
    const reader = createInterface({ input, output: isSecret ? new PassThrough().resume() : output, terminal: true });
    // In raw mode the terminal sends Ctrl-C as a key: it is given on as what it is.
    reader.once('SIGINT', onInterrupt);
    const closed = new Promise<string>((resolve) => reader.once('close', () => resolve('')));
    try {
      if (isSecret) output.write(question);
      const answer = await Promise.race([reader.question(isSecret ? '' : question), closed]);
      if (isSecret) output.write('\n');
      return answer;
    } finally {
      reader.close();
      terminal.resume();
    }
  };
  return {
    confirm: async (question) => /^y(es)?$/i.test((await ask(`${question} [y/N] `, false)).trim()),
    secret: (question) => ask(question, true),
  };
}
