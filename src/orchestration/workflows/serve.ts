import { z } from 'zod';
import type { Config } from '../../config/schema.ts';
import { GpuEvalError } from '../../core/errors.ts';
import type { JobState } from '../../core/job.ts';
import { chooseEngine, findVllm } from '../plan/engine.ts';
import { jobDir, secretPath } from '../plan/layout.ts';
import { planServe } from '../plan/serve.ts';
import type { ServePlan } from '../plan/types.ts';
import { diagnose } from '../servers/engine.ts';
import { ENGINES } from '../servers/engines.ts';
import { waitUntilReady } from '../servers/readiness.ts';
import {
  type Box,
  dryRun,
  fileSize,
  logTail,
  pushPlanned,
  pushSecret,
  pushTool,
  readText,
  removeFile,
  run,
  withBox,
} from './box.ts';
import type { Deps } from './deps.ts';
import { hfTokenPath, isPrepared } from './setup.ts';
import type { DryRun, ServeResult, WorkflowContext } from './types.ts';

export const SERVE_JOB = 'serve';
export const serveLog = (box: Box): string => `${jobDir(box.layout, SERVE_JOB)}/log`;
const recordPath = (box: Box): string => `${jobDir(box.layout, SERVE_JOB)}/serve.json`;
export const serverKeyPath = (box: Box): string => secretPath(box.layout, 'server-key');

const recordSchema = z.object({
  engine: z.enum(['vllm', 'llamacpp']),
  model: z.string().max(1000),
  port: z.number().int().min(1).max(65_535),
  baseUrl: z.string().max(1000),
  settingsHash: z.string().max(100),
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  argv: z.array(z.string()).max(1000),
  logOffset: z.number().int().nonnegative(),
  ready: z
    .object({ readyAfterMs: z.number(), healthToProbeMs: z.number(), probeText: z.string(), at: z.string() })
    .nullable(),
});
/** What is kept on the box of the server that was started there. */
export type ServerRecord = z.infer<typeof recordSchema>;

/** The server that was last started there and the state of its job; null where none was. */
export async function findServer(
  box: Box,
): Promise<{ readonly record: ServerRecord; readonly state: JobState } | null> {
  const text = await readText(box, recordPath(box));
  if (text === null) return null;
  let parsed: ServerRecord;
  try {
    parsed = recordSchema.parse(JSON.parse(text));
  } catch {
    return null; // written by another version, or torn: the job's own state still says what runs
  }
  return { record: parsed, state: await box.jobs.status(jobDir(box.layout, SERVE_JOB)) };
}

/**
 * Starts the model server as a job on the box and waits until it is ready, by evidence. A running server with the same
 * settings is found and waited for; one with others is refused, unless `replace`.
 * @throws {GpuEvalError} `server` with the cause of a death read from its log; `usage` when another server runs.
 */
export function serve(
  deps: Deps,
  config: Config,
  context: WorkflowContext & { readonly replace: boolean },
): Promise<ServeResult | DryRun> {
  if (config.baseUrl !== null) {
    throw new GpuEvalError('usage', `--base-url names a server that runs already: ${config.baseUrl}`, {
      hint: 'gpu-eval eval asks it; leave --base-url out to start one',
    });
  }
  return withBox(deps, config, context, (box) => serveOn(deps, config, context, box));
}

export async function serveOn(
  deps: Deps,
  config: Config,
  context: WorkflowContext & { readonly replace: boolean },
  box: Box,
): Promise<ServeResult | DryRun> {
  const choice = chooseEngine(config, box.facts);
  const templates = await deps.loadTemplates(config.templates);
  const found = await findServer(box);
  const isRunning = found?.state.kind === 'running';
  const planFor = (port: number): ServePlan =>
    planServe({ config, facts: box.facts, layout: box.layout, templates, port, ...choice, hash: deps.sha256 });
  const sameAsRunning = isRunning ? planFor(config.serverPort ?? found.record.port) : null;
  if (isRunning && sameAsRunning?.settingsHash === found.record.settingsHash && !context.replace) {
    return await awaitReady(deps, context, box, found.record, true);
  }
  const plan = planFor(config.serverPort ?? (await freePort(box, context.signal)));
  if (context.dryRun) return dryRun(deps, box, plan.files, [plan.argv.join(' ')]);
  if (isRunning) {
    if (!context.replace) throw otherServer(found.record, plan);
    await box.jobs.stop(jobDir(box.layout, SERVE_JOB));
  }
  const needsEnv = plan.engine === 'llamacpp' || findVllm(config, box.facts, box.layout).isOurs;
  if (needsEnv && !(await isPrepared(box, plan.engine))) {
    throw new GpuEvalError('prerequisite', `${plan.engine} is not installed on ${box.description}`, {
      hint: 'gpu-eval setup',
    });
  }
  await pushTool(deps, box, context.signal);
  await pushPlanned(box, plan.files, context.signal);
  await pushSecret(box, 'server-key', deps.randomKey(), context.signal);
  if (config.hfToken !== null && plan.engine === 'vllm')
    await pushSecret(box, 'hf-token', config.hfToken, context.signal);
  const record: ServerRecord = {
    engine: plan.engine,
    model: plan.model,
    port: plan.port,
    baseUrl: plan.baseUrl,
    settingsHash: plan.settingsHash,
    settings: plan.settings,
    argv: [...plan.argv],
    logOffset: await fileSize(box, serveLog(box)),
    ready: null,
  };
  await writeRecord(box, record, context.signal);
  const dir = jobDir(box.layout, SERVE_JOB);
  await box.jobs.start(dir, { argv: plan.argv, cwd: box.layout.home, env: {}, secretEnv: {}, logPath: serveLog(box) });
  return await awaitReady(deps, context, box, record, false);
}

