import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { GpuEvalError } from '../core/errors.ts';
import { isMissing } from './folder.ts';

const ownerSchema = z.object({
  pid: z.number().int().positive(),
  /** Tells the process apart from a later one with the same pid. */
  started: z.string().max(200),
  token: z.string().max(100),
});
type Owner = z.infer<typeof ownerSchema>;

export type Lock = { release(): Promise<void> };

/** How often a lock that changes under our eyes is looked at again. */
const ATTEMPTS = 50;

/**
 * Takes a lock file (pid and start time of its owner), or takes it over from an owner that is gone. A process of another
 * boot counts as gone: a part of a run folder is written from one machine only.
 * @throws {GpuEvalError} `usage` while a living process holds it.
 */
export async function acquireLock(path: string, what: string): Promise<Lock> {
  const own: Owner = {
    pid: process.pid,
    started: (await startOf(process.pid)) ?? 'unknown',
    token: randomBytes(12).toString('hex'),
  };
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await create(path, own)) return { release: () => release(path, own) };
    const owner = await readOwner(path);
    if (owner === 'gone') continue;
    if (owner !== null && (await isAlive(owner))) {
      throw new GpuEvalError('usage', `another process writes to ${what}`, {
        why: `pid ${owner.pid} holds ${path}`,
        hint: 'follow it with gpu-eval attach, or end it with gpu-eval stop',
      });
    }
    await removeDead(path, owner, own);
  }
  throw new GpuEvalError('usage', `could not lock ${what}`, {
    why: `${path} changes hands all the time`,
    hint: 'look for a second process that is started again and again',
  });
}

/** The lock appears with its text in it, or not at all: never empty. */
async function create(path: string, own: Owner): Promise<boolean> {
  const temporary = `${path}.${own.token}`;
  await writeFile(temporary, `${JSON.stringify(own)}\n`, { flag: 'wx', mode: 0o644 });
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Only one process at a time may remove a dead owner's lock, else a second would remove the first one's new lock. */
async function removeDead(path: string, seen: Owner | null, own: Owner): Promise<void> {
  const turnstile = `${path}.takeover`;
  if (!(await create(turnstile, own))) {
    const holder = await readOwner(turnstile);
    if (holder !== 'gone' && (holder === null || !(await isAlive(holder)))) await rm(turnstile, { force: true });
    return;
  }
  try {
    const now = await readOwner(path);
    if (now !== 'gone' && now?.token === seen?.token) await rm(path, { force: true });
  } finally {
    await rm(turnstile, { force: true });
  }
}

async function release(path: string, own: Owner): Promise<void> {
  const now = await readOwner(path);
  if (now !== 'gone' && now?.token === own.token) await rm(path, { force: true });
}

/** Null for a file that is no lock of ours (damaged): nobody can hold it. */
async function readOwner(path: string): Promise<Owner | null | 'gone'> {
  try {
    return ownerSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    return isMissing(error) ? 'gone' : null;
  }
}

async function isAlive(owner: Owner): Promise<boolean> {
  const started = await startOf(owner.pid);
  return started !== null && (started === owner.started || owner.started === 'unknown');
}

/** When a process began, as text that no other process has: boot and ticks on Linux, else what ps says. Null: no such process. */
async function startOf(pid: number): Promise<string | null> {
  if (process.platform === 'linux') {
    try {
      const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      // The second field is the program's name in brackets, and may hold anything; state is the first after it.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? null : `${boot} ${fields[19] ?? ''}`;
    } catch (error) {
      if (isMissing(error) || (error instanceof Error && 'code' in error && error.code === 'ESRCH')) return null;
      throw error;
    }
  }
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
    return stdout.trim() === '' ? null : stdout.trim();
  } catch {
    return null;
  }
}
