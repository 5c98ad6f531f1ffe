import { EXIT } from '../core/errors.ts';
import { stripControl } from '../core/plain-text.ts';
import type { CommandSpec } from './command.ts';
import { layOut } from './output/table.ts';

export const doctor = {
  name: 'doctor',
  summary: 'Say what is there, what is missing, and how to mend it',
  description: 'Looks at the machine: connection, Python, Node, disk, GPUs, sandboxes. Changes nothing.',
  keys: ['baseUrl'],
  callFlags: [],
  usesConfig: true,
  words: null,
  rest: null,
  examples: ['gpu-eval doctor', 'gpu-eval doctor --host root@203.0.113.7:41022 --json'],
  afterInterrupt: null,
  async run({ config, workflow, workflows, paint }) {
    const result = await (await workflows()).doctor(config, workflow);
    const colours = { ok: paint.green, limited: paint.yellow, missing: paint.red };
    const rows = result.checks.flatMap(({ name, state, detail, hint }) => [
      [{ text: state, paint: colours[state] }, name, detail],
      ...(hint === null ? [] : [['', '', `next: ${hint}`]]),
    ]);
    const text = `${paint.bold(stripControl(result.machine))}\n\n${layOut(rows)}`;
    return { json: result, text, exitCode: result.ok ? EXIT.ok : EXIT.machine };
  },
} as const satisfies CommandSpec;
