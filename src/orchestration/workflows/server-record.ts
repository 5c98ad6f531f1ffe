import { z } from 'zod';
import type { JobState } from '../../core/job.ts';
import { jobDir, secretPath } from '../plan/layout.ts';
import { type Box, pushPlanned, readText } from './box.ts';

export const SERVE_JOB = 'serve';
export const serveDir = (box: Box): string => jobDir(box.layout, SERVE_JOB);
export const serveLog = (box: Box): string => `${serveDir(box)}/log`;
export const serverKeyPath = (box: Box): string => secretPath(box.layout, 'server-key');
const readyPath = (box: Box): string => `${serveDir(box)}/ready.json`;

const recordSchema = z.object({
  engine: z.enum(['vllm', 'llamacpp']),
  model: z.string().max(1000),
  port: z.number().int().min(1).max(65_535),
  baseUrl: z.string().max(1000),
  settingsHash: z.string().max(100),
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  /** Where this start's log begins, in bytes. */
  logOffset: z.number().int().nonnegative(),
});
/** What a server was started as. It is the note of its job: whoever finds the job finds what it serves. */
export type ServerRecord = z.infer<typeof recordSchema>;

const readySchema = z.object({
  /** Start of the job that was ready: what was written of an earlier one does not count. */
  startedAt: z.string().max(40),
  readyAfterMs: z.number(),
  healthToProbeMs: z.number(),
  probeText: z.string().max(10_000),
  at: z.string().max(40),
});
export type ServerReady = z.infer<typeof readySchema>;

export type FoundServer = {
  readonly state: JobState;
  /** Null where a job runs that another version, or somebody else, has started. */
  readonly record: ServerRecord | null;
  readonly argv: readonly string[];
  readonly ready: ServerReady | null;
};

/** The server that was last started there; null where none was. */
export async function findServer(box: Box): Promise<FoundServer | null> {
  const state = await box.jobs.status(serveDir(box));
  if (state.kind === 'absent') return null;
  const spec = await box.jobs.spec(serveDir(box));
  const record = recordSchema.safeParse(parseJson(spec?.note ?? ''));
  const ready = readySchema.safeParse(parseJson((await readText(box, readyPath(box))) ?? ''));
  return {
    state,
    record: record.success ? record.data : null,
    argv: spec?.argv ?? [],
    ready: ready.success && ready.data.startedAt === state.startedAt ? ready.data : null,
  };
}

export async function writeReady(box: Box, ready: ServerReady, signal: AbortSignal): Promise<void> {
  await pushPlanned(box, [{ path: readyPath(box), text: `${JSON.stringify(ready, null, 2)}\n`, mode: 0o600 }], signal);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
