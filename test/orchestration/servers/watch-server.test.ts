import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../../remote/watch_server.py', import.meta.url));

type Line = Record<string, unknown>;
let dir: string;
let server: Server;
let watcher: ChildProcess | undefined;
/** What the stand-in server answers, by path; each test says its own. */
let answers: Record<string, { status: number; body: unknown }>;
let asked: { path: string; authorization: string | undefined }[];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'gpu-eval-watch-'));
  answers = {};
  asked = [];
  writeFileSync(join(dir, 'key'), 'the-key\n');
  writeFileSync(join(dir, 'log'), '');
  writeFileSync(join(dir, 'pid.json'), JSON.stringify({ pid: process.pid }));
  server = createServer((request, response) => {
    asked.push({ path: request.url ?? '', authorization: request.headers.authorization });
    const answer = answers[request.url ?? ''] ?? { status: 404, body: {} };
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(() => {
  watcher?.kill('SIGKILL');
  server.close();
  server.closeAllConnections();
  rmSync(dir, { recursive: true, force: true });
});

/** Runs the watcher until it ends; `onLine` may change the world meanwhile. */
function watch(options: { phases?: unknown; onLine?: (line: Line) => void } = {}): Promise<Line[]> {
  const { port } = server.address() as AddressInfo;
  const child = spawn('python3', [
    SCRIPT,
    ...['--job-dir', dir, '--url', `http://127.0.0.1:${port}`, '--model', 'm', '--key-file', join(dir, 'key')],
    ...['--log', join(dir, 'log'), '--log-offset', '0', '--phases', JSON.stringify(options.phases ?? [])],
  ]);
  watcher = child;
  const lines: Line[] = [];
  let rest = '';
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const line: Line = JSON.parse(part);
      lines.push(line);
      options.onLine?.(line);
    }
  });
  return new Promise((resolve, reject) =>
    child.once('close', (code) => (code === 0 ? resolve(lines) : reject(new Error(`${code}: ${complaint}`)))),
  );
}

const healthy = {
  '/health': { status: 200, body: {} },
  '/v1/models': { status: 200, body: { data: [{ id: 'm' }] } },
  '/v1/chat/completions': { status: 200, body: { choices: [{ message: { content: 'Hello.' } }] } },
};

describe('watch_server.py', () => {
  it('is ready after health, the model list and one completion, each asked with the key', async () => {
    answers = healthy;
    const lines = await watch();
    expect(lines.at(-1)).toMatchObject({ ready: true, probeText: 'Hello.', models: ['m'] });
    expect(asked.map(({ path }) => path)).toEqual(['/health', '/v1/models', '/v1/chat/completions']);
    expect(asked.every(({ authorization }) => authorization === 'Bearer the-key')).toBe(true);
  });

  it('tells phases from the log, and waits through 503 until health comes', async () => {
    answers = { '/health': { status: 503, body: {} } };
    appendFileSync(join(dir, 'log'), 'Starting to load model x\n');
    const lines = await watch({
      phases: [['loading', 'Starting to load']],
      onLine: (line) => {
        if (line.phase === 'loading') answers = healthy;
      },
    });
    expect(lines.map((line) => line.phase ?? Object.keys(line)[0])).toEqual(['loading', 'warming up', 'ready']);
  });

  it('refuses a server that lists another model', async () => {
    answers = { ...healthy, '/v1/models': { status: 200, body: { data: [{ id: 'other' }] } } };
    expect((await watch()).at(-1)?.refused).toContain("does not list 'm'");
  });

  it('refuses a server with another key', async () => {
    answers = { ...healthy, '/v1/models': { status: 401, body: {} } };
    expect((await watch()).at(-1)?.refused).toContain('another key');
  });

  it('says within a second that the job has ended', async () => {
    answers = { '/health': { status: 503, body: {} } };
    writeFileSync(join(dir, 'exit.json'), '{}');
    expect(await watch()).toEqual([{ ended: true }]);
  });

  it('says that a job whose process is gone has ended', async () => {
    const gone = spawn('true');
    await new Promise((resolve) => gone.once('close', resolve));
    writeFileSync(join(dir, 'pid.json'), JSON.stringify({ pid: gone.pid }));
    expect((await watch()).at(-1)).toEqual({ ended: true });
  });

  it('tells a refused first completion with its reason', async () => {
    answers = { ...healthy, '/v1/chat/completions': { status: 400, body: { error: 'no chat template' } } };
    expect((await watch()).at(-1)?.refused).toContain('no chat template');
  });
});
