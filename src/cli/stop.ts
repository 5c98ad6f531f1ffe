import { EXIT } from '../core/errors.ts';
import { stripControl } from '../core/plain-text.ts';
import type { LogTarget, StopResult } from '../orchestration/workflows/types.ts';
import type { CommandSpec } from './command.ts';
import { dryRunText, isDryRun } from './output/dry-run.ts';
import { layOut } from './output/table.ts';

export const JOB_NAMES = ['setup', 'serve', 'eval'] as const satisfies readonly LogTarget[];
export const isJobName = (word: string): word is LogTarget => JOB_NAMES.some((name) => name === word);

export const stop = {
  name: 'stop',
  summary: 'End jobs and everything they started',
  description: 'Ends the whole process tree of setup, serve or eval on the machine; all of them where none is named.',
  keys: [],
  callFlags: ['dry-run'],
  usesConfig: true,
  words: { usage: '[setup|serve|eval …]', description: 'What to end; default all', choices: JOB_NAMES, min: 0, max: 3 },
  rest: null,
  examples: ['gpu-eval stop', 'gpu-eval stop eval', 'gpu-eval stop serve --dry-run'],
  afterInterrupt: null,
  async run({ config, workflow, workflows, words, paint }) {
    const targets = [...new Set(words.filter(isJobName))];
    const result = await (await workflows()).stop(config, { ...workflow, targets });
    if (isDryRun(result)) return { json: result, text: dryRunText(result, paint), exitCode: EXIT.ok };
    const isLeft = result.stopped.some(({ left }) => left.length > 0);
    return { json: result, text: stopText(result), exitCode: isLeft ? EXIT.machine : EXIT.ok };
  },
} as const satisfies CommandSpec;

function stopText(result: StopResult): string {
  const machine = stripControl(result.machine);
  if (result.stopped.length === 0) return `nothing of ours runs on ${machine}`;
  const rows = result.stopped.map(({ job, wasRunning, ended, killed, left }) => {
    const forced = killed > 0 ? `, ${killed} of them by force` : '';
    const rest = left.length > 0 ? `; still there: ${left.join(', ')}` : '';
    return [job, wasRunning || ended > 0 ? `ended, ${ended} processes${forced}${rest}` : `was not running${rest}`];
  });
  return `${machine}\n\n${layOut(rows)}`;
}
