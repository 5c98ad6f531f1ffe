/** Colours, or none of them: then each function gives its text back. */
export type Paint = {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
};

const code = (on: number, off: number) => (text: string) => `\u001b[${on}m${text}\u001b[${off}m`;
const same = (text: string): string => text;

/** Colours on a terminal, unless NO_COLOR holds anything (https://no-color.org) or the terminal is `dumb`. */
export function choosePaint(
  output: { readonly isTTY: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  const isPlain = !output.isTTY || (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  if (isPlain) return { bold: same, dim: same, red: same, green: same, yellow: same };
  return { bold: code(1, 22), dim: code(2, 22), red: code(31, 39), green: code(32, 39), yellow: code(33, 39) };
}
