const UNSEEN_CLASS =
  '[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f' +
  '\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb\\ud800-\\udfff' +
  '\\u{e0000}-\\u{e007f}]';
/** Where joiners (U+200C, U+200D) belong: in emoji, and in scripts that are written with them. */
const BEFORE_JOINER = '(?<![\\p{Extended_Pictographic}\\p{M}\\u{1f3fb}-\\u{1f3ff}]|(?!\\p{Script=Latin})\\p{L})';

/**
 * Characters that a reader does not see, or that change what others look like: control characters but tab and line
 * feed, bidirectional controls, zero-width and other format characters, line and paragraph separators, tags, lone
 * surrogates. The source of a regular expression with the flags `gu`: the page's script uses it too.
 */
export const UNSEEN = `${UNSEEN_CLASS}|${BEFORE_JOINER}[\\u200c\\u200d]`;

const UNSEEN_PATTERN = new RegExp(UNSEEN, 'gu');

/** Text with every unseen character spelt out, as `⟨U+202E⟩`. */
export function showUnseen(text: string): string {
  return text.replace(UNSEEN_PATTERN, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    return `⟨U+${code}⟩`;
  });
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Markup that was made by {@link html}, and so needs no escaping. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Insertable = Markup | string | number | null | readonly Insertable[];

/**
 * Markup from a template. Whatever is inserted is escaped, for element text and quoted attributes alike, and its
 * unseen characters are spelt out; only other markup stays as it is. Null inserts nothing.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Insertable[]): Markup {
  return new Markup(strings.reduce((text, part, i) => text + markupOf(values[i - 1] ?? null) + part));
}

function markupOf(value: Insertable): string {
  if (value === null) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(markupOf).join('');
  return showUnseen(String(value)).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/**
 * JSON for a script element: no character in it can end the element, begin a comment, or be read as another line.
 * Parses back to the same value.
 */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
