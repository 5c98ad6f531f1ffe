import { Pool } from 'undici';
import type { Clock } from '../../core/clock.ts';
import { GpuEvalError } from '../../core/errors.ts';
import { type Answer, errorMessage, parseAnswer, parseModels, redactKey, refusedAnswer } from './answer.ts';
import { backoffMs, retryAfterMs } from './backoff.ts';
import type { ChatBody } from './request.ts';

export type ClientOptions = {
  /** `http://127.0.0.1:8000/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string | null;
  /** Most requests at once: as many connections are kept. */
  readonly connections: number;
  readonly clock: Clock;
  /** Uniform in 0…1. */
  readonly random: () => number;
  /** Most failures of one request before it is given up. */
  readonly maxFailures?: number;
  /** Most 429 of one request: a busy server is no broken one. */
  readonly maxThrottled?: number;
  /** Whole time of one try, by the tokens it may take. */
  readonly timeoutMs?: (maxTokens: number) => number;
  readonly maxBodyBytes?: number;
};

export type Completion =
  | { readonly kind: 'answered'; readonly answer: Answer; readonly attempts: number }
  /** Given up: nothing was decided about this sample. */
  | { readonly kind: 'exhausted'; readonly attempts: number; readonly reason: string };

type Attempt =
  | { readonly kind: 'answered'; readonly answer: Answer }
  | { readonly kind: 'retry'; readonly reason: string; readonly throttled: boolean; readonly waitMs: number | null };
type Response = { readonly status: number; readonly retryAfter: string | null; readonly body: string };

const MAX_FAILURES = 8;
const MAX_THROTTLED = 40;
const MAX_BODY_BYTES = 64 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 30_000;
/** Below the 5 s after which vLLM's uvicorn closes an idle connection: ours closes first, so that no request meets its end. */
const KEEP_ALIVE_MS = 3_000;

/** Ten minutes for waiting in the server's queue, and the time of the tokens at 4 a second. */
const defaultTimeoutMs = (maxTokens: number): number => 600_000 + maxTokens * 250;

/** Asks a server that speaks OpenAI's chat completions, not streamed, and asks again where that can help. */
export class ChatClient {
  readonly #pool: Pool;
  readonly #path: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #options: ClientOptions;

