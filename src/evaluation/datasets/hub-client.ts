import { createHash, type Hash, randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GpuEvalError } from '../../core/errors.ts';
import { type Asked, hubError, oneLine } from './hub-errors.ts';
import type { HttpResponse, RowsOptions } from './options.ts';

/** What a file must be: its size, and the hash that the hub's listing gives of it. */
export type ExpectedFile = {
  readonly path: string;
  readonly sizeBytes: number;
  /** sha256 of the content, where the file lies in large-file storage or is locked. */
  readonly sha256: string | null;
  /** git's id of the content (sha1), for files that lie in the repository itself. */
  readonly gitOid: string | null;
};

const MAX_ATTEMPTS = 4;
const MAX_REDIRECTS = 5;
const MAX_JSON_BYTES = 32 * 1024 * 1024;
const MAX_WAIT_MS = 60_000;
/** Asking again cannot help: the name or the port is wrong, or there is no network. */
const UNREACHABLE = new Set(['ENOTFOUND', 'ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH', 'ERR_INVALID_URL']);

/** A failure that may pass: it is tried again. */
class PassingError extends Error {
  readonly waitMs: number | null;

  constructor(message: string, waitMs: number | null = null, cause?: unknown) {
    super(message, { cause });
    this.waitMs = waitMs;
  }
}

/**
 * Asks a hub. The token goes to the endpoint's own origin and nowhere else: files lie on other hosts, to which the hub
 * redirects with signed addresses. 408, 429 and 5xx, lost connections and cut bodies are tried again.
 */
export class HubClient {
  readonly endpoint: string;
  readonly #options: Pick<RowsOptions, 'hub' | 'fetch' | 'sleep' | 'signal' | 'onEvent'>;
  readonly #dataset: string;
  readonly #origin: string;

  constructor(dataset: string, options: Pick<RowsOptions, 'hub' | 'fetch' | 'sleep' | 'signal' | 'onEvent'>) {
    this.endpoint = options.hub.endpoint.replace(/\/+$/, '');
    this.#options = options;
    this.#dataset = dataset;
    this.#origin = originOf(this.endpoint);
  }

  /** One JSON document and the address of its next page, if it has one. `path` begins with `/`. */
  json(path: string): Promise<{ readonly value: unknown; readonly next: string | null }> {
    return this.#retry(async () => {
      const response = await this.#get(path);
      const bytes = await readAll(response, MAX_JSON_BYTES, path);
      return { value: parse(bytes, path), next: nextPage(response.headers.get('link')) };
    });
  }

  /** A small text file, whole; null where there is none. */
  text(path: string, maxBytes: number): Promise<string | null> {
    return this.#retry(async () => {
      const response = await this.#get(path, [404]);
      return response.status === 404 ? null : (await readAll(response, maxBytes, path)).toString('utf8');
    });
  }

  /**
   * Fetches a file to `target`, which appears whole and checked or not at all; returns its sha256.
   * @throws {GpuEvalError} `dataset` where it differs from what is expected.
   */
  download(path: string, expected: ExpectedFile, target: string): Promise<string> {
    return this.#retry(async () => {
      const response = await this.#get(path);
      await mkdir(dirname(target), { recursive: true });
      const partial = `${target}.${randomUUID()}.part`;
      try {
        const sha256 = await receive(response, expected, partial);
        await rename(partial, target);
        return sha256;
      } finally {
        await rm(partial, { force: true });
      }
    });
  }

  async #get(path: string, allowed: readonly number[] = []): Promise<HttpResponse> {
    const { fetch, hub, signal } = this.#options;
    let url = `${this.endpoint}${path}`;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const isOurs = originOf(url) === this.#origin;
      const headers: Record<string, string> = { 'user-agent': 'gpu-eval', 'accept-encoding': 'identity' };
      if (isOurs && hub.token !== null) headers.authorization = `Bearer ${hub.token}`;
      const response = await fetch(url, { headers, redirect: 'manual', signal });
      const location = response.headers.get('location');
      if (response.status >= 300 && response.status < 400 && location !== null) {
        url = redirected(url, location);
        await discard(response);
        continue;
      }
      if (response.status === 200 || allowed.includes(response.status)) return response;
      await this.#refuse(response, {
        dataset: this.#dataset,
        endpoint: this.endpoint,
        hasToken: hub.token !== null,
        url: path,
      });
    }
    throw new GpuEvalError('dataset', `${this.endpoint} redirects without end`, { why: path });
  }

  async #refuse(response: HttpResponse, asked: Asked): Promise<never> {
    const { status } = response;
    const error = await hubError(response, asked);
    if (status === 408 || status === 429 || status >= 500) {
      throw new PassingError(error.why ?? error.message, retryAfterMs(response.headers.get('retry-after')));
    }
    throw error;
  }

  async #retry<Value>(attempt: () => Promise<Value>): Promise<Value> {
    const { signal, sleep, onEvent } = this.#options;
    for (let tried = 1; ; tried += 1) {
      try {
        return await attempt();
      } catch (caught) {
        const error = withoutToken(caught, this.#options.hub.token);
        if (error instanceof GpuEvalError) throw error;
        if (signal.aborted)
          throw new GpuEvalError('interrupted', 'interrupted while rows were fetched', { cause: error });
        const reason = reasonOf(error);
        if (!reason.mayPass || tried === MAX_ATTEMPTS) {
          throw new GpuEvalError('dataset', `${this.#dataset} could not be fetched from ${this.endpoint}`, {
            why: `${oneLine(reason.text)}${tried > 1 ? ` (tried ${tried} times)` : ''}`,
            hint: 'is there a network here? HF_ENDPOINT names a mirror, --data NAME=FILE a file you have',
            cause: error,
          });
        }
        onEvent({ type: 'note', message: `${oneLine(reason.text)}; asking ${this.endpoint} again` });
        const waitMs = error instanceof PassingError ? error.waitMs : null;
        await sleep(Math.min(waitMs ?? 500 * 2 ** (tried - 1), MAX_WAIT_MS), signal).catch((cause: unknown) => {
          throw new GpuEvalError('interrupted', 'interrupted while rows were fetched', { cause });
        });
      }
    }
  }
}

