import type { Config } from '../../config/schema.ts';
import { GpuEvalError } from '../../core/errors.ts';
import type { Facts, SandboxKind } from '../../core/machine.ts';
import { findVllm } from './engine.ts';
import { type BoxLayout, jobDir } from './layout.ts';
import { PINS, VLLM_VERSION, WASI_OLDEST_PYTHON_MINOR } from './pins.ts';
import type { TemplateSet } from './templates.ts';
import type { EngineName, SetupPlan, SetupStep } from './types.ts';

export type SetupRequest = {
  readonly config: Pick<Config, 'machine' | 'sandbox' | 'vllmCommand' | 'vllmVersion'>;
  readonly facts: Facts;
  readonly layout: BoxLayout;
  readonly templates: TemplateSet;
  readonly needs: {
    /** Null where no model is served on this machine. */
    readonly engine: EngineName | null;
    readonly grader: boolean;
    /** Whether the worker runs on this machine. Default true. */
    readonly node?: boolean;
  };
};

/**
 * The steps that bring a machine to the state that serving and evaluating want. Each is checked on the machine before it
 * is applied.
 * @throws {GpuEvalError} `prerequisite` where a sandbox was asked for that this machine cannot have.
 */
export function planSetup({ config, facts, layout, templates, needs }: SetupRequest): SetupPlan {
  const sandbox = foreseeSandbox(config.sandbox, facts);
  const isWasi = needs.grader && sandbox === 'wasi';
  const steps: SetupStep[] = [{ name: 'home', title: 'Folders of our own' }];
  if (config.machine === 'ssh') steps.push({ name: 'login', title: 'Logins without tmux' });
  if ((needs.node ?? true) && facts.node === null) steps.push({ name: 'node', title: 'Node for the worker' });
  if (needs.grader) steps.push({ name: 'grader-env', title: 'Python environment of the grader' });
  if (isWasi) steps.push({ name: 'wasi-compile', title: 'Sandbox for programs (CPython for WASI), compiled' });
  if (needs.engine === 'llamacpp') steps.push({ name: 'llamacpp-env', title: 'llama.cpp and its embedded model' });
  if (needs.engine === 'vllm' && findVllm(config, facts, layout).isOurs) {
    steps.push({ name: 'vllm-env', title: `vLLM ${config.vllmVersion ?? VLLM_VERSION}` });
  }
  const { home, tool, secrets, envs, cache, scripts, jobs, runs } = layout;
  const progressPath = `${jobDir(layout, 'setup')}/progress.jsonl`;
  const scriptPath = `${scripts}/setup.sh`;
  const text = templates.render('setup.sh.hbs', {
    steps: steps.map((step) => step.name),
    python: facts.python.path,
    uv: facts.uv,
    home,
    userHome: facts.home,
    tool,
    secrets,
    envs,
    cache,
    folders: [home, tool, scripts, secrets, envs, cache, jobs, runs],
    progress: progressPath,
    nodeRequirements: requirementsOf('node', { config, facts }),
    graderRequirements: needs.grader ? requirementsOf('grader', { config, facts }) : PINS.grader,
    llamacppRequirements: requirementsOf('llamacpp', { config, facts }),
    vllmRequirements: requirementsOf('vllm', { config, facts }),
  });
  return { steps, files: [{ path: scriptPath, text, mode: 0o600 }], argv: ['bash', scriptPath], progressPath };
}

/** The requirements that a stamp names: all its lines but the first, which names the Python. */
const stampedRequirements = (stamp: string): readonly string[] =>
  stamp
    .split('\n')
    .slice(1)
    .filter((line) => line !== '');

/**
 * Whether a stamp is that of an environment with exactly these requirements. The stamp's first line names the Python by
 * `sys.base_prefix`, which the facts of a machine do not hold: only setup itself compares that.
 */
export const isStampOf = (stamp: string, requirements: readonly string[]): boolean =>
  stampedRequirements(stamp).join('\n') === requirements.join('\n');

/**
 * What setup installs into an environment of its own, in the order in which its stamp names it.
 * @throws {GpuEvalError} `prerequisite` and `usage` as {@link planSetup}.
 */
export function requirementsOf(
  env: 'grader' | 'llamacpp' | 'vllm' | 'node',
  { config, facts }: Pick<SetupRequest, 'facts'> & { readonly config: Pick<Config, 'sandbox' | 'vllmVersion'> },
): readonly string[] {
  switch (env) {
    case 'node':
      return PINS.node;
    case 'grader':
      return foreseeSandbox(config.sandbox, facts) === 'wasi' ? [...PINS.grader, ...PINS.wasi] : PINS.grader;
    case 'llamacpp':
      return PINS.llamacpp;
    case 'vllm':
      return [`vllm==${checkVersion(config.vllmVersion ?? VLLM_VERSION)}`];
  }
}

/**
 * The sandbox that the grader is expected to take there: the strongest that works, unless one was asked for; null where
 * none is safe, so that programs are graded elsewhere.
 * @throws {GpuEvalError} `prerequisite` for one that was asked for and cannot be had.
 */
export function foreseeSandbox(
  asked: SandboxKind | 'auto',
  facts: Pick<Facts, 'bubblewrap' | 'python'>,
): SandboxKind | null {
  const hasBubblewrap = facts.bubblewrap?.works === true;
  const hasWasi = minorOfPython3(facts.python.version) >= WASI_OLDEST_PYTHON_MINOR;
  if (asked === 'auto') return hasBubblewrap ? 'bubblewrap' : hasWasi ? 'wasi' : null;
  if (asked === 'bubblewrap' && !hasBubblewrap) {
    throw new GpuEvalError('prerequisite', 'bubblewrap does not work there', {
      why: facts.bubblewrap?.reason ?? (facts.bubblewrap === null ? 'there is no bwrap on PATH' : undefined),
      hint: '--sandbox auto takes the strongest that works; or, as root on the box: apt-get install bubblewrap',
    });
  }
  if (asked === 'wasi' && !hasWasi) {
    throw new GpuEvalError('prerequisite', 'the WASI sandbox needs Python 3.11 or newer there', {
      why: `Python ${facts.python.version} (${facts.python.path})`,
      hint: '--python PATH of a newer one, or --sandbox auto',
    });
  }
  return asked;
}

function minorOfPython3(version: string): number {
  const [major, minor] = version.split('.').map(Number);
  return major === 3 && minor !== undefined && Number.isInteger(minor) ? minor : 0;
}

function checkVersion(version: string): string {
  if (/^[0-9][A-Za-z0-9.+!_-]*$/.test(version)) return version;
  throw new GpuEvalError('usage', `not a version of vLLM: ${JSON.stringify(version.slice(0, 80))}`, {
    hint: `--vllm-version ${VLLM_VERSION}`,
  });
}
