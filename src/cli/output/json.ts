/** Control characters that JSON lets through and terminals act on: DEL, C1, line separators, and what turns the direction of writing. */
const LIVELY = /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** One JSON document, made safe for terminals by escapes only: parsed, it is the value. */
export function toDocument(value: unknown): string {
  const text = JSON.stringify(value, null, 2);
  return text.replace(LIVELY, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
