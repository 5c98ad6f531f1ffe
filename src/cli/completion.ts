import { EXIT, GpuEvalError } from '../core/errors.ts';
import type { CommandSpec } from './command.ts';
import { completionScript, isShell, SHELLS } from './output/completion-script.ts';

export const completion = {
  name: 'completion',
  summary: 'Print a completion script for a shell',
  description: 'Prints a script that completes commands, flags and their choices. It holds no code of the program.',
  keys: [],
  callFlags: [],
  usesConfig: false,
  words: { usage: 'bash|zsh|fish', description: 'The shell', choices: SHELLS, min: 1, max: 1 },
  rest: null,
  examples: [
    'source <(gpu-eval completion bash)',
    'gpu-eval completion zsh > ~/.zfunc/_gpu-eval',
    'gpu-eval completion fish > ~/.config/fish/completions/gpu-eval.fish',
  ],
  afterInterrupt: null,
  async run({ words, commands }) {
    const shell = words[0];
    if (!isShell(shell)) throw new GpuEvalError('bug', 'no shell was named');
    const script = completionScript(shell, commands);
    return { json: { shell, script }, text: script.trimEnd(), exitCode: EXIT.ok };
  },
} as const satisfies CommandSpec;
