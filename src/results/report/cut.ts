/** A text, or its two ends and how many UTF-16 units are left out between them. */
export type CutText = string | readonly [head: string, left: number, tail: string];

/** The share of a cut text that its beginning takes; the end is where answers are. */
const HEAD_SHARE = 0.6;

/** Leaves out the middle of a text that is longer than `limit` UTF-16 units. Never cuts a character in two. */
export function cutText(text: string, limit: number): CutText {
  if (text.length <= limit) return text;
  let head = Math.ceil(limit * HEAD_SHARE);
  let tail = text.length - (limit - head);
  if (splitsPair(text, head)) head -= 1;
  if (splitsPair(text, tail)) tail += 1;
  return [text.slice(0, head), tail - head, text.slice(tail)];
}

const splitsPair = (text: string, at: number): boolean =>
  /[\ud800-\udbff]/.test(text[at - 1] ?? '') && /[\udc00-\udfff]/.test(text[at] ?? '');
