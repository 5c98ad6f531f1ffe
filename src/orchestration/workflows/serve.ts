import type { Config } from '../../config/schema.ts';
import { GpuEvalError } from '../../core/errors.ts';
import { chooseEngine, findVllm } from '../plan/engine.ts';
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
  removeFile,
  run,
  withBox,
} from './box.ts';
import type { Deps } from './deps.ts';
import {
  type FoundServer,
  findServer,
  type ServerRecord,
  serveDir,
  serveLog,
  serverKeyPath,
  writeReady,
} from './server-record.ts';
import { hfTokenPath, isPrepared } from './setup.ts';
import type { DryRun, ServeResult, WorkflowContext } from './types.ts';

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
  const planFor = (port: number): ServePlan =>
    planServe({ config, facts: box.facts, layout: box.layout, templates, port, ...choice, hash: deps.sha256 });
  const found = await findServer(box);
  if (found?.state.kind === 'running') {
    const same = isSame(found, (port) => planFor(config.serverPort ?? port));
    if (same !== null && !context.replace) return await awaitReady(deps, context, box, same, true);
  }
  const plan = planFor(config.serverPort ?? (await freePort(box, context.signal)));
  if (context.dryRun) return dryRun(deps, box, plan.files, [plan.argv.join(' ')]);
  if (found?.state.kind === 'running') {
    if (!context.replace) throw otherServer(found.record, plan);
    await box.jobs.stop(serveDir(box));
  }
  const needsEnv = plan.engine === 'llamacpp' || findVllm(config, box.facts, box.layout).isOurs;
  if (needsEnv && !(await isPrepared(config, box, plan.engine))) {
    throw new GpuEvalError('prerequisite', `${plan.engine} is not installed on ${box.description} as it is asked for`, {
      hint: 'gpu-eval setup',
    });
  }
  await pushTool(deps, box, context.signal);
  await pushPlanned(box, plan.files, context.signal);
  await lendHubToken(config, context, box, plan);
  const record: ServerRecord = {
    engine: plan.engine,
    model: plan.model,
    port: plan.port,
    baseUrl: plan.baseUrl,
    settingsHash: plan.settingsHash,
    settings: plan.settings,
    logOffset: await fileSize(box, serveLog(box)),
  };
  const { alreadyRunning, spec } = await box.jobs.start(serveDir(box), {
    argv: plan.argv,
    cwd: box.layout.home,
    env: {},
    secretEnv: {},
    freshSecrets: [serverKeyPath(box)],
    note: JSON.stringify(record),
    logPath: serveLog(box),
  });
  if (alreadyRunning && spec.note !== JSON.stringify(record)) {
    // Another terminal was faster: its server is the one that runs, with its own port and key.
    const winner = await findServer(box);
    const same = winner === null ? null : isSame(winner, (port) => planFor(config.serverPort ?? port));
    if (same === null) throw otherServer(winner?.record ?? null, plan);
    return await awaitReady(deps, context, box, same, true);
  }
  return await awaitReady(deps, context, box, record, false);
}

/** The record of a server that is what is asked for; null for another. */
function isSame(found: FoundServer, planFor: (port: number) => ServePlan): ServerRecord | null {
  if (found.record === null) return null;
  return planFor(found.record.port).settingsHash === found.record.settingsHash ? found.record : null;
}

/** The hub's token is on the box while the weights are fetched, and no longer. */
async function lendHubToken(config: Config, context: WorkflowContext, box: Box, plan: ServePlan): Promise<void> {
  if (config.hfToken === null || plan.engine !== 'vllm') {
    await removeFile(box, hfTokenPath(box), context.signal); // one that an earlier start left there
    return;
  }
  if (box.machine.kind === 'ssh') {
    const message = `the Hugging Face token is lent to ${box.description} until the model is loaded (a 0600 file; a read-only token will do)`;
    context.onEvent({ type: 'note', message });
  }
  await pushSecret(box, 'hf-token', config.hfToken, context.signal);
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
    jobDir: serveDir(box),
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
  const before = await findServer(box);
  const startedAt = before !== null && 'startedAt' in before.state ? before.state.startedAt : '';
  const ready = before?.ready ?? {
    startedAt,
    readyAfterMs: elapsedMs,
    healthToProbeMs: readiness.healthToProbeMs,
    probeText: readiness.probeText,
    at: deps.now().toISOString(),
  };
  if (before?.ready == null) await writeReady(box, ready, context.signal);
  context.onEvent({ type: 'phase', scope: 'serve', phase: 'ready', detail: record.baseUrl, elapsedMs });
  return {
    machine: box.description,
    engine: record.engine,
    model: record.model,
    baseUrl: record.baseUrl,
    port: record.port,
    alreadyRunning,
    readyAfterMs: ready.readyAfterMs,
    probeText: readiness.probeText,
    log: serveLog(box),
  };
}

/** The error that a server's death is told as: how it ended, why as far as its log says, and what to do. */
async function deathOf(box: Box, record: ServerRecord, elapsedMs: number): Promise<GpuEvalError> {
  const state = await box.jobs.status(serveDir(box));
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

function otherServer(record: ServerRecord | null, plan: ServePlan): GpuEvalError {
  if (record === null) {
    return new GpuEvalError('usage', 'a server runs there that this gpu-eval did not start', {
      hint: 'gpu-eval logs serve shows its log; gpu-eval serve --replace ends it and starts the one asked for',
    });
  }
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
