import { GpuEvalError } from '../../core/errors.ts';
import type { HttpResponse } from './options.ts';

/** Foreign text as one short line without control sequences. */
export function oneLine(text: string, length = 300): string {
  const plain = text
    .replace(/\p{C}+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return plain.length > length ? `${plain.slice(0, length)}…` : plain;
}

/** The beginning of an answer's body; what follows is not read. */
export async function readStart(response: HttpResponse, maxBytes = 4096): Promise<string> {
  if (response.body === null) return '';
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of response.body) {
      parts.push(part);
      size += part.length;
      if (size >= maxBytes) break;
    }
  } catch {
    // The answer is an error already; that its text was cut changes nothing.
  }
  return Buffer.concat(parts).subarray(0, maxBytes).toString('utf8');
}

export type Asked = {
  readonly dataset: string;
  readonly endpoint: string;
  readonly hasToken: boolean;
  readonly url: string;
};

/** What a refusal of the hub means, and what to do about it. The hub names its reasons in `X-Error-Code`. */
export async function hubError(response: HttpResponse, asked: Asked): Promise<GpuEvalError> {
  const { dataset, endpoint, hasToken, url } = asked;
  const code = response.headers.get('x-error-code') ?? '';
  const said = oneLine(response.headers.get('x-error-message') ?? (await readStart(response)));
  const why = `${endpoint} answered ${response.status}${said === '' ? '' : `: ${said}`}`;
  const page = `${endpoint}/datasets/${dataset}`;
  const isRefused = response.status === 401 || response.status === 403;
  const isGated = code === 'GatedRepo' || (isRefused && /gated|restricted|must be authenticated|accept/i.test(said));
  if (isGated) {
    const hint = hasToken
      ? `accept the terms at ${page} with the account that HF_TOKEN belongs to, then the same again`
      : `accept the terms at ${page}, then set HF_TOKEN to a read token of that account (${endpoint}/settings/tokens)`;
    return new GpuEvalError('dataset', `the data set ${dataset} is gated: its owner lets in who accepted the terms`, {
      why,
      hint,
    });
  }
  if (isRefused && /invalid.*(token|credentials|username)/i.test(said) && hasToken) {
    return new GpuEvalError('dataset', `${endpoint} does not accept the token in HF_TOKEN`, {
      why,
      hint: `make a new one at ${endpoint}/settings/tokens, or unset HF_TOKEN for open data sets`,
    });
  }
  if (code === 'RepoNotFound' || isRefused || (response.status === 404 && code === '')) {
    return new GpuEvalError('dataset', `there is no data set ${dataset} on ${endpoint}, or it is private`, {
      why,
      hint: hasToken ? `look at ${page}` : `look at ${page}; a private one needs HF_TOKEN`,
    });
  }
  return new GpuEvalError('dataset', `${endpoint} did not give ${oneLine(url, 200)}`, { why });
}
