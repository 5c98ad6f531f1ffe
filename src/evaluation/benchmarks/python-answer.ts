import { type Fence, fencedBlocks } from './fences.ts';
import { afterThinking } from './final-text.ts';

/** A program is at most this long, in UTF-16 units; what is longer is no answer to a question of a few lines. */
const MAX_CODE = 200_000;
const PYTHON_TAGS: ReadonlySet<string> = new Set(['python', 'py', 'python3', 'py3']);
/** A line that can stand at the left margin of a Python file, or within brackets or a string there. */
const TOP_LEVEL =
  /^(?:\s|$|[#@)\]}'"]|(?:def|class|import|from|async|if|elif|else|for|while|with|try|except|finally|return|raise|assert|pass|global|nonlocal|del|print|yield|match)\b|[A-Za-z_][\w.[\], ]{0,80}(?::\s?[\w.[\], ]{1,80})?\s?[-+*/|&%^]?=)/;
const STARTS_CODE = /^(?:def|class|import|from|async def|@)\b|^@/;

/**
 * The code that a text gives as its answer; null when there is none.
 * Of fenced blocks: the first that defines `entryPoint`; else the first tagged as Python; else the first of any tag.
 * Without fences: the text itself, and where it holds a definition of `entryPoint`, without the prose before and after.
 * What a model thought before it answered does not count. (simple-evals takes the first block tagged `python`, else the
 * whole text: the same where a text has one block.)
 */
export function pythonAnswer(text: string, entryPoint: string): string | null {
  const said = afterThinking(text);
  if (said.length > MAX_CODE) return null;
  const fenced = fencedBlocks(said);
  const blocks = fenced.filter((block) => block.text.trim() !== '');
  const chosen: Fence | undefined =
    blocks.find((block) => defines(block.text, entryPoint)) ??
    blocks.find((block) => PYTHON_TAGS.has(block.tag)) ??
    blocks[0];
  if (chosen !== undefined) return chosen.text;
  const bare = said.replace(/\r\n?/g, '\n');
  if (fenced.length > 0 || bare.trim() === '') return null;
  return defines(bare, entryPoint) ? withoutProse(bare) : bare;
}

/** True where the code defines a function of that name at its left margin. */
function defines(code: string, name: string): boolean {
  const start = new RegExp(`^(?:async[ \\t]+)?def[ \\t]+${name.replace(/\W/g, '')}[ \\t]*\\(`, 'm');
  return start.test(code);
}

/**
 * The program to run: the prompt (imports, helpers, signature and docstring), then the answer.
 * - An answer that defines the entry point follows the prompt and replaces it; the prompt's imports and helpers stay.
 * - Any other answer is taken for the function's body and is indented under the signature where it is not.
 * `from __future__` lines move to the top, where alone they are legal.
 */
export function completeProgram(prompt: string, code: string, entryPoint: string): string {
  if (!defines(code, entryPoint)) return `${withNewline(prompt)}${asBody(code)}\n`;
  const lines = code.split('\n');
  const isFuture = (line: string): boolean => /^from[ \t]+__future__[ \t]+import\b/.test(line);
  const future = lines.filter(isFuture);
  const rest = future.length === 0 ? code : lines.filter((line) => !isFuture(line)).join('\n');
  const top = future.length === 0 ? '' : `${future.join('\n')}\n`;
  return `${top}${withNewline(prompt)}\n\n${rest}\n`;
}

const withNewline = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);

/**
 * A function's body, indented. Chat templates and models strip the space before the first word of an answer, so a first
 * line at the margin can belong to a body whose other lines are indented: then only the first line moves.
 */
function asBody(code: string): string {
  const lines = code.split('\n');
  const at = lines.findIndex((line) => line.trim() !== '');
  const first = lines[at];
  if (first === undefined || /^[ \t]/.test(first)) return code;
  const others = lines
    .slice(at + 1)
    .filter((line) => line.trim() !== '')
    .map(indentOf);
  const [next = 0] = others;
  const margin = others.length === 0 ? 0 : Math.min(...others);
  const opensBlock = /:\s*$/.test(first);
  const lostItsIndent = margin > 0 && (!opensBlock || next > margin || next >= 8);
  const shift = ' '.repeat(lostItsIndent && (!opensBlock || next > margin) ? margin : 4);
  const moved = (line: string, index: number): string =>
    line.trim() === '' || (lostItsIndent && index !== at) ? line : `${shift}${line}`;
  return lines.map(moved).join('\n');
}

const indentOf = (line: string): number => line.length - line.trimStart().length;

/** From the first line that can only be code up to the first line at the margin that cannot. */
function withoutProse(text: string): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => STARTS_CODE.test(line) && !/^from\s+(?!\S+\s+import\b)/.test(line));
  const code = lines.slice(Math.max(0, start));
  const end = code.findIndex((line) => !TOP_LEVEL.test(line));
  return (end < 0 ? code : code.slice(0, end)).join('\n');
}
