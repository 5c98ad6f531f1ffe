import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePlace, type Place } from '../fixtures/command-line.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const PROGRAM = `
import { createGpuEval, GpuEvalError, passAtK, type EvalResult, type RunEvent } from 'gpu-eval';

const gpuEval = createGpuEval({ cwd: '.', env: {} });
const config = gpuEval.config({ machine: 'local', suite: 'demo', limit: 2 });
const estimate: number = passAtK(10, 3, 1);
const type: RunEvent['type'] = 'phase';
export async function score(): Promise<EvalResult | null> {
  const context = { signal: AbortSignal.timeout(1000), onEvent: (_: RunEvent) => {}, dryRun: false, keep: false };
  const result = await gpuEval.workflows.run(config, context);
  return 'benchmarks' in result ? result : null;
}
// @ts-expect-error: types are there, and say no
const wrong: string = passAtK(10, 3, 1);
console.log(JSON.stringify([estimate, type, config.suite, GpuEvalError.name, typeof wrong]));
`;

/** What `npm publish` would give a user: packed, installed into an empty folder, used from there. */
describe('the packed package', () => {
  let dir: string;
  let place: Place;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'gpu-eval-package-'));
    const npm = (...args: string[]) => execFileSync('npm', args, { cwd: dir, stdio: 'pipe', encoding: 'utf8' });
    execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', dir], { cwd: ROOT, stdio: 'pipe' });
    const tarball = readdirSync(dir).find((name) => name.endsWith('.tgz')) ?? '';
    writeFileSync(join(dir, 'package.json'), '{ "type": "module", "private": true }\n');
    npm('install', '--ignore-scripts', '--no-audit', '--no-fund', `./${tarball}`);
    place = makePlace(join(dir, 'node_modules', 'gpu-eval', 'dist', 'main.js'));
  });
  afterAll(() => {
    place.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  it('holds what runs on a box, and nothing compiled by accident', () => {
    const files = readdirSync(join(dir, 'node_modules', 'gpu-eval'), { recursive: true, encoding: 'utf8' });
    for (const name of ['dist/worker.mjs', 'remote/job.py', 'remote/grader/__main__.py', 'templates/setup.sh.hbs']) {
      expect(files).toContain(name);
    }
    expect(files.filter((name) => name.includes('__pycache__') || name.startsWith('src/'))).toEqual([]);
  });

  it('has types, and an import that runs', () => {
    writeFileSync(join(dir, 'program.ts'), PROGRAM);
    const typeRoots = join(ROOT, 'node_modules', '@types');
    const flags = [
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--types',
      'node',
      '--typeRoots',
      typeRoots,
    ];
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    execFileSync(process.execPath, [tsc, ...flags, 'program.ts'], { cwd: dir, stdio: 'pipe' });
    const printed = execFileSync(process.execPath, ['program.js'], { cwd: dir, encoding: 'utf8' });
    expect(JSON.parse(printed)).toEqual([0.30000000000000004, 'phase', 'demo', 'GpuEvalError', 'number']);
  });

  it('runs the demo from an empty folder with an empty HOME', async () => {
    const ended = await place.run(['run', '--machine', 'local', '--suite', 'demo', '--limit', '2']);
    expect(ended.code, ended.stderr.slice(-2000)).toBe(0);
    expect(ended.stdout).toContain('2 of 2');
    expect(ended.stdout).toContain('holds');
  });
});
