import { EXIT } from '../core/errors.ts';
import type { JobState } from '../core/job.ts';
import type { CommandSpec } from './command.ts';
import { dryRunText, isDryRun } from './output/dry-run.ts';
import { resultExitCode, resultText } from './output/result.ts';
import { bytes } from './output/words.ts';

export const fetchResults = {
  name: 'fetch-results',
  summary: 'Bring a run home as far as it has got',
  description:
    'Downloads what is new of a run, checks it, and makes the summary and the report. Can be called while the run goes on, and again and again.',
  keys: ['run', 'baseUrl'],
  callFlags: ['dry-run'],
  usesConfig: true,
  words: null,
  rest: null,
  examples: ['gpu-eval fetch-results', 'gpu-eval fetch-results --run runs/20260101-120000-llama --json'],
  afterInterrupt: 'nothing on the box changed; gpu-eval fetch-results goes on where it was',
  async run({ config, workflow, workflows, paint }) {
    const result = await (await workflows()).fetchResults(config, workflow);
    if (isDryRun(result)) return { json: result, text: dryRunText(result, paint), exitCode: EXIT.ok };
    const received = `${bytes(result.receivedBytes)} received, ${result.files} files; the evaluation ${jobText(result.jobState)}`;
    return { json: result, text: `${resultText(result, paint)}\n\n${received}`, exitCode: resultExitCode(result) };
  },
} as const satisfies CommandSpec;

/** What became of a job, to be read behind its name. */
export function jobText(state: JobState): string {
  switch (state.kind) {
    case 'absent':
      return 'was never started';
    case 'running':
      return `runs (process ${state.pid}, since ${state.startedAt})`;
    case 'exited':
      return state.exitCode === 0
        ? `is done (since ${state.endedAt})`
        : `ended with code ${state.exitCode} (at ${state.endedAt})`;
    case 'signaled':
      return `was ended by ${state.signal} (at ${state.endedAt})`;
    case 'lost':
      return `is gone without a word (started at ${state.startedAt})`;
  }
}
