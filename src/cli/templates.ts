import { EXIT, GpuEvalError } from '../core/errors.ts';
import { nearMiss } from '../core/near-miss.ts';
import { stripControl } from '../core/plain-text.ts';
import type { CommandSpec } from './command.ts';
import { layOut } from './output/table.ts';

export const templates = {
  name: 'templates',
  summary: 'List the templates, or print one with the values it takes',
  description:
    'Templates are filled in for one machine and one run. A folder of your own (--templates) replaces ours by name.',
  keys: ['templates'],
  callFlags: [],
  usesConfig: true,
  words: { usage: '[NAME]', description: 'The template to print', choices: [], min: 0, max: 1 },
  rest: null,
  examples: ['gpu-eval templates', 'gpu-eval templates serve-vllm.sh.hbs > mine/serve-vllm.sh.hbs'],
  afterInterrupt: null,
  async run({ host, config, words, paint }) {
    const all = await host.templates(config.templates);
    const asked = words[0];
    if (asked === undefined) {
      const rows = all.map(({ name, origin, values }) => [
        name,
        origin,
        `values: ${values.map((value) => value.name).join(', ')}`,
      ]);
      return { json: { templates: all.map(({ source: _, ...rest }) => rest) }, text: layOut(rows), exitCode: EXIT.ok };
    }
    const found = all.find(({ name }) => name === asked || name.replace(/(\.sh)?\.hbs$/, '') === asked);
    if (found === undefined) {
      const near = nearMiss(
        asked,
        all.map(({ name }) => name),
      );
      throw new GpuEvalError('usage', `there is no template named ${asked}`, {
        hint: near === null ? 'gpu-eval templates lists them' : `did you mean ${near}?`,
      });
    }
    // Into a file goes the template alone; a person also wants to know what it takes.
    const source = found.source.replace(/\n$/, '');
    if (!host.stdout.isTTY) return { json: found, text: source, exitCode: EXIT.ok };
    const values = found.values.map((value) => [value.name, value.kind, value.description, value.from]);
    const text = `${paint.bold(stripControl(found.origin))}\n${stripControl(source, { keepLines: true })}\n\n${layOut(values)}`;
    return { json: found, text, exitCode: EXIT.ok };
  },
} as const satisfies CommandSpec;
