/** Escape sequences (ECMA-48): CSI, the strings OSC, DCS, SOS, PM and APC up to their end or the line's, and the short ones. */
const SEQUENCES = new RegExp(
  [
    '(?:\\u001b\\[|\\u009b)[\\u0030-\\u003f]*[\\u0020-\\u002f]*[\\u0040-\\u007e]?',
    '(?:\\u001b[\\]PX^_]|[\\u009d\\u0090\\u0098\\u009e\\u009f])[^\\u0007\\u001b\\u009c\\n]*(?:\\u0007|\\u001b\\\\|\\u009c)?',
    '\\u001b[\\u0020-\\u002f]*[\\u0030-\\u007e]?',
  ].join('|'),
  'g',
);
/** C0 but tab and newline, DEL, C1, and what turns the direction of writing (Unicode Bidirectional Algorithm, 2.1 to 2.6). */
const CONTROLS =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Foreign text made safe for a terminal or a page: without escape sequences, control characters, and marks that turn the
 * direction of writing, all of which could hide or forge what is told. Tabs and newlines stay with `keepLines`, and are
 * spaces without. `\r\n` counts as a newline.
 */
export function stripControl(text: string, options: { readonly keepLines?: boolean } = {}): string {
  const plain = text.replaceAll('\r\n', '\n').replace(SEQUENCES, '').replace(CONTROLS, '');
  return options.keepLines === true ? plain : plain.replace(/[\t\n]+/g, ' ');
}
