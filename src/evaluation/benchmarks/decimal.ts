/** Longer than any number that a benchmark asks for; a number beyond it is not plain. */
const MAX_DIGITS = 200;
const PLAIN = /^([+-]?)(\d{1,3}(?:,\d{3})+|\d+)?(?:\.(\d*))?$/;

/**
 * The canonical form of a plain decimal number, so that equal numbers are equal texts: `1,000.50` → `1000.5`,
 * `-0` → `0`, `.5` → `0.5`. Around it may stand what people and TeX write around numbers: `$`, `\$`, `\(…\)`, `£`, `€`,
 * `\!` and `\,` between groups, `**`, a full stop. Nothing is rounded: no float is made. Null for anything else
 * (fractions, powers of ten, units, text).
 */
export function canonicalNumber(text: string): string | null {
  if (text.length > 4 * MAX_DIGITS) return null;
  const bare = text
    .replace(/\\[!,;: ]|\\[()[\]]|\\\$|[$£€*_`\s]|\\left|\\right/g, '')
    .replace(/[−–]/g, '-')
    .replace(/\.$/, '');
  const match = PLAIN.exec(bare);
  if (match === null) return null;
  const [, sign = '', whole = '', fraction = ''] = match;
  if ((whole === '' && fraction === '') || whole.length + fraction.length > MAX_DIGITS) return null;
  const units = whole.replaceAll(',', '').replace(/^0+(?=\d)/, '') || '0';
  const rest = fraction.replace(/0+$/, '');
  const size = rest === '' ? units : `${units}.${rest}`;
  return sign === '-' && size !== '0' ? `-${size}` : size;
}
