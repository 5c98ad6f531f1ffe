/** A fenced block of Markdown: its tag in lower case (`python`, or '' for none) and its text, dedented as its fence was. */
export type Fence = { readonly tag: string; readonly text: string };

/**
 * The fenced blocks of a text, in order. More forgiving than CommonMark, since models are: a fence may open behind words
 * (`Here it is: ```python`) and close behind code (`return x```` `); one that never closes goes to the end of the text
 * (the model was cut off). Every line is looked at once.
 */
export function fencedBlocks(text: string): readonly Fence[] {
  const blocks: Fence[] = [];
  let open: { tag: string; indent: number; width: number; lines: string[] } | null = null;
  for (const line of text.replace(/\r\n?/g, '\n').split('\n')) {
    if (open === null) {
      const start = openingOf(line);
      if (start !== null) open = { ...start, lines: [] };
      continue;
    }
    const end = closingAt(line, open.width);
    if (end === null) {
      open.lines.push(dedent(line, open.indent));
      continue;
    }
    const before = dedent(line.slice(0, end), open.indent).trimEnd();
    if (before !== '') open.lines.push(before);
    blocks.push({ tag: open.tag, text: open.lines.join('\n') });
    open = null;
  }
  if (open !== null) blocks.push({ tag: open.tag, text: open.lines.join('\n') });
  return blocks;
}

function openingOf(line: string): { tag: string; indent: number; width: number } | null {
  const at = line.indexOf('```');
  if (at < 0) return null;
  let width = 3;
  while (line[at + width] === '`') width += 1;
  const info = line.slice(at + width);
  if (info.includes('`')) return null;
  const before = line.slice(0, at);
  const tag = /^\s*\{?\.?([\w+#-]{0,20})/.exec(info)?.[1] ?? '';
  return { tag: tag.toLowerCase(), indent: before.trim() === '' ? before.length : 0, width };
}

/** Where the closing fence begins in a line, or null: at least as many backticks as opened, at the line's end or alone at its start. */
function closingAt(line: string, width: number): number | null {
  const trimmed = line.trimEnd();
  let start = trimmed.length;
  while (start > 0 && trimmed[start - 1] === '`') start -= 1;
  if (trimmed.length - start >= width) return start;
  const lead = trimmed.length - trimmed.trimStart().length;
  return trimmed.startsWith('`'.repeat(width), lead) ? lead : null;
}

function dedent(line: string, indent: number): string {
  let cut = 0;
  while (cut < indent && (line[cut] === ' ' || line[cut] === '\t')) cut += 1;
  return line.slice(cut);
}
