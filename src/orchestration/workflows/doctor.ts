import type { Config } from '../../config/schema.ts';
import { GpuEvalError } from '../../core/errors.ts';
import type { Facts } from '../../core/machine.ts';
import { withBox } from './box.ts';
import type { Deps } from './deps.ts';
import type { DoctorCheck, DoctorResult, WorkflowContext } from './types.ts';

/** Room that environments, data sets and a small model take; a large model needs far more, and vLLM itself 10 GB. */
const DISK_MIB = 3_000;
const VLLM_DISK_MIB = 20_000;

/** Looks at the machine and says what is there, what is missing, and how to mend it. Changes nothing. */
export async function doctor(deps: Deps, config: Config, context: WorkflowContext): Promise<DoctorResult> {
  try {
    return await withBox(deps, config, context, async (box) => {
      const checks = [
        { name: 'connection', state: 'ok', detail: box.description, hint: null } as const,
        ...checkFacts(box.facts),
      ];
      return { machine: box.description, ok: checks.every((check) => check.state !== 'missing'), checks };
    });
  } catch (error) {
    if (!(error instanceof GpuEvalError) || error.exitCode !== 3) throw error;
    const name = error.code === 'prerequisite' ? 'python' : 'connection';
    const detail = error.why === undefined ? error.message : `${error.message}: ${error.why}`;
    const check: DoctorCheck = { name, state: 'missing', detail, hint: error.hint ?? null };
    return { machine: config.host ?? 'this machine', ok: false, checks: [check] };
  }
}

/** What the facts mean for someone who wants to set up, serve and evaluate there. Pure. */
export function checkFacts(facts: Facts): readonly DoctorCheck[] {
  return [checkPython(facts), checkNode(facts), checkDisk(facts), checkServer(facts), ...checkSandboxes(facts)];
}

function checkPython({ python }: Facts): DoctorCheck {
  const detail = `Python ${python.version} at ${python.path}`;
  if (python.hasVenv || python.hasPip) return { name: 'python', state: 'ok', detail, hint: null };
  return {
    name: 'python',
    state: 'missing',
    detail: `${detail}, with neither venv nor pip`,
    hint: 'Debian, Ubuntu: apt-get install python3-venv',
  };
}

function checkNode({ node }: Facts): DoctorCheck {
  if (node !== null) return { name: 'node', state: 'ok', detail: `Node ${node.version} at ${node.path}`, hint: null };
  const detail = 'no Node 20.19 or newer; setup installs one of its own from PyPI';
  return { name: 'node', state: 'limited', detail, hint: 'gpu-eval setup' };
}

function checkDisk({ diskFreeMiB, gpus }: Facts): DoctorCheck {
  const needed = gpus.length > 0 ? VLLM_DISK_MIB : DISK_MIB;
  if (diskFreeMiB === null) return { name: 'disk', state: 'limited', detail: 'free space is not known', hint: null };
  const detail = `${(diskFreeMiB / 1024).toFixed(1)} GiB free in the home folder`;
  if (diskFreeMiB >= needed) return { name: 'disk', state: 'ok', detail, hint: null };
  const hint = `at least ${(needed / 1024).toFixed(0)} GiB are needed there: free some, or take a box with a larger disk`;
  return { name: 'disk', state: 'missing', detail, hint };
}

function checkServer({ gpus, vllm }: Facts): DoctorCheck {
  if (gpus.length === 0) {
    const detail = 'no GPU seen: the embedded llama.cpp serves small GGUF models on the CPU';
    return { name: 'gpu', state: 'limited', detail, hint: 'with a GPU: does nvidia-smi work there?' };
  }
  const first = gpus[0];
  const memory = ((first?.memoryMiB ?? 0) / 1024).toFixed(0);
  const cards = `${gpus.length} x ${first?.name ?? '?'} with ${memory} GiB, driver ${first?.driver ?? '?'}`;
  const server = vllm === null ? 'setup installs vLLM' : `vLLM at ${vllm}`;
  return { name: 'gpu', state: 'ok', detail: `${cards}; ${server}`, hint: null };
}

function checkSandboxes({ bubblewrap, python }: Facts): readonly DoctorCheck[] {
  const minor = Number(python.version.split('.')[1] ?? 0);
  const hasWasi = minor >= 11;
  const bubble: DoctorCheck =
    bubblewrap?.works === true
      ? { name: 'sandbox: bubblewrap', state: 'ok', detail: bubblewrap.path, hint: null }
      : {
          name: 'sandbox: bubblewrap',
          state: hasWasi ? 'limited' : 'missing',
          detail: bubblewrap === null ? 'bwrap is not installed' : `bwrap does not start: ${bubblewrap.reason ?? '?'}`,
          hint:
            bubblewrap === null
              ? 'Debian, Ubuntu: apt-get install bubblewrap'
              : 'unprivileged user namespaces are refused there (a container mostly does); WASI stands in',
        };
  const wasi: DoctorCheck = hasWasi
    ? {
        name: 'sandbox: wasi',
        state: 'ok',
        detail: 'CPython for WASI runs here; setup installs it where it is needed',
        hint: null,
      }
    : {
        name: 'sandbox: wasi',
        state: bubblewrap?.works === true ? 'limited' : 'missing',
        detail: `needs Python 3.11 or newer, this is ${python.version}`,
        hint: '--python PATH names a newer one',
      };
  return [bubble, wasi];
}
