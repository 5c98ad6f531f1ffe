import { stripControl } from '../../core/plain-text.ts';

/**
 * Foreign bytes for a terminal, piece by piece: UTF-8 that is split over pieces is put together, and a line goes out only
 * when it is whole, so that no escape sequence can be smuggled through in halves.
 */
export class TerminalText {
  readonly #decoder = new TextDecoder();
  #rest = '';

  push(bytes: Uint8Array): string {
    const text = this.#rest + this.#decoder.decode(bytes, { stream: true });
    const end = text.lastIndexOf('\n') + 1;
    this.#rest = text.slice(end);
    // A line that never ends must not fill the memory.
    if (this.#rest.length <= 65_536) return stripControl(text.slice(0, end), { keepLines: true });
    this.#rest = '';
    return stripControl(text, { keepLines: true });
  }

  end(): string {
    const rest = stripControl(this.#rest + this.#decoder.decode(), { keepLines: true });
    return rest === '' ? '' : `${rest}\n`;
  }
}
