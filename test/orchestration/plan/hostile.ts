/** mulberry32: small, seeded, good enough to choose from a list. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const PIECES = [
  ...[
    "'",
    '"',
    '`',
    '$',
    '\\',
    '!',
    '#',
    '&',
    '|',
    ';',
    '<',
    '>',
    '(',
    ')',
    '{',
    '}',
    '[',
    ']',
    '*',
    '?',
    '~',
    '=',
    '%',
    ':',
  ],
  ...[
    '\n',
    '\r',
    '\t',
    ' ',
    '\u0007',
    '\u001b[31m',
    '\u007f',
    '\u0001',
    '\u00a0',
    '\u2028',
    'é',
    '日本',
    '🙂',
    '\ufeff',
    '\u202e',
  ],
  ...[
    '$(touch /tmp/pwned)',
    '`id`',
    '\u0024{HOME}',
    '$HOME',
    '$((1+1))',
    "$'\\n'",
    '!!',
    '\\\n',
    "'\\''",
    "';id;'",
    '";id;"',
    '\n)\n',
  ],
  ...[
    '-rf',
    '--',
    '--help',
    '-',
    '/',
    '../',
    'a',
    'model',
    '0',
    '{{model}}',
    '{{#if x}}',
    'EOF',
    '<<EOF\n',
    '&&',
    '||',
    '>/dev/null',
  ],
  ...[
    'if',
    'done',
    'exec',
    'x=1',
    '~root',
    '=ls',
    '[a-z]',
    '{a,b}',
    '*',
    '\\x00',
    '%s%n',
    '\n\n',
    ' # comment',
    '@(a|b)',
  ],
] as const;
/** What no command line can carry. */
const IMPOSSIBLE = ['\0', '\ud800', '\udc00', 'a\0b', '\udfff\ud800'] as const;

/** `count` different-minded strings; about one in forty cannot stand on a command line. */
export function hostileStrings(count: number, seed: number): readonly string[] {
  const next = random(seed);
  const pick = (list: readonly string[]): string => list[Math.floor(next() * list.length)] ?? '';
  const fixed = ['', ...PIECES, ...IMPOSSIBLE, "'".repeat(50), 'x'.repeat(20_000)];
  const made = Array.from({ length: Math.max(0, count - fixed.length) }, () => {
    const pieces = Array.from({ length: 1 + Math.floor(next() * 8) }, () => pick(PIECES));
    if (next() < 0.025) pieces.splice(Math.floor(next() * pieces.length), 0, pick(IMPOSSIBLE));
    return pieces.join('');
  });
  return [...fixed, ...made];
}
