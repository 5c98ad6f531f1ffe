import { stripControl } from '../../core/plain-text.ts';

export type Cell = { readonly text: string; readonly paint?: (text: string) => string };

/**
 * Columns of equal width, parted by three spaces; the last column is not filled up. Foreign text in cells is stripped of
 * control characters; colours come on after the widths are known.
 */
export function layOut(rows: readonly (readonly (string | Cell)[])[]): string {
  const cells = rows.map((row) =>
    row.map((cell) => {
      const { text, paint } = typeof cell === 'string' ? { text: cell, paint: undefined } : cell;
      return { text: stripControl(text), paint };
    }),
  );
  const widths: number[] = [];
  for (const row of cells) {
    row.forEach(({ text }, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width(text));
    });
  }
  return cells
    .map((row) =>
      row
        .map(({ text, paint }, column) => {
          const painted = paint === undefined ? text : paint(text);
          return column === row.length - 1 ? painted : painted + ' '.repeat((widths[column] ?? 0) - width(text));
        })
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}

/** Code points: near enough for names and numbers. */
const width = (text: string): number => [...text].length;
