import type { Clock } from '../../core/clock.ts';
import type { GenerationKey, Sample, WorkerTask } from '../../core/evaluation.ts';
import type { Benchmark } from '../contracts.ts';
import { type ChatBody, chatBody, hashOfControl, hashOfRequest, type Sha256 } from './request.ts';

/** One benchmark of a run with its questions, ready to be asked. */
export type PreparedTask = {
  readonly spec: WorkerTask;
  readonly benchmark: Benchmark;
  /** By id, in the order of the rows. */
  readonly samples: ReadonlyMap<string, Sample>;
};

/** One request to make. */
export type WorkItem = {
  readonly task: PreparedTask;
  readonly sample: Sample;
  readonly key: GenerationKey;
  /** With this index's own seed. */
  readonly body: ChatBody;
};

/** One text that is there already: a benchmark's own solution, or a broken copy of it. */
export type ControlItem = {
  readonly task: PreparedTask;
  readonly sample: Sample;
  readonly key: GenerationKey;
  readonly text: string;
};

/**
 * Everything that is asked of the model, in one order over all benchmarks: those with the longest answers first, so that
 * no long one is left alone at the end; the samples of a question together, for the server's prefix cache.
 */
export function* workItems(tasks: readonly PreparedTask[], model: string, sha256: Sha256): Generator<WorkItem> {
  const longestFirst = tasks.toSorted((a, b) => b.spec.sampling.maxTokens - a.spec.sampling.maxTokens);
  for (const task of longestFirst) {
    const { benchmark, variant, n, sampling: asked } = task.spec;
    for (const sample of task.samples.values()) {
      for (let index = 0; index < n; index++) {
        const sampling = { ...asked, seed: asked.seed === null ? null : asked.seed + index };
        const body = chatBody(model, sample.messages, sampling);
        const requestHash = hashOfRequest(body, sha256);
        const key = { benchmark, variant, origin: 'model' as const, sampleId: sample.id, index, requestHash };
        yield { task, sample, key, body };
      }
    }
  }
}

/** The control texts of all benchmarks that have some and were asked for them. */
export function* controlItems(tasks: readonly PreparedTask[], sha256: Sha256): Generator<ControlItem> {
  for (const task of tasks) {
    if (!task.spec.controls || task.benchmark.controls === undefined) continue;
    for (const sample of task.samples.values()) {
      const texts = task.benchmark.controls(sample);
      for (const origin of ['reference', 'broken'] as const) {
        const text = texts[origin];
        const requestHash = hashOfControl(origin, text, sha256);
        const { benchmark, variant } = task.spec;
        yield { task, sample, text, key: { benchmark, variant, origin, sampleId: sample.id, index: 0, requestHash } };
      }
    }
  }
}

/** So many connections are opened at once; then twice as many, and so on (1,000 at once run into time-outs, undici 3617). */
const RAMP_START = 64;
const RAMP_EVERY_MS = 25;

/**
 * Works through the items, `concurrency` at once, in their order. The first error stops the taking of items and is
 * thrown when what is under way has ended.
 */
export async function workThrough<T>(
  items: Iterator<T>,
  concurrency: number,
  options: { readonly clock: Clock; readonly signal: AbortSignal },
  work: (item: T) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  let drained = false;
  const lane = async (): Promise<void> => {
    try {
      while (!drained && failures.length === 0) {
        options.signal.throwIfAborted();
        const next = items.next();
        if (next.done === true) drained = true;
        else await work(next.value);
      }
    } catch (error) {
      failures.push(error);
    }
  };
  const lanes: Promise<void>[] = [];
  for (let open = Math.min(RAMP_START, concurrency); ; open = Math.min(open * 2, concurrency)) {
    while (lanes.length < open) lanes.push(lane());
    if (lanes.length >= concurrency || drained || failures.length > 0) break;
    await options.clock.sleep(RAMP_EVERY_MS, options.signal).catch((error) => failures.push(error));
  }
  await Promise.all(lanes);
  if (failures.length > 0) throw failures[0];
}
