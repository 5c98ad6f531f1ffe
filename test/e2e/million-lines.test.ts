import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { aGeneration, sha256 } from '../fixtures/evaluation.ts';
import { temporaryFolder } from '../fixtures/run.ts';

const LINES = 1_000_000;

describe('a million lines', () => {
  it('are read for resuming in less than 300 MB', async () => {
    const dir = await temporaryFolder();
    const part = join(dir, 'parts', 'box');
    await mkdir(part, { recursive: true });
    await pipeline(
      function* () {
        for (let i = 0; i < LINES; i++) {
          const requestHash = sha256(String(i));
          yield `${JSON.stringify(aGeneration({ sampleId: `q/${i >> 3}`, index: i & 7, requestHash }))}\n`;
        }
      },
      createWriteStream(join(part, 'generations.jsonl')),
    );
    const bundle = join(dir, 'read.mjs');
    const source = new URL('../../src/results/done.ts', import.meta.url).pathname;
    await build({
      stdin: {
        contents: `import { readDone } from ${JSON.stringify(source)};
          const done = await readDone(${JSON.stringify(dir)}, (line) => { throw new Error(JSON.stringify(line)); });
          console.log(JSON.stringify({ keys: done.size, rssMiB: process.resourceUsage().maxRSS / 1024 }));`,
        resolveDir: dir,
      },
      outfile: bundle,
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'error',
    });
    const { stdout } = await promisify(execFile)(process.execPath, [bundle], { timeout: 250_000 });
    const { keys, rssMiB } = JSON.parse(stdout);
    expect(keys).toBe(LINES);
    expect(rssMiB).toBeLessThan(300);
  });
});
