import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterEach, describe, expect, it } from 'vitest';
import { GpuEvalError } from '../../../src/core/errors.ts';
import type { BenchmarkDescription } from '../../../src/core/evaluation.ts';
import { gsm8k } from '../../../src/evaluation/benchmarks/gsm8k.ts';
import { math500 } from '../../../src/evaluation/benchmarks/math500.ts';
import { resolveRows } from '../../../src/evaluation/datasets/resolve.ts';
import { type Hub, type HubRepo, type HubSetup, revisionOf, sha256, startHub } from '../../fixtures/hub.ts';
import { testOptions } from './rows-options.ts';

const CARD = `---
license: mit
configs:
- config_name: main
  data_files:
  - split: train
    path: main/train-*
  - split: test
    path: main/test-*
- config_name: socratic
  data_files:
  - split: test
    path: socratic/test-*
---
# A card
`;

const questions = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({
    question: `What is ${from + index} + 1, in “quotes”\u2028and lines?`,
    answer: `It is one more.\n#### ${from + index + 1}`,
  }));

function parquet(rows: readonly { question: string; answer: string }[]): Uint8Array {
  const columnData = [
    { name: 'question', data: rows.map((row) => row.question), type: 'STRING' as const },
    { name: 'answer', data: rows.map((row) => row.answer), type: 'STRING' as const },
  ];
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

const gsm8kRepo = (changes: Partial<HubRepo> = {}): HubRepo => ({
  files: {
    'README.md': { bytes: Buffer.from(CARD) },
    'main/train-00000-of-00001.parquet': { bytes: parquet(questions(500, 3)), lfs: true },
    'main/test-00000-of-00002.parquet': { bytes: parquet(questions(0, 40)), lfs: true },
    'main/test-00001-of-00002.parquet': { bytes: parquet(questions(40, 2)), lfs: true },
    'socratic/test-00000-of-00001.parquet': { bytes: parquet(questions(900, 3)), lfs: true },
  },
  ...changes,
});

const hubs: Hub[] = [];
async function hubWith(setup: HubSetup): Promise<Hub> {
  const hub = await startHub(setup);
  hubs.push(hub);
  return hub;
}
afterEach(async () => {
  await Promise.all(hubs.splice(0).map((hub) => hub.close()));
});

const failure = async (promise: Promise<unknown>): Promise<GpuEvalError> => {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof GpuEvalError) return error;
  throw new Error(`no GpuEvalError but ${String(error)}`);
};

const settings = (hub: Hub, token: string | null = null, offline = false) => ({
  endpoint: hub.endpoint,
  token,
  offline,
});