async function awaitReady(
  deps: Deps,
  context: WorkflowContext,
  box: Box,
  record: ServerRecord,
  alreadyRunning: boolean,
): Promise<ServeResult> {
  const started = deps.elapsedMs();
  const request = {
    python: box.facts.python.path,
    script: `${box.layout.tool}/watch_server.py`,
    jobDir: jobDir(box.layout, SERVE_JOB),
    url: `http://127.0.0.1:${record.port}`,
    model: record.model,
    keyPath: serverKeyPath(box),
    logPath: serveLog(box),
    logOffset: record.logOffset,
  };
  const readiness = await box.over((session) => waitUntilReady(session, ENGINES[record.engine], request, context));
  const elapsedMs = Math.round(deps.elapsedMs() - started);
  // The token was for the download; from here on nothing on the box needs it.
  await removeFile(box, hfTokenPath(box), context.signal);
  if (readiness.kind === 'ended') throw await deathOf(box, record, elapsedMs);
  if (readiness.kind === 'refused') {
    throw new GpuEvalError(
      'server',
      `the server on port ${record.port} of ${box.description} is not the one asked for`,
      {
        why: readiness.reason,
        hint: 'gpu-eval serve --replace, or another --server-port; gpu-eval logs serve shows its log',
      },
    );
  }
  const { healthToProbeMs, probeText } = readiness;
  const readyAfterMs = record.ready?.readyAfterMs ?? elapsedMs;
  if (record.ready === null) {
    const ready = { readyAfterMs, healthToProbeMs, probeText, at: deps.now().toISOString() };
    await writeRecord(box, { ...record, ready }, context.signal);
  }
  context.onEvent({ type: 'phase', scope: 'serve', phase: 'ready', detail: record.baseUrl, elapsedMs });
  return {
    machine: box.description,
    engine: record.engine,
    model: record.model,
    baseUrl: record.baseUrl,
    port: record.port,
    alreadyRunning,
    readyAfterMs,
    probeText,
    log: serveLog(box),
  };
}

async function writeRecord(box: Box, record: ServerRecord, signal: AbortSignal): Promise<void> {
  const text = `${JSON.stringify(record, null, 2)}\n`;
  await pushPlanned(box, [{ path: recordPath(box), text, mode: 0o600 }], signal);
}

/** The error that a server's death is told as: how it ended, why as far as its log says, and what to do. */
async function deathOf(box: Box, record: ServerRecord, elapsedMs: number): Promise<GpuEvalError> {
  const state = await box.jobs.status(jobDir(box.layout, SERVE_JOB));
  const log = await logTail(box, serveLog(box), record.logOffset);
  const how =
    state.kind === 'exited'
      ? `ended with code ${state.exitCode}`
      : state.kind === 'signaled'
        ? `was ended by ${state.signal}`
        : 'is gone';
  const seconds = (elapsedMs / 1000).toFixed(elapsedMs < 10_000 ? 1 : 0);
  const found = diagnose(ENGINES[record.engine].causes, log);
  const lastLines = log.trimEnd().split('\n').slice(-5).join('\n');
  return new GpuEvalError('server', `${record.engine} ${how} after ${seconds} s, before it was ready`, {
    why: found === null ? lastLines || 'its log is empty' : `${found.summary}\n${found.evidence}`,
    hint: found === null ? 'gpu-eval logs serve shows all of its log' : found.hint,
  });
}

function otherServer(record: ServerRecord, plan: ServePlan): GpuEvalError {
  const keys = new Set([...Object.keys(record.settings), ...Object.keys(plan.settings)]);
  const differences = [...keys]
    .filter((key) => record.settings[key] !== plan.settings[key])
    .map((key) => `${key}: ${record.settings[key] ?? 'none'} there, ${plan.settings[key] ?? 'none'} asked for`);
  return new GpuEvalError('usage', `a server with other settings runs there: ${record.model} on port ${record.port}`, {
    why: differences.join('; ') || 'its template or command differs',
    hint: 'gpu-eval serve --replace ends it and starts the one asked for',
  });
}

const FREE_PORT = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])";

/** A port that nothing listens on there; the kernel's choice. */
async function freePort(box: Box, signal: AbortSignal): Promise<number> {
  const text = await run(box, { argv: [box.facts.python.path, '-c', FREE_PORT] }, 'looking for a free port', signal);
  const port = Number.parseInt(text, 10);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new GpuEvalError('box', `${box.description} names no free port`, {
    why: text.slice(0, 100),
    hint: '--server-port N',
  });
}
