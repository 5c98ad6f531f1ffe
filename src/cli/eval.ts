import { EXIT } from '../core/errors.ts';
import type { CommandSpec } from './command.ts';
import { EVAL_KEYS } from './key-lists.ts';
import { dryRunText, isDryRun } from './output/dry-run.ts';
import { resultExitCode, resultText } from './output/result.ts';

export const evaluate = {
  name: 'eval',
  summary: 'Ask the model, grade its answers, bring the results home',
  description:
    'Evaluates the model that is served on the machine, or the endpoint of --base-url. An unfinished run that was asked the same is gone on with; a running one is followed.',
  keys: EVAL_KEYS,
  callFlags: ['dry-run'],
  usesConfig: true,
  words: null,
  rest: null,
  examples: [
    'gpu-eval eval --suite all',
    'gpu-eval eval --benchmark gsm8k,math500 --limit 100 --n 4 --temperature 0.7',
    'gpu-eval eval --base-url http://127.0.0.1:9000/v1 --model NAME --benchmark gsm8k --data gsm8k=test.jsonl',
  ],
  afterInterrupt: 'the evaluation goes on there; gpu-eval attach follows it again, gpu-eval stop eval ends it',
  async run({ config, workflow, workflows, paint }) {
    const result = await (await workflows()).evaluate(config, workflow);
    if (isDryRun(result)) return { json: result, text: dryRunText(result, paint), exitCode: EXIT.ok };
    return { json: result, text: resultText(result, paint), exitCode: resultExitCode(result) };
  },
} as const satisfies CommandSpec;
