import type { z } from 'zod';
import type { RowSource } from '../../core/evaluation.ts';
import type { Listener } from '../../core/events.ts';
import type { Session } from '../../core/session.ts';

/** What is used of an HTTP answer; undici's `fetch` gives it. */
export type HttpResponse = {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
};
export type HttpFetch = (
  url: string,
  init: { readonly headers: Record<string, string>; readonly redirect: 'manual'; readonly signal: AbortSignal },
) => Promise<HttpResponse>;

export type HubSettings = {
  /** HF_ENDPOINT: `https://huggingface.co`, or a mirror, with or without a path. */
  readonly endpoint: string;
  /** HF_TOKEN; sent to the endpoint's own origin only. */
  readonly token: string | null;
  /** HF_HUB_OFFLINE: only what is cached. */
  readonly offline: boolean;
};

export type RowsOptions = {
  /** `--data NAME=FILE`: taken instead of every source. */
  readonly dataFile: string | null;
  readonly hub: HubSettings;
  /** Absolute; made where it is missing. */
  readonly cacheDir: string;
  /** Absolute path of gpu-eval.lock.json; null: nothing is locked. */
  readonly lockPath: string | null;
  /** Python that has pip, by name or path. */
  readonly python: string;
  /** Runs a command on this machine. */
  readonly exec: Session['exec'];
  readonly fetch: HttpFetch;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  readonly onEvent: Listener;
};

export type HubSource = Extract<RowSource, { kind: 'hub' }>;
export type PypiSource = Extract<RowSource, { kind: 'pypi' }>;

/** A file of rows that lies on this machine, and its name for people. */
export type RowsFile = { readonly path: string; readonly label: string };

/** What run.json keeps of where rows came from: source, revision, hashes, licence. */
export type Provenance = z.infer<z.ZodRecord<z.ZodString, z.ZodJSONSchema>>;

/** Rows as a source has them: the files in the order of their rows, and what run.json keeps of where they came from. */
export type Fetched = {
  readonly files: readonly RowsFile[];
  readonly provenance: Provenance;
  /** Called with the number of rows once they are all read and good. */
  readonly accept?: (rows: number) => Promise<void>;
};