describe('rows from a hub', () => {
  it('come from the split that the card names, over pages and redirects, and are locked', async () => {
    const hub = await hubWith({ repos: { 'openai/gsm8k': gsm8kRepo() }, tokens: { hf_abc: 'member' }, pageSize: 2 });
    const options = await testOptions({ hub: settings(hub, 'hf_abc') });
    const resolved = await resolveRows(gsm8k.description, options);

    expect(resolved.rows).toBe(42);
    const text = await readFile(resolved.path, 'utf8');
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(questions(0, 42));
    expect(sha256(Buffer.from(text))).toBe(resolved.sha256);
    const repo = hub.repos['openai/gsm8k'] ?? gsm8kRepo();
    const files = ['main/test-00000-of-00002.parquet', 'main/test-00001-of-00002.parquet'].map((path) => ({
      path,
      sha256: sha256(repo.files[path]?.bytes ?? Buffer.alloc(0)),
      sizeBytes: repo.files[path]?.bytes.length,
    }));
    const revision = revisionOf(repo);
    expect(resolved.provenance).toEqual({
      kind: 'hub',
      dataset: 'openai/gsm8k',
      config: 'main',
      split: 'test',
      revision,
      licence: 'MIT',
      files,
    });
    expect(JSON.parse(await readFile(options.lockPath ?? '', 'utf8'))).toEqual({
      schemaVersion: 1,
      datasets: { 'openai/gsm8k#main/test': { revision, files, rows: 42 } },
    });
    expect(hub.requests.filter(({ path }) => path.includes('/tree/')).length).toBe(4);
  });

  it('shows the token to the endpoint and to no other origin', async () => {
    const hub = await hubWith({ repos: { 'openai/gsm8k': gsm8kRepo() }, tokens: { hf_abc: 'member' } });
    await resolveRows(gsm8k.description, await testOptions({ hub: settings(hub, 'hf_abc') }));
    const seen = (host: string) => [
      ...new Set(hub.requests.filter((r) => r.host === host).map((r) => r.authorization)),
    ];
    expect(seen('hub')).toEqual(['Bearer hf_abc']);
    expect(seen('cdn')).toEqual([null]);
  });

  it('takes the next page from the endpoint itself when the list names another host', async () => {
    const repos = { 'openai/gsm8k': gsm8kRepo() };
    const hub = await hubWith({ repos, tokens: { hf_abc: 'member' }, pageSize: 3, linkOrigin: 'http://127.0.0.1:9' });
    expect((await resolveRows(gsm8k.description, await testOptions({ hub: settings(hub, 'hf_abc') }))).rows).toBe(42);
  });

  it('need no network the second time, nor offline', async () => {
    const hub = await hubWith({ repos: { 'openai/gsm8k': gsm8kRepo() } });
    const options = await testOptions({ hub: settings(hub) });
    const first = await resolveRows(gsm8k.description, options);
    const asked = hub.requests.length;
    expect(await resolveRows(gsm8k.description, options)).toEqual(first);
    expect(await resolveRows(gsm8k.description, { ...options, hub: settings(hub, null, true) })).toEqual(first);
    const unlocked = { ...options, lockPath: null, hub: settings(hub, null, true) };
    expect(await resolveRows(gsm8k.description, unlocked)).toEqual(first);
    expect(hub.requests.length).toBe(asked);
  });

  it('are refused offline when they were never fetched', async () => {
    const error = await failure(
      resolveRows(
        gsm8k.description,
        await testOptions({ hub: { endpoint: 'http://127.0.0.1:9', token: null, offline: true } }),
      ),
    );
    expect(error).toMatchObject({ code: 'dataset', message: expect.stringContaining('HF_HUB_OFFLINE') });
  });

  it('stay at the locked revision, and a damaged cache is fetched again', async () => {
    const repo = gsm8kRepo();
    const hub = await hubWith({ repos: { 'openai/gsm8k': repo } });
    const options = await testOptions({ hub: settings(hub) });
    const first = await resolveRows(gsm8k.description, options);
    const blobs = join(options.cacheDir, 'blobs');
    const names = await readdir(blobs);
    expect(names.every((name) => /^[0-9a-f]{64}$/.test(name))).toBe(true);
    await writeFile(join(blobs, names[0] ?? ''), 'damaged');
    expect(await resolveRows(gsm8k.description, options)).toEqual(first);

    repo.revision = 'ffffffffffffffffffffffffffffffffffffffff';
    await rm(options.cacheDir, { recursive: true });
    const error = await failure(resolveRows(gsm8k.description, options));
    expect(error.why).toContain('Invalid rev id');
  });

  it('are refused where a locked file has other content', async () => {
    const repo = gsm8kRepo();
    const hub = await hubWith({ repos: { 'openai/gsm8k': repo } });
    const options = await testOptions({ hub: settings(hub) });
    await resolveRows(gsm8k.description, options);
    for (const lfs of [true, false]) {
      repo.files['main/test-00001-of-00002.parquet'] = { bytes: parquet(questions(41, 2)), lfs };
      await rm(options.cacheDir, { recursive: true, force: true });
      const error = await failure(resolveRows(gsm8k.description, options));
      expect(error).toMatchObject({
        code: 'dataset',
        message: 'openai/gsm8k/main/test-00001-of-00002.parquet is not the file that was locked',
        hint: expect.stringContaining('remove "openai/gsm8k#main/test"'),
      });
    }
  });

  it('are found by the usual names where the card says nothing', async () => {
    const row = {
      problem: 'What is 1 + 1?',
      answer: '2',
      solution: 'It is $\\boxed{2}$.',
      unique_id: 'test/a/1.json',
      level: 1,
      subject: 'Algebra',
    };
    const repo: HubRepo = {
      files: {
        'README.md': { bytes: Buffer.from('# MATH\n') },
        'test.jsonl': { bytes: Buffer.from(`${JSON.stringify(row)}\n`) },
        '../../../escape/test.jsonl.txt': { bytes: Buffer.from('x') },
      },
    };
    const hub = await hubWith({ repos: { 'HuggingFaceH4/MATH-500': repo } });
    const resolved = await resolveRows(math500.description, await testOptions({ hub: settings(hub) }));
    expect(JSON.parse(await readFile(resolved.path, 'utf8'))).toEqual(row);
  });
});