  /** @throws {GpuEvalError} `config` where the base URL is none. */
  constructor(options: ClientOptions) {
    const url = URL.canParse(options.baseUrl) ? new URL(options.baseUrl) : null;
    if (url === null || !/^https?:$/.test(url.protocol)) {
      throw new GpuEvalError('config', `${options.baseUrl} is no base URL`, {
        hint: '--base-url http://127.0.0.1:8000/v1',
      });
    }
    this.#options = options;
    this.#path = url.pathname.replace(/\/+$/, '');
    this.#headers = {
      'content-type': 'application/json',
      ...(options.apiKey === null ? {} : { authorization: `Bearer ${options.apiKey}` }),
    };
    this.#pool = new Pool(url.origin, {
      connections: options.connections,
      // undici's own limits (300 s) would end long generations that are not streamed; ours is of the whole request.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connect: { timeout: CONNECT_TIMEOUT_MS },
    });
  }

  /**
   * One completion of exactly that body. Connection errors, 408, 409, 425, 429, 5xx and damaged bodies are tried again.
   * @throws {GpuEvalError} `server` where no request can ever succeed: wrong key, unknown model, wrong URL.
   *   Rejects with the signal's reason when aborted.
   */
  async complete(
    body: ChatBody,
    options: {
      readonly signal: AbortSignal;
      readonly onRetry?: (retry: { readonly attempt: number; readonly reason: string }) => void;
    },
  ): Promise<Completion> {
    const { clock, random, maxFailures = MAX_FAILURES, maxThrottled = MAX_THROTTLED } = this.#options;
    const sent = JSON.stringify(body);
    let failures = 0;
    let throttled = 0;
    for (let attempts = 1; ; attempts++) {
      const attempt = await this.#attempt(sent, body, options.signal);
      if (attempt.kind === 'answered') return { ...attempt, attempts };
      if (attempt.throttled) throttled += 1;
      else failures += 1;
      if (failures >= maxFailures || throttled >= maxThrottled) {
        return { kind: 'exhausted', attempts, reason: attempt.reason };
      }
      options.onRetry?.({ attempt: attempts, reason: attempt.reason });
      const wait = Math.max(attempt.waitMs ?? 0, backoffMs(failures + throttled, random()));
      await clock.sleep(wait, options.signal);
    }
  }

  async #attempt(sent: string, { model, max_tokens }: ChatBody, signal: AbortSignal): Promise<Attempt> {
    const { timeoutMs = defaultTimeoutMs, clock } = this.#options;
    let response: Response;
    try {
      const limit = timeoutMs(max_tokens);
      response = await this.#send('POST', '/chat/completions', sent, limit, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      return { kind: 'retry', reason: reasonOf(error), throttled: false, waitMs: null };
    }
    const { status } = response;
    if (status === 200) {
      const answer = parseAnswer(response.body);
      if (answer !== null) return { kind: 'answered', answer };
      return { kind: 'retry', reason: 'the answer is no chat completion', throttled: false, waitMs: null };
    }
    if (status === 408 || status === 409 || status === 425 || status === 429 || status >= 500) {
      const waitMs = retryAfterMs(response.retryAfter, clock.now());
      const reason = `${status} ${errorMessage(response.body).slice(0, 200)}`.trim();
      return { kind: 'retry', reason, throttled: status === 429, waitMs };
    }
    if (status === 401 || status === 402 || status === 403 || status === 404 || status === 405 || status < 400) {
      throw await this.#fatal(status, response.body, model, signal);
    }
    return { kind: 'answered', answer: refusedAnswer(status, response.body) };
  }

  /** Sends one request and reads its whole body. @throws for a lost connection, a cut or too big body, or the limit. */
  async #send(
    method: 'GET' | 'POST',
    path: string,
    body: string | null,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<Response> {
    signal.throwIfAborted();
    const { clock, maxBodyBytes = MAX_BODY_BYTES } = this.#options;
    const ending = new AbortController();
    const onAbort = (): void => ending.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const cancelLimit = clock.after(limitMs, () => ending.abort(new Error(`no answer within ${limitMs / 1000} s`)));
    try {
      const response = await this.#pool.request({
        method,
        path: `${this.#path}${path}`,
        headers: this.#headers,
        body,
        signal: ending.signal,
      });
      const pieces: Buffer[] = [];
      let size = 0;
      for await (const piece of response.body) {
        size += piece.length;
        if (size > maxBodyBytes) throw new Error(`the answer is larger than ${maxBodyBytes} bytes`);
        pieces.push(piece);
      }
      const header = response.headers['retry-after'];
      return {
        status: response.statusCode,
        retryAfter: typeof header === 'string' ? header : null,
        body: redactKey(Buffer.concat(pieces).toString('utf8'), this.#options.apiKey),
      };
    } finally {
      cancelLimit();
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #fatal(status: number, body: string, model: string, signal: AbortSignal): Promise<GpuEvalError> {
    const why = `${status} ${errorMessage(body).slice(0, 500)}`.trim();
    const url = this.#options.baseUrl;
    if (status === 401 || status === 403) {
      const hint = this.#options.apiKey === null ? 'set OPENAI_API_KEY' : 'check OPENAI_API_KEY: another key is needed';
      return new GpuEvalError('server', `the server at ${url} refused our key`, { why, hint });
    }
    if (status === 402) return new GpuEvalError('server', `the server at ${url} wants to be paid`, { why });
    const models = await this.#send('GET', '/models', null, CONNECT_TIMEOUT_MS, signal)
      .then((response) => parseModels(response.body))
      .catch(() => null);
    if (models !== null && !models.includes(model)) {
      const names = models.slice(0, 20).join(', ');
      return new GpuEvalError('server', `the server at ${url} has no model named ${model}`, {
        why: `it serves: ${names === '' ? 'none' : names}`,
        hint: `--model ${models[0] ?? 'NAME'}`,
      });
    }
    return new GpuEvalError('server', `there are no chat completions at ${url}`, {
      why,
      hint: 'the base URL ends in /v1 with most servers: --base-url http://HOST:PORT/v1',
    });
  }

  /** Ends what is under way and closes all connections. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return `${error.message || error.name}${code}`;
}
