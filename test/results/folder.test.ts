import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder } from '../../src/results/folder.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'gpu-eval-folder-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

describe('makeFolder', () => {
  it('makes what is missing, twice if asked, and leaves nothing in it', async () => {
    const dir = join(base, 'a', 'b', 'c');
    await makeFolder(dir);
    await makeFolder(dir);
    expect(readdirSync(dir)).toEqual([]);
  });

  it.skipIf(!existsSync('/proc/self'))('says at once where nothing can be written (needs a /proc)', async () => {
    await expect(makeFolder('/proc/runs/r1')).rejects.toMatchObject({ code: 'usage', hint: /--run/ });
  });
});