describe('a hub that refuses', () => {
  const gated: BenchmarkDescription = gsm8k.description;

  it('a gated data set: where to accept its terms, and HF_TOKEN', async () => {
    const setup = {
      repos: { 'openai/gsm8k': gsm8kRepo({ gated: true }) },
      tokens: { hf_in: 'member', hf_out: 'stranger' } as const,
    };
    const hub = await hubWith(setup);
    const without = await failure(resolveRows(gated, await testOptions({ hub: settings(hub) })));
    expect(without).toMatchObject({ code: 'dataset', message: expect.stringContaining('openai/gsm8k is gated') });
    expect(without.hint).toContain(`accept the terms at ${hub.endpoint}/datasets/openai/gsm8k, then set HF_TOKEN`);
    const stranger = await failure(resolveRows(gated, await testOptions({ hub: settings(hub, 'hf_out') })));
    expect(stranger.hint).toContain('with the account that HF_TOKEN belongs to');
    expect(JSON.stringify([without.message, without.why, stranger.message, stranger.why, stranger.hint])).not.toContain(
      'hf_out',
    );
    expect((await resolveRows(gated, await testOptions({ hub: settings(hub, 'hf_in') }))).rows).toBe(42);
  });

  it('an unknown data set, an unknown token', async () => {
    const hub = await hubWith({ repos: {}, tokens: { hf_in: 'member' } });
    for (const token of [null, 'hf_in']) {
      const error = await failure(resolveRows(gated, await testOptions({ hub: settings(hub, token) })));
      expect(error.message).toContain('there is no data set openai/gsm8k');
    }
    const error = await failure(resolveRows(gated, await testOptions({ hub: settings(hub, 'hf_bad') })));
    expect(error.message).toContain('does not accept the token in HF_TOKEN');
  });

  it('no network: told at once, without trying again', async () => {
    const hub = await hubWith({ repos: {} });
    await hub.close();
    const options = await testOptions({ hub: settings(hub) });
    const error = await failure(resolveRows(gated, options));
    expect(error).toMatchObject({ code: 'dataset', why: expect.stringContaining('ECONNREFUSED') });
    expect(options.waits).toEqual([]);
  });

  it('a split or config that it does not have', async () => {
    const hub = await hubWith({ repos: { 'openai/gsm8k': gsm8kRepo() } });
    const source = { kind: 'hub', dataset: 'openai/gsm8k', gated: false, licence: 'MIT' } as const;
    const ask = async (config: string | null, split: string) =>
      failure(
        resolveRows({ ...gated, sources: [{ ...source, config, split }] }, await testOptions({ hub: settings(hub) })),
      );
    expect((await ask('other', 'test')).why).toContain('no config other, only main, socratic');
    expect((await ask('main', 'validation')).why).toContain('validation');
  });
});

