import { GpuEvalError } from '../core/errors.ts';
import type { CommandSpec } from './command.ts';

export const ssh = {
  name: 'ssh',
  summary: 'A shell on the machine, or one command there',
  description:
    "Hands the terminal to a shell on the machine, or to the command behind --; ends with that one's exit code.",
  keys: [],
  callFlags: [],
  usesConfig: true,
  words: null,
  rest: 'COMMAND',
  examples: ['gpu-eval ssh', 'gpu-eval ssh -- nvidia-smi'],
  afterInterrupt: null,
  ownsTerminal: true,
  async run({ config, workflow, workflows, rest, flags }) {
    if (flags.json) {
      throw new GpuEvalError('usage', 'gpu-eval ssh has no --json', {
        why: 'the terminal, stdout with it, belongs to the program on the machine',
        hint: 'gpu-eval status --json tells what is there',
      });
    }
    const exitCode = await (await workflows()).ssh(config, { ...workflow, command: rest });
    return { json: null, text: '', exitCode };
  },
} as const satisfies CommandSpec;
