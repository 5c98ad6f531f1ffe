import type { Config } from '../../config/schema.ts';
import { GpuEvalError } from '../../core/errors.ts';
import { writeManifest } from '../../results/manifest.ts';
import type { RunManifest } from '../../results/schemas.ts';
import { chooseEngine } from '../plan/engine.ts';
import { jobDir, secretPath } from '../plan/layout.ts';
import { foreseeSandbox } from '../plan/setup.ts';
import { type Box, dryRun, openBox, pushSecret, withBox } from './box.ts';
import type { Deps } from './deps.ts';
import { findModel } from './endpoint.ts';
import { bringHome, type FetchedSoFar, finishRun, syncWhile } from './home.ts';
import { chooseRun, type OpenedRun } from './open-run.ts';
import { RunState } from './run-state.ts';
import { findServer, serverKeyPath } from './serve.ts';
import { isPrepared, setupBox } from './setup.ts';
import { askedTasks, type NotRun, type PreparedTask, prepareTasks, samplingOf } from './tasks.ts';
import type { DryRun, EvalResult, WorkflowContext } from './types.ts';
import {
  type AskedServer,
  evalJob,
  followWorker,
  planWorker,
  startWorker,
  WORKER_PART,
  type WorkerRequest,
  workerFailure,
} from './worker-job.ts';

/**
 * Asks the model, grades its answers beside that, and brings the results home as they are made. The worker is a job on
 * the machine that serves the model, or on this one for an endpoint. The same call again goes on with an unfinished run.
 * @throws {GpuEvalError} `server` where no server runs; `usage`, `dataset`, `prerequisite` before anything is started.
 */
export function evaluate(deps: Deps, config: Config, context: WorkflowContext): Promise<EvalResult | DryRun> {
  const kind = config.baseUrl === null ? config.machine : 'local';
  return withBox(deps, config, context, (box) => evaluateOn(deps, config, context, box), kind);
}

export async function evaluateOn(
  deps: Deps,
  config: Config,
  context: WorkflowContext,
  box: Box,
): Promise<EvalResult | DryRun> {
  const asked = await askedTasks(deps, config);
  const server = await findAskedServer(config, context, box);
  const { prepared, notRun } = await prepareTasks(deps, config, asked, context);
  const manifest = describeAsked(deps, config, box, server, prepared, notRun);
  const run = await chooseRun(deps, config, box, manifest);
  const request: WorkerRequest = {
    runId: run.runId,
    runDir: box.machine.kind === 'local' ? run.dir : `${box.layout.runs}/${run.runId}`,
    writer: WORKER_PART,
    mode: 'evaluate',
    server,
    tasks: prepared,
  };
  if (context.dryRun) {
    const plan = await planWorker(deps, config, box, request);
    return dryRun(deps, box, plan.files, [plan.argv.join(' ')]);
  }
  await ensureGrader(deps, config, context, box, prepared);
  const gradesThere = await hasSandbox(config, box, prepared, context);
  await writeManifest(run.dir, run.manifest);
  const state = new RunState(deps, box.description);
  await state.remember({ ...run.known, complete: false });
  const secret = config.baseUrl === null ? null : config.openaiApiKey;
  if (secret !== null) await pushSecret(box, 'endpoint-key', secret, context.signal);
  context.onEvent({ type: 'note', message: `${run.resumed ? 'going on with' : 'run folder'} ${run.dir}` });
  await startWorker(
    deps,
    config,
    context,
    box,
    { ...request, mode: gradesThere ? 'evaluate' : 'generate' },
    run.manifest,
  );
  const result = await followRun(deps, context, box, run);
  if (!gradesThere) return await gradeHere(deps, config, context, run, prepared);
  return result;
}

/** Follows the run's worker to its end, bringing results home meanwhile, and tells what came of it. */
export async function followRun(deps: Deps, context: WorkflowContext, box: Box, run: OpenedRun): Promise<EvalResult> {
  const dir = jobDir(box.layout, evalJob(run.runId));
  const so: FetchedSoFar = { receivedBytes: 0, files: 0 };
  const onBox = box.machine.kind === 'local' ? run.dir : `${box.layout.runs}/${run.runId}`;
  await syncWhile(deps, context, box, run, so, () => followWorker(box, dir, `${onBox}/parts/${WORKER_PART}`, context));
  await bringHome(box, run, so, context.signal);
  const end = await box.jobs.status(dir);
  const failure = await workerFailure(box, dir, end);
  const result = await finishRun(box.description, run.dir);
  if (failure !== null) throw failure;
  await new RunState(deps, box.description).remember({ ...run.known, complete: result.final });
  context.onEvent({ type: 'done', scope: 'eval' });
  return result;
}

