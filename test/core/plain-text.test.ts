import { describe, expect, it } from 'vitest';
import { nearMiss } from '../../src/core/near-miss.ts';
import { stripControl } from '../../src/core/plain-text.ts';

describe('stripControl', () => {
  it.each([
    ['colours', '\u001b[31mred\u001b[0m', 'red'],
    ['the cursor', 'a\u001b[2J\u001b[1;1Hb', 'ab'],
    ['a title', '\u001b]0;owned\u0007text', 'text'],
    ['a link', '\u001b]8;;http://x\u001b\\here\u001b]8;;\u001b\\', 'here'],
    ['a device string', '\u001bP1$r\u001b\\x', 'x'],
    ['C1 forms', '\u009b31mred\u009d0;t\u009cx', 'redx'],
    ['a charset', '\u001b(0x', 'x'],
    ['a lone escape at the end', 'x\u001b', 'x'],
    ['an open title, which must not eat the next line', '\u001b]0;open\nnext', ' next'],
    ['backspace and bell', 'a\b\u0007b', 'ab'],
    ['carriage return that would write over', 'good\rbad', 'goodbad'],
    ['bidi', 'a\u202eb\u2066c\u200f', 'abc'],
    ['lines and tabs', 'a\r\n\tb', 'a b'],
    ['what is not control', 'größer 日本 🙂 ≤', 'größer 日本 🙂 ≤'],
  ])('%s', (_title, text, plain) => {
    expect(stripControl(text)).toBe(plain);
  });

  it('keeps lines and tabs where asked', () => {
    expect(stripControl('a\r\n\tb\u001b[0m\n', { keepLines: true })).toBe('a\n\tb\n');
  });

  it('leaves no control character of any kind behind', () => {
    const all = Array.from({ length: 0x2100 }, (_, code) => String.fromCharCode(code));
    for (const left of all) {
      for (const text of [left, `\u001b${left}`, `\u001b[${left}`]) {
        expect(stripControl(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
      }
    }
  });

  it('takes time in proportion to the text', () => {
    const text = `${'\u001b]0;'.repeat(100_000)}${'\u001b['.repeat(100_000)}`;
    expect(stripControl(text)).not.toContain('\u001b');
  });
});

describe('nearMiss', () => {
  it.each([
    ['concurency', 'concurrency'],
    ['Limit', 'limit'],
    ['xyz', null],
  ])('%s', (word, near) => {
    expect(nearMiss(word, ['concurrency', 'limit', 'tp'])).toBe(near);
  });
});
