// Bundles the command, the library and the worker into dist/. The worker is one file with everything in it, since it is
// copied to boxes that have no node_modules; the command keeps its dependencies outside and is split, so that --help
// loads next to nothing.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
if (!existsSync('src/main.ts')) process.exit(0); // an installed package has no sources: dist/ is already there
const version = JSON.parse(readFileSync('package.json', 'utf8')).version;
rmSync('dist', { recursive: true, force: true });
const common = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  define: { __VERSION__: JSON.stringify(version) },
  logLevel: 'warning',
};
await Promise.all([
  build({
    ...common,
    entryPoints: ['src/main.ts', 'src/index.ts'],
    outdir: 'dist',
    splitting: true,
    packages: 'external',
    chunkNames: 'chunks/[name]-[hash]',
  }),
  build({
    ...common,
    entryPoints: ['src/worker.ts'],
    outfile: 'dist/worker.mjs',
    // Bundled CommonJS packages call require(): esbuild's ESM output needs a real one.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  }),
]);
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'], { stdio: 'inherit' });
