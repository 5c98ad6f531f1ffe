import type { CommandSpec } from './command.ts';
import { resultExitCode, resultText } from './output/result.ts';

export const attach = {
  name: 'attach',
  summary: 'Follow the evaluation that runs there',
  description: 'Follows a running evaluation as eval would, and ends with its results. Starts nothing.',
  keys: ['run', 'baseUrl'],
  callFlags: [],
  usesConfig: true,
  words: null,
  rest: null,
  examples: ['gpu-eval attach', 'gpu-eval attach --run runs/20260101-120000-llama'],
  afterInterrupt: 'the evaluation goes on there; gpu-eval attach follows it again, gpu-eval stop eval ends it',
  async run({ config, workflow, workflows, paint }) {
    const result = await (await workflows()).attach(config, workflow);
    return { json: result, text: resultText(result, paint), exitCode: resultExitCode(result) };
  },
} as const satisfies CommandSpec;
