export type CodeKind = 'script' | 'substitution' | 'array';
export type TextKind =
  | 'single'
  | 'double'
  | 'ansi'
  | 'comment'
  | 'heredoc'
  | 'backtick'
  | 'expansion'
  | 'arithmetic'
  | 'subscript';

/** What the shell knows of the simple command that it is reading. */
export type Reading = {
  /** The word under way; pieces that are not plain text stand in it as one private character. */
  word: string;
  /** First word of the command, null where it is still to come. */
  command: string | null;
  previousWord: string;
  isRedirect: boolean;
};
export type Frame = {
  readonly kind: CodeKind | TextKind;
  readonly line: number;
  depth: number;
  readonly outer: Reading;
};
export type Heredoc = { readonly delimiter: string; readonly stripsTabs: boolean };
/** The last character, as far as it changes what the next one means. */
export type Previous = 'start' | 'word' | 'escape' | 'dollar' | 'mixed';

export const QUOTED = '\u0001';
export const VALUE = '\u0002';
export const UNSURE = '\u0003';
export const FRESH: Reading = { word: '', command: null, previousWord: '', isRedirect: false };
export const RESERVED = new Set([
  'if',
  'then',
  'elif',
  'else',
  'while',
  'until',
  'do',
  '!',
  '{',
  '}',
  'time',
  'fi',
  'done',
]);
export const EVALUATORS = new Set(['eval', 'let', 'trap', '[[']);
export const ASSIGNMENT = /^[A-Za-z_][A-Za-z0-9_]*(\[[^\]]*\])?\+?=/;
export const SUBSCRIPTED = /^[A-Za-z0-9_\u0001-\u0003]+$/;

export const PLACES = {
  single: "between single quotes ('…')",
  double: 'between double quotes ("…")',
  ansi: "between $' and '",
  comment: 'in a comment',
  heredoc: 'in a here-document',
  backtick: 'between backticks',
  expansion: 'inside a parameter expansion',
  arithmetic: 'inside ((…)), where the shell evaluates it',
  subscript: 'inside […] after a name, where the shell may evaluate it',
} as const satisfies Record<TextKind, string>;

export const isText = (kind: Frame['kind']): kind is TextKind => kind in PLACES;

/** The reading where two branches meet: what it is sure of in both, and of the rest what refuses more. */
export function joinReading(a: Reading, b: Reading): Reading {
  const isCode = [a.word, b.word, a.previousWord, b.previousWord].includes('-c');
  const [left, right] = [begun(a), begun(b)];
  const isSame = a.word === b.word && a.command === b.command;
  const known = left === null || right === null ? null : EVALUATORS.has(right) ? right : left;
  return {
    word: a.word === b.word ? a.word : isCode ? '-c' : UNSURE,
    command: isSame ? a.command : known,
    previousWord: isCode ? '-c' : a.previousWord,
    isRedirect: a.isRedirect && b.isRedirect,
  };
}

/** The command's first word, also where it is not ended yet; null where the command is still to come. */
function begun({ command, word, isRedirect }: Reading): string | null {
  if (command !== null) return command;
  const isNone = word === '' || isRedirect || RESERVED.has(word) || ASSIGNMENT.test(word) || word.includes(UNSURE);
  return isNone ? null : word;
}
