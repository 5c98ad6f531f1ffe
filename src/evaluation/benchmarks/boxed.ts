const MARK = /\\(?:boxed|fbox)\b/g;
/** A text can hold any number of unclosed boxes; each costs one scan to the end. */
const MAX_TRIES = 50;

/**
 * The content of the last `\boxed{…}` (or `\fbox{…}`) whose braces are balanced, without surrounding space; null when
 * there is none. `\{` and `\}` are text, not braces. `\boxed 5` gives `5`.
 */
export function lastBoxed(text: string): string | null {
  const ends = [...text.matchAll(MARK)].slice(-MAX_TRIES).map((match) => match.index + match[0].length);
  for (const end of ends.reverse()) {
    const content = boxAt(text, end);
    if (content !== null) return content;
  }
  return null;
}

function boxAt(text: string, start: number): string | null {
  let at = start;
  while (text[at] === ' ') at += 1;
  if (text[at] !== '{') {
    const word = /^[^\s{}$\\]{1,100}/.exec(text.slice(at, at + 100));
    return at > start && word !== null ? word[0] : null;
  }
  let depth = 0;
  for (let index = at; index < text.length; index += 1) {
    const character = text[index];
    if (character === '\\') index += 1;
    else if (character === '{') depth += 1;
    else if (character === '}') {
      depth -= 1;
      if (depth === 0) return text.slice(at + 1, index).trim();
    }
  }
  return null;
}
