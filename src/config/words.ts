/**
 * Splits text into words as a POSIX shell does, without expanding anything: blanks part words, quotes and `\` keep them
 * together. Null where a quote is not closed.
 */
export function splitWords(text: string): readonly string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let quote: '"' | "'" | null = null;
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charAt(i);
    if (quote === null && /\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (quote === null && (char === '"' || char === "'")) {
      quote = char;
      word ??= '';
    } else if (char === quote) {
      quote = null;
    } else if (char === '\\' && quote !== "'") {
      const next = text.charAt(i + 1);
      const isEscape = quote === null || '"\\$`'.includes(next);
      word = (word ?? '') + (isEscape ? next : char + next);
      i += 1;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quote !== null) return null;
  if (word !== null) words.push(word);
  return words;
}
