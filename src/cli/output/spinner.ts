import { Writable } from 'node:stream';
import type { Output } from '../host.ts';

export type Spinner = {
  /** What goes on now. */
  show(text: string): void;
  /** A line that stays above it. */
  line(text: string): void;
  /** Takes the moving line away; `show` brings it back. */
  stop(): void;
};

/** A moving line by ora, on whatever terminal the host has. */
export async function startSpinner(output: Output): Promise<Spinner> {
  const { default: ora } = await import('ora');
  const spinner = ora({
    stream: new TerminalStream(output),
    isEnabled: true,
    color: false,
    // Its default takes stdin in raw mode, and with that the SIGINT of the terminal.
    discardStdin: false,
  });
  return {
    show(text) {
      spinner.text = text;
      if (!spinner.isSpinning) spinner.start();
    },
    line(text) {
      spinner.clear();
      output.write(`${text}\n`);
      if (spinner.isSpinning) spinner.render();
    },
    stop() {
      if (spinner.isSpinning) spinner.stop();
    },
  };
}

/** The few things that ora asks of a terminal (node:tty's WriteStream), by escape sequences over {@link Output}. */
class TerminalStream extends Writable {
  readonly isTTY = true;
  readonly #output: Output;

  constructor(output: Output) {
    super({ decodeStrings: false });
    this.#output = output;
  }

  get columns(): number {
    // Of a width of 0, as terminals without a size have, ora makes a line of infinitely many rows.
    return this.#output.columns > 0 ? this.#output.columns : 80;
  }

  override _write(chunk: string | Uint8Array, _encoding: string, done: () => void): void {
    this.#output.write(chunk);
    done();
  }

  cursorTo(column: number): boolean {
    return this.write(`\u001b[${column + 1}G`);
  }

  moveCursor(_columns: number, lines: number): boolean {
    return lines === 0 || this.write(`\u001b[${Math.abs(lines)}${lines < 0 ? 'A' : 'B'}`);
  }

  clearLine(direction: number): boolean {
    return this.write(`\u001b[${direction < 0 ? 1 : direction > 0 ? 0 : 2}K`);
  }
}
