import { CONFIG_KEYS, kebabName, specOf } from '../config/keys.ts';
import { EXIT } from '../core/errors.ts';
import type { CommandSpec } from './command.ts';
import { FLAG_KEYS, MACHINE_KEYS } from './flags.ts';
import { layOut } from './output/table.ts';

const MASK = '***';

export const config = {
  name: 'config',
  summary: 'Each value and where it came from',
  description:
    'Shows the config as it would be used: flags over environment over .env over gpu-eval.yaml over defaults. Secrets are shown as ***.',
  keys: FLAG_KEYS.filter((key) => !MACHINE_KEYS.includes(key)),
  callFlags: [],
  usesConfig: true,
  words: null,
  rest: null,
  examples: ['gpu-eval config', 'gpu-eval config --tp 4 --json'],
  afterInterrupt: null,
  async run({ config: resolved, sources, paint }) {
    const entries = CONFIG_KEYS.map((key) => {
      const { from, where } = sources[key];
      const value = specOf(key).secret === true && resolved[key] !== null ? MASK : resolved[key];
      return { name: kebabName(key), value, from, where };
    });
    const json = Object.fromEntries(entries.map(({ name, ...entry }) => [name, entry]));
    const rows = entries.map(({ name, value, from, where }) => {
      const dim = from === 'default' ? { paint: paint.dim } : {};
      return [
        { text: name, ...(from === 'default' ? dim : { paint: paint.bold }) },
        { text: valueText(value), ...dim },
        {
          text: from === 'default' ? 'default' : from === 'hf-login' ? `Hugging Face's login (${where})` : where,
          ...dim,
        },
      ];
    });
    return { json, text: layOut(rows), exitCode: EXIT.ok };
  },
} as const satisfies CommandSpec;

function valueText(value: unknown): string {
  if (value === null) return '-';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
