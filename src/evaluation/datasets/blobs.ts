import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../../results/folder.ts';

/** sha256 of a file, streamed; null where there is no such file. */
export async function sha256OfFile(path: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    for await (const part of createReadStream(path)) hash.update(part as Buffer);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  return hash.digest('hex');
}

/** Files kept by their content: `<cacheDir>/blobs/<sha256>`. No foreign name ever becomes a path here. */
export class Blobs {
  readonly #dir: string;

  constructor(cacheDir: string) {
    this.#dir = join(cacheDir, 'blobs');
  }

  path(sha256: string): string {
    return join(this.#dir, sha256);
  }

  /** True where the blob is there and whole: its content is hashed again each time. */
  async has(sha256: string): Promise<boolean> {
    return (await sha256OfFile(this.path(sha256))) === sha256;
  }

  /** Takes in what `write` puts at the path that it is handed; `write` returns the content's sha256. */
  async add(write: (path: string) => Promise<string>): Promise<string> {
    await mkdir(this.#dir, { recursive: true });
    const incoming = join(this.#dir, `incoming-${randomUUID()}`);
    const sha256 = await write(incoming);
    await rename(incoming, this.path(sha256));
    return sha256;
  }
}