async function findAskedServer(config: Config, context: WorkflowContext, box: Box): Promise<AskedServer> {
  if (config.baseUrl !== null) {
    const model = await findModel(config, config.baseUrl, context.signal);
    const keyPath = config.openaiApiKey === null ? null : secretPath(box.layout, 'endpoint-key');
    return { engine: 'endpoint', model, baseUrl: config.baseUrl, keyPath, observed: { baseUrl: config.baseUrl } };
  }
  const found = await findServer(box);
  if (context.dryRun && found?.state.kind !== 'running') return plannedServer(config, box);
  if (found === null || found.state.kind !== 'running') {
    throw new GpuEvalError('server', `no model server runs on ${box.description}`, {
      why: found === null ? 'none was started there' : `the last one (${found.record.model}) is ${found.state.kind}`,
      hint: 'gpu-eval serve, then the same again; or --base-url for one that runs elsewhere',
    });
  }
  if (found.record.ready === null) {
    throw new GpuEvalError('server', `the model server on ${box.description} is not ready yet`, {
      hint: 'gpu-eval serve waits for it; then the same again',
    });
  }
  const { engine, model, baseUrl, settings, settingsHash, argv, ready } = found.record;
  return {
    engine,
    model,
    baseUrl,
    keyPath: serverKeyPath(box),
    observed: { engine, baseUrl, settings, settingsHash, argv, ready },
  };
}

/** What a dry run shows where no server runs yet: the one that `serve` would start. */
function plannedServer(config: Config, box: Box): AskedServer {
  const { engine, servedModelName } = chooseEngine(config, box.facts);
  const baseUrl = `http://127.0.0.1:${config.serverPort ?? 'PORT'}/v1`;
  return {
    engine,
    model: servedModelName,
    baseUrl,
    keyPath: serverKeyPath(box),
    observed: { engine, baseUrl },
  };
}

function describeAsked(
  deps: Deps,
  config: Config,
  box: Box,
  server: AskedServer,
  tasks: readonly PreparedTask[],
  notRun: readonly NotRun[],
): Omit<RunManifest, 'runId' | 'createdAt'> {
  const { home: _home, ...facts } = box.facts;
  return {
    schemaVersion: 1,
    version: deps.version,
    asked: {
      machine: box.description,
      suite: config.benchmark.length > 0 ? null : config.suite,
      model: server.model,
      engine: server.engine,
      concurrency: config.concurrency,
      sandbox: config.sandbox,
      tasks: tasks.map(({ description, limit, controls, defaults, rows }) => ({
        benchmark: description.name,
        variant: 'default',
        questions: limit === null ? rows.rows : Math.min(limit, rows.rows),
        limit,
        n: config.n ?? 1,
        sampling: samplingOf(config, defaults),
        systemPrompt: config.systemPrompt,
        controls,
        rowsSha256: rows.sha256,
        provenance: rows.provenance,
      })),
    },
    observed: { facts: JSON.parse(JSON.stringify(facts)), server: server.observed },
    notRun: [...notRun],
  };
}

/** A grader's environment is made here by itself; on a box `setup` must have been called, since that takes money's time. */
async function ensureGrader(
  deps: Deps,
  config: Config,
  context: WorkflowContext,
  box: Box,
  tasks: readonly PreparedTask[],
): Promise<void> {
  if (await isPrepared(box, 'grader')) return;
  if (box.machine.kind === 'ssh') {
    throw new GpuEvalError('prerequisite', `${box.description} has not been set up`, { hint: 'gpu-eval setup' });
  }
  context.onEvent({
    type: 'note',
    message: `installing the grader for ${tasks.map((t) => t.description.name).join(', ')}`,
  });
  await setupBox(deps, config, { ...context, dryRun: false }, box, { engine: null });
}

/** Whether what the model writes can be graded on that box; else it is graded here, as it comes home. */
async function hasSandbox(
  config: Config,
  box: Box,
  tasks: readonly PreparedTask[],
  context: WorkflowContext,
): Promise<boolean> {
  const needed = tasks.some((task) => task.description.grader !== 'number');
  if (!needed || box.machine.kind === 'local' || config.sandbox !== 'auto') return true;
  if (foreseeSandbox('auto', box.facts) !== null) return true;
  context.onEvent({
    type: 'warning',
    message: `${box.description} has no place where model output can run safely: grading here`,
    hint: 'gpu-eval doctor says why',
  });
  return false;
}

/** Grades on this machine what a box without a sandbox has generated. */
async function gradeHere(
  deps: Deps,
  config: Config,
  context: WorkflowContext,
  run: OpenedRun,
  tasks: readonly PreparedTask[],
): Promise<EvalResult> {
  const here = await openBox(deps, config, context, 'local');
  try {
    await ensureGrader(deps, config, context, here, tasks);
    const request: WorkerRequest = {
      runId: run.runId,
      runDir: run.dir,
      writer: 'laptop',
      mode: 'grade',
      server: null,
      tasks,
    };
    await startWorker(deps, config, context, here, request, run.manifest);
    const dir = jobDir(here.layout, evalJob(run.runId));
    await followWorker(here, dir, `${run.dir}/parts/laptop`, context);
    const failure = await workerFailure(here, dir, await here.jobs.status(dir));
    const result = await finishRun(run.manifest.asked.machine, run.dir);
    if (failure !== null) throw failure;
    await new RunState(deps, run.manifest.asked.machine).remember({ ...run.known, complete: result.final });
    context.onEvent({ type: 'done', scope: 'eval' });
    return result;
  } finally {
    await here.close();
  }
}
