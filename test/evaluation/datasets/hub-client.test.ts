import { expect, it } from 'vitest';
import { GpuEvalError } from '../../../src/core/errors.ts';
import { HubClient } from '../../../src/evaluation/datasets/hub-client.ts';
import type { RowsOptions } from '../../../src/evaluation/datasets/options.ts';
import { testOptions } from './rows-options.ts';

const TOKEN = 'hf_planted0123456789';

async function failureOf(fetch: RowsOptions['fetch']): Promise<string> {
  const hub = { endpoint: 'http://127.0.0.1:9', token: TOKEN, offline: false };
  const options = await testOptions({ hub, fetch });
  const error = await new HubClient('org/name', options).json('/api/x').then(
    () => null,
    (caught: unknown) => caught,
  );
  if (!(error instanceof GpuEvalError)) throw new Error('it did not fail as it should');
  const told = [error.code, error.message, error.why, error.hint, error.stack, String(error.cause)];
  return [...told, error.cause instanceof Error ? error.cause.stack : '', JSON.stringify(options.events)].join('\n');
}

const answering =
  (status: number): RowsOptions['fetch'] =>
  async () => {
    const { Response } = await import('undici');
    return new Response(`your token ${TOKEN} is not known here`, { status });
  };

it.each<[string, RowsOptions['fetch']]>([
  ['an HTTP library quotes', () => Promise.reject(new TypeError(`Headers.append: "Bearer ${TOKEN}" is invalid`))],
  [
    'a cause holds',
    () => Promise.reject(new Error('fetch failed', { cause: Object.assign(new Error(TOKEN), { code: 'ENOTFOUND' }) })),
  ],
  ['a hub echoes with 401', answering(401)],
  ['a hub echoes with 500', answering(500)],
  ['a hub echoes instead of JSON', answering(200)],
])('tells no token that %s', async (_how, fetch) => {
  const told = await failureOf(fetch);
  expect(told).not.toContain(TOKEN);
  expect(told).toContain('***');
});
