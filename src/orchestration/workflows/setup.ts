import { z } from 'zod';
import type { Config } from '../../config/schema.ts';
import { GpuEvalError } from '../../core/errors.ts';
import type { JobState } from '../../core/job.ts';
import { chooseEngine } from '../plan/engine.ts';
import { jobDir, secretPath } from '../plan/layout.ts';
import { isStampOf, planSetup, requirementsOf } from '../plan/setup.ts';
import type { EngineName, SetupPlan } from '../plan/types.ts';
import { type Box, dryRun, fileSize, logTail, pushPlanned, pushTool, readText, withBox } from './box.ts';
import type { Deps } from './deps.ts';
import type { DryRun, SetupResult, WorkflowContext } from './types.ts';

export const SETUP_JOB = 'setup';
export const setupLog = (box: Box): string => `${jobDir(box.layout, SETUP_JOB)}/log`;

/** What a setup is for; a machine that only runs the worker needs no model server. */
export type SetupNeeds = { readonly engine: EngineName | null };

/**
 * Brings the machine to the state that serve and eval want: a list of steps, each checked first, so that a second call
 * changes nothing. The work is a job on the machine: it goes on when we are gone, and a later call follows it.
 * @throws {GpuEvalError} `box` naming the step that failed, with its last lines.
 */
export function setup(deps: Deps, config: Config, context: WorkflowContext): Promise<SetupResult | DryRun> {
  return withBox(deps, config, context, (box) => {
    const engine = config.baseUrl === null ? chooseEngine(config, box.facts).engine : null;
    return setupBox(deps, config, context, box, { engine });
  });
}

/** The same on a machine that is open already. */
export async function setupBox(
  deps: Deps,
  config: Config,
  context: WorkflowContext,
  box: Box,
  needs: SetupNeeds,
): Promise<SetupResult | DryRun> {
  const templates = await deps.loadTemplates(config.templates);
  const plan = planSetup({
    config: { ...config, machine: box.machine.kind },
    facts: box.facts,
    layout: box.layout,
    templates,
    needs: { engine: needs.engine, grader: true },
  });
  if (context.dryRun) return dryRun(deps, box, plan.files, [plan.argv.join(' ')]);
  await pushTool(deps, box, context.signal);
  const dir = jobDir(box.layout, SETUP_JOB);
  const states = new Map<string, StepState>();
  const spec = { argv: plan.argv, cwd: box.layout.home, env: {}, secretEnv: {}, logPath: setupLog(box) };
  let fromOffset = 0;
  let progressOffset = 0;
  // A setup that runs already (ours from before a kill, or another terminal's) may be for something else: it is followed
  // to its end, and then everything is checked for this one.
  while (true) {
    const isRunning = (await box.jobs.status(dir)).kind === 'running';
    fromOffset = await fileSize(box, setupLog(box));
    progressOffset = await fileSize(box, plan.progressPath);
    if (!isRunning) {
      await pushPlanned(box, plan.files, context.signal);
      if (!(await box.jobs.start(dir, spec)).alreadyRunning) break;
    }
    context.onEvent({ type: 'note', message: 'a setup is running there already; following it' });
    await followSteps(box, plan, progressOffset, states, context);
  }
  await followSteps(box, plan, progressOffset, states, context);
  const end = await box.jobs.status(dir);
  if (end.kind !== 'exited' || end.exitCode !== 0) throw await setupFailure(box, plan, states, end, fromOffset);
  const steps = plan.steps.map((step) => {
    const state = states.get(step.name);
    if (state !== undefined) return { ...step, state };
    throw new GpuEvalError('bug', `setup ended well, and told nothing of its step ${step.name}`);
  });
  return {
    machine: box.description,
    changed: steps.some((step) => step.state !== 'unchanged'),
    steps,
    facts: box.facts,
  };
}

const progressSchema = z.object({
  step: z.string().max(100),
  state: z.enum(['unchanged', 'applying', 'applied', 'failed']),
});

type StepState = 'unchanged' | 'applied' | 'failed';

/** Notes how each step ended; one that was applied while we watched stays so, though it is found unchanged afterwards. */
async function followSteps(
  box: Box,
  plan: SetupPlan,
  fromOffset: number,
  states: Map<string, StepState>,
  context: WorkflowContext,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  const dir = jobDir(box.layout, SETUP_JOB);
  for await (const piece of box.jobs.follow(dir, plan.progressPath, { fromOffset, signal: context.signal })) {
    const lines = (rest + decoder.decode(piece.bytes, { stream: true })).split('\n');
    rest = (lines.pop() ?? '').slice(-4096);
    for (const line of lines) {
      const read = progressSchema.safeParse(parseJson(line));
      if (!read.success) continue;
      const { step, state } = read.data;
      const title = plan.steps.find((planned) => planned.name === step)?.title ?? step;
      context.onEvent({ type: 'step', name: step, title, state });
      if (state === 'applying' || (state === 'unchanged' && states.get(step) === 'applied')) continue;
      states.set(step, state);
    }
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

async function setupFailure(
  box: Box,
  plan: SetupPlan,
  states: ReadonlyMap<string, StepState>,
  end: JobState,
  fromOffset: number,
): Promise<GpuEvalError> {
  const failed = plan.steps.find((step) => states.get(step.name) === 'failed');
  const lines = (await logTail(box, setupLog(box), fromOffset)).trimEnd().split('\n').slice(-8);
  const how = end.kind === 'exited' ? `exit code ${end.exitCode}` : end.kind === 'signaled' ? end.signal : end.kind;
  const what = failed === undefined ? 'setup ended early' : `setup step ${failed.name} (${failed.title}) failed`;
  return new GpuEvalError('box', `${what} on ${box.description} (${how})`, {
    why: lines.join('\n') || 'its log is empty',
    hint: 'mend that on the box, then gpu-eval setup again: what is done stays done. All lines: gpu-eval logs setup',
  });
}

/** Whether setup made what the engine or the grader needs, as it is needed now, by the stamp that setup leaves last. */
export async function isPrepared(config: Config, box: Box, env: 'grader' | 'llamacpp' | 'vllm'): Promise<boolean> {
  const stamp = await readText(box, `${box.layout.envs}/${env}/.ready`, { maxBytes: 65_536 });
  return stamp !== null && isStampOf(stamp, requirementsOf(env, { config, facts: box.facts }));
}

export const hfTokenPath = (box: Box): string => secretPath(box.layout, 'hf-token');
