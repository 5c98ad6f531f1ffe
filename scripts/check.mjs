// npm run check: types, lint and format, import rules, dead code, shellcheck on the rendered templates, ruff on remote/.
// A tool that is not an npm package (shellcheck, ruff) may be missing: that is told by name, and fails where CI is set.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const bin = (name) => `node_modules/.bin/${name}`;
const golden = readdirSync('test/golden', { recursive: true })
  .filter((name) => name.endsWith('.sh'))
  .map((name) => `test/golden/${name}`);

const checks = [
  { name: 'types', argv: [bin('tsc'), '--noEmit', '-p', '.'] },
  { name: 'lint and format', argv: [bin('biome'), 'check', '--error-on-warnings', '.'] },
  { name: 'import rules', argv: [bin('depcruise'), '--config', '.dependency-cruiser.cjs', 'src'] },
  { name: 'dead code', argv: [bin('knip'), '--no-progress'] },
  { name: 'shellcheck', argv: ['shellcheck', ...golden], outside: 'apt-get install shellcheck' },
  {
    name: 'ruff',
    argv: ['ruff', 'check', '--line-length', '120', '--select', 'E,F,W,I,UP,B', '--target-version', 'py310', 'remote'],
    outside: 'pip install ruff',
  },
];

const failed = [];
const leftOut = [];
for (const { name, argv, outside } of checks) {
  const [program, ...rest] = argv;
  const done = spawnSync(program, rest, { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });
  if (done.error?.code === 'ENOENT' && outside !== undefined) {
    leftOut.push(`${name} (not installed: ${outside})`);
    continue;
  }
  const ok = done.status === 0;
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}`);
  if (!ok) {
    failed.push(name);
    console.log(`${done.stdout ?? ''}${done.stderr ?? ''}${done.error ?? ''}`);
  }
}
for (const what of leftOut) console.log(`left out: ${what}`);
if (failed.length > 0 || (leftOut.length > 0 && process.env.CI)) process.exit(1);
