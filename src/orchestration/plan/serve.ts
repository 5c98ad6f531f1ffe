import type { Config } from '../../config/schema.ts';
import { GpuEvalError } from '../../core/errors.ts';
import { canonicalJson } from '../../core/json.ts';
import type { Facts } from '../../core/machine.ts';
import { quote } from '../../core/shell.ts';
import { checkName, type EngineChoice, findVllm } from './engine.ts';
import { type BoxLayout, envPython, secretPath } from './layout.ts';
import { VLLM_VERSION } from './pins.ts';
import type { TemplateSet } from './templates.ts';
import type { ServePlan } from './types.ts';

export type ServeRequest = EngineChoice & {
  readonly config: Pick<
    Config,
    'tp' | 'dtype' | 'maxModelLen' | 'engineArgs' | 'vllmCommand' | 'vllmVersion' | 'hfEndpoint' | 'hfHubOffline'
  >;
  readonly facts: Facts;
  readonly layout: BoxLayout;
  readonly templates: TemplateSet;
  readonly port: number;
  /** sha256 as hex. */
  readonly hash: (text: string) => string;
};

type Script = { readonly text: string; readonly settings: ServePlan['settings'] };

const HUB = 'https://huggingface.co';
/** Context of one slot of llama.cpp in tokens, unless --max-model-len names another. */
const LLAMACPP_CONTEXT = 4096;

/**
 * The server as it will be started: its script, and a hash of all that makes it what it is (the script, so also the
 * template, and the settings), the port included.
 * @throws {GpuEvalError} `usage` for settings that the engine does not have.
 */
export function planServe(request: ServeRequest): ServePlan {
  const { engine, servedModelName, layout, port, hash } = request;
  const { text, settings } = engine === 'vllm' ? vllmScript(request) : llamacppScript(request);
  const path = `${layout.scripts}/serve-${engine}.sh`;
  return {
    engine,
    files: [{ path, text, mode: 0o600 }],
    argv: ['bash', path],
    port,
    model: servedModelName,
    baseUrl: `http://127.0.0.1:${port}/v1`,
    settingsHash: hash(canonicalJson({ engine, settings, text })),
    settings,
  };
}

function vllmScript({ config, facts, layout, templates, port, ...choice }: ServeRequest): Script {
  const { model, servedModelName } = choice;
  const vllm = findVllm(config, facts, layout);
  refuseOwnFlags(config.engineArgs);
  if (config.tp !== null && facts.gpus.length > 0 && config.tp > facts.gpus.length) {
    throw new GpuEvalError('usage', `--tp ${config.tp} asks for more GPUs than ${facts.hostname} has`, {
      why: `it has ${facts.gpus.length}`,
      hint: `--tp ${facts.gpus.length}`,
    });
  }
  const dtype = config.dtype === null ? null : checkName(config.dtype, '--dtype');
  const text = templates.render('serve-vllm.sh.hbs', {
    vllm: vllm.path,
    model,
    servedModelName,
    port,
    keyFile: secretPath(layout, 'server-key'),
    hfTokenFile: secretPath(layout, 'hf-token'),
    hfEndpoint: config.hfEndpoint === HUB ? null : config.hfEndpoint,
    hfOffline: config.hfHubOffline,
    tp: config.tp,
    dtype,
    maxModelLen: config.maxModelLen,
    engineArgs: config.engineArgs,
  });
  const settings = {
    engine: 'vllm',
    model,
    servedModelName,
    vllm: vllm.path,
    vllmVersion: vllm.isOurs ? (config.vllmVersion ?? VLLM_VERSION) : null,
    tp: config.tp,
    dtype,
    maxModelLen: config.maxModelLen,
    engineArgs: config.engineArgs.map(quote).join(' '),
  };
  return { text, settings };
}

function llamacppScript({ config, facts, layout, templates, port, model, servedModelName }: ServeRequest): Script {
  for (const [flag, value] of [
    ['--tp', config.tp],
    ['--dtype', config.dtype],
  ] as const) {
    if (value === null || value === 1) continue;
    throw new GpuEvalError('usage', `llama.cpp takes no ${flag}`, { hint: `leave it out, or --engine vllm` });
  }
  const given = llamacppArguments(config.engineArgs);
  const context = config.maxModelLen ?? LLAMACPP_CONTEXT;
  const parallel = given.get('--parallel') ?? Math.min(16, Math.max(4, facts.cpuCount));
  const threads = given.get('--threads') ?? facts.cpuCount;
  const text = templates.render('serve-llamacpp.sh.hbs', {
    python: envPython(layout, 'llamacpp'),
    server: `${layout.tool}/llamacpp_server.py`,
    model,
    servedModelName,
    port,
    keyFile: secretPath(layout, 'server-key'),
    context,
    parallel,
    threads,
  });
  return { text, settings: { engine: 'llamacpp', model, servedModelName, maxModelLen: context, parallel, threads } };
}

/** Flags that gpu-eval sets itself, or that would put a secret into an argument. */
const OWN_FLAGS = {
  '--host': 'the server listens on the loopback only, and is reached through the tunnel',
  '--port': 'use --server-port',
  '--api-key': 'gpu-eval makes a key and hands it over in a file: everyone on the box can read arguments',
  '--hf-token': 'set HF_TOKEN: it is handed over in a file, since everyone on the box can read arguments',
  '--served-model-name': 'use --served-model-name before the --',
  '--tensor-parallel-size': 'use --tp before the --',
  '-tp': 'use --tp before the --',
  '--dtype': 'use --dtype before the --',
  '--max-model-len': 'use --max-model-len before the --',
  '--model': 'use --model before the --',
} as const satisfies Readonly<Record<string, string>>;

/** The engine's parser may take `_` for `-` and an unambiguous beginning for the whole, so these are refused too. */
function refuseOwnFlags(engineArgs: readonly string[]): void {
  for (const argument of engineArgs) {
    const [flag = ''] = argument.replaceAll('_', '-').split('=');
    const own = Object.entries(OWN_FLAGS).find(
      ([name]) => name === flag || (flag.startsWith('--') && flag.length > 4 && name.startsWith(flag)),
    );
    if (own === undefined) continue;
    throw new GpuEvalError('usage', `${flag} cannot be among the engine's own arguments`, { hint: own[1] });
  }
}

function llamacppArguments(engineArgs: readonly string[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const words = engineArgs.flatMap((word) => (/^--\w+=/.test(word) ? word.split(/=(.*)/s).slice(0, 2) : [word]));
  for (let index = 0; index < words.length; index += 2) {
    const [flag = '', text = ''] = words.slice(index, index + 2);
    const value = /^[1-9][0-9]{0,3}$/.test(text) ? Number(text) : null;
    if ((flag !== '--parallel' && flag !== '--threads') || value === null) {
      throw new GpuEvalError(
        'usage',
        `llama.cpp takes --parallel N and --threads N behind --, not ${[flag, text].join(' ').trim().slice(0, 80)}`,
      );
    }
    found.set(flag, value);
  }
  return found;
}