describe('a hub with faults', () => {
  const FILE = /\/lfs\//;
  const repos = () => ({ 'openai/gsm8k': gsm8kRepo() });

  it.each([
    ['a 500', /revision/, { status: 500 }, 500],
    ['a 429 that says when', /\/tree\//, { status: 429, headers: { 'retry-after': '7' } }, 7_000],
    ['a list that is cut', /\/tree\//, 'truncate', 500],
    ['a file that is cut', FILE, 'truncate', 500],
    ['a file with other bytes', FILE, 'corrupt', 500],
    ['a connection that ends', /resolve/, 'reset', 500],
  ] as const)('%s is tried again', async (_name, match, kind, waitMs) => {
    const hub = await hubWith({ repos: repos() });
    const options = await testOptions({ hub: settings(hub) });
    hub.faults.push({ match, times: 1, kind });
    expect((await resolveRows(gsm8k.description, options)).rows).toBe(42);
    expect(options.waits).toEqual([waitMs]);
  });

  it('gives up after four tries and says what it saw; nothing half is kept', async () => {
    const hub = await hubWith({ repos: repos() });
    const options = await testOptions({ hub: settings(hub) });
    hub.faults.push({ match: FILE, times: 100, kind: 'truncate' });
    const error = await failure(resolveRows(gsm8k.description, options));
    expect(error.why).toContain('(tried 4 times)');
    expect(options.waits).toEqual([500, 1_000, 2_000]);
    expect(await readdir(join(options.cacheDir, 'blobs'))).toEqual([]);
    await expect(readFile(options.lockPath ?? '')).rejects.toThrow();
  });

  it('never keeps a file whose bytes are not those of the list', async () => {
    const hub = await hubWith({ repos: repos() });
    const options = await testOptions({ hub: settings(hub) });
    hub.faults.push({ match: FILE, times: 100, kind: 'corrupt' });
    const error = await failure(resolveRows(gsm8k.description, options));
    expect(error.why).toContain('other content than the hub lists');
    expect(await readdir(join(options.cacheDir, 'blobs'))).toEqual([]);
  });

  it('does not follow a redirect to another protocol, nor redirects without end', async () => {
    const hub = await hubWith({ repos: repos() });
    const redirect = (location: string) => ({ status: 302, headers: { location } });
    hub.faults.push({ match: /revision/, times: 1, kind: redirect('file:///etc/passwd') });
    const options = await testOptions({ hub: settings(hub) });
    expect((await failure(resolveRows(gsm8k.description, options))).message).toContain('is not followed');
    hub.faults.push({ match: /revision/, times: 100, kind: redirect('/api/datasets/openai/gsm8k/revision/main') });
    expect((await failure(resolveRows(gsm8k.description, options))).message).toContain('redirects without end');
  });

  it('what is no hub is told so, without control sequences', async () => {
    const hub = await hubWith({ repos: repos() });
    hub.faults.push({ match: /revision/, times: 1, kind: { status: 200, body: '\u001b[31m<html>login</html>' } });
    const error = await failure(resolveRows(gsm8k.description, await testOptions({ hub: settings(hub) })));
    expect(error.hint).toContain('HF_ENDPOINT');
    expect(error.why).not.toContain('\u001b');
  });

  it('stops when interrupted', async () => {
    const hub = await hubWith({ repos: repos() });
    const abort = new AbortController();
    hub.faults.push({ match: /revision/, times: 100, kind: { status: 503 } });
    const sleep = (_ms: number, signal?: AbortSignal) => {
      abort.abort();
      return Promise.reject(signal?.reason);
    };
    const options = await testOptions({ hub: settings(hub), signal: abort.signal, sleep });
    expect((await failure(resolveRows(gsm8k.description, options))).code).toBe('interrupted');
  });

  it('a damaged lock file is an error of the config, and nothing is asked', async () => {
    const hub = await hubWith({ repos: repos() });
    const options = await testOptions({ hub: settings(hub) });
    await writeFile(options.lockPath ?? '', '{"schemaVersion": 9}');
    expect((await failure(resolveRows(gsm8k.description, options))).code).toBe('config');
    expect(hub.requests).toEqual([]);
  });
});