/** The error in words that do not hold the token: a hub may echo it, and an HTTP library quotes what it refuses. */
function withoutToken(error: unknown, token: string | null): unknown {
  if (token === null || token === '' || !holds(error, token)) return error;
  const hide = (text: string): string => text.replaceAll(token, '***');
  if (error instanceof GpuEvalError) {
    const parts = {
      why: error.why === undefined ? undefined : hide(error.why),
      hint: error.hint === undefined ? undefined : hide(error.hint),
    };
    return new GpuEvalError(error.code, hide(error.message), parts);
  }
  const { text, mayPass } = reasonOf(error);
  if (!mayPass) return new GpuEvalError('dataset', 'the hub could not be asked', { why: oneLine(hide(text)) });
  return new PassingError(hide(text), error instanceof PassingError ? error.waitMs : null);
}

/** Whether any text of an error, or of what caused it, holds the token. */
function holds(error: unknown, token: string): boolean {
  for (let at: unknown = error; at !== undefined; at = at instanceof Error ? at.cause : undefined) {
    const texts = at instanceof Error ? [at.message, at.stack ?? ''] : [String(at)];
    if (at instanceof GpuEvalError) texts.push(at.why ?? '', at.hint ?? '');
    if (texts.some((text) => text.includes(token))) return true;
  }
  return false;
}

/** Streams a body to a file and checks it on the way. */
async function receive(response: HttpResponse, expected: ExpectedFile, partial: string): Promise<string> {
  const sha256 = createHash('sha256');
  const git: Hash = createHash('sha1').update(`blob ${expected.sizeBytes}\0`);
  let received = 0;
  const file = await open(partial, 'wx', 0o644);
  try {
    for await (const part of response.body ?? []) {
      received += part.length;
      if (received > expected.sizeBytes) break;
      sha256.update(part);
      git.update(part);
      await file.write(part);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (received < expected.sizeBytes) {
    throw new PassingError(`${expected.path} came as ${received} of ${expected.sizeBytes} bytes`);
  }
  const hash = sha256.digest('hex');
  const isAsListed =
    received === expected.sizeBytes &&
    (expected.sha256 === null || expected.sha256 === hash) &&
    (expected.gitOid === null || expected.sha256 !== null || expected.gitOid === git.digest('hex'));
  if (!isAsListed) throw new PassingError(`${expected.path} came with other content than the hub lists for it`);
  return hash;
}

async function readAll(response: HttpResponse, maxBytes: number, path: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > maxBytes) {
      throw new GpuEvalError('dataset', `the hub's answer is longer than ${maxBytes} bytes`, { why: path });
    }
    parts.push(part);
  }
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  if (Number.isInteger(length) && length > size) throw new PassingError(`an answer came as ${size} of ${length} bytes`);
  return Buffer.concat(parts);
}

async function discard(response: HttpResponse): Promise<void> {
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > 65_536) break;
  }
}

function parse(bytes: Buffer, path: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new GpuEvalError('dataset', 'the hub answered with something that is no JSON', {
      why: `${path}: ${oneLine(bytes.subarray(0, 200).toString('utf8'))}`,
      hint: 'is HF_ENDPOINT the address of a hub?',
      cause,
    });
  }
}

/** The next address of a paginated list (RFC 8288). */
function nextPage(link: string | null): string | null {
  return /<([^<>]{1,4000})>\s*;[^,]*\brel="?next"?/i.exec(link ?? '')?.[1] ?? null;
}

function originOf(url: string): string {
  try {
    return new URL(url).origin;
  } catch (cause) {
    throw new GpuEvalError('config', `HF_ENDPOINT is no address: ${oneLine(url, 200)}`, {
      hint: 'it looks like https://huggingface.co',
      cause,
    });
  }
}

function redirected(from: string, location: string): string {
  const to = URL.canParse(location, from) ? new URL(location, from) : null;
  const isSafe = to !== null && (to.protocol === 'https:' || (to.protocol === 'http:' && from.startsWith('http:')));
  if (isSafe) return to.href;
  throw new GpuEvalError('dataset', 'the hub redirects to an address that is not followed', {
    why: oneLine(location, 200),
  });
}

function retryAfterMs(header: string | null): number | null {
  const seconds = Number(header ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null;
}

function reasonOf(error: unknown): { readonly text: string; readonly mayPass: boolean } {
  let text = error instanceof Error ? error.message : String(error);
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = 'code' in at && typeof at.code === 'string' ? at.code : null;
    if (at !== error) text = `${text}: ${at.message}`;
    if (code !== null && UNREACHABLE.has(code)) return { text, mayPass: false };
  }
  return { text, mayPass: true };
}
