import type { EngineName } from '../plan/types.ts';
import { LLAMACPP_CAUSES, VLLM_CAUSES } from './causes.ts';
import type { Engine } from './engine.ts';

const vllm: Engine = {
  name: 'vllm',
  phases: [
    ['starting', 'Initializing a V1 LLM engine|vLLM API server version'],
    ['downloading', 'Fetching \\d+ files|Downloading.*(?P<detail>\\d+%)|Using model weights format'],
    ['loading', 'Starting to load model|Loading safetensors.*?(?P<detail>\\d+%)|Loading pt checkpoint'],
    ['compiling', 'torch\\.compile|Compiling a graph|Capturing (?:CUDA|cuda) graph'],
    ['warming up', 'Application startup complete|Starting vLLM API server|init engine .* took'],
  ],
  causes: VLLM_CAUSES,
};

const llamacpp: Engine = {
  name: 'llamacpp',
  phases: [
    ['loading', 'load_model: loading model|loading model'],
    ['warming up', 'listening on (?P<detail>\\S+)|model loaded'],
  ],
  causes: LLAMACPP_CAUSES,
};

/** Every engine that can be launched, by name. */
export const ENGINES = { vllm, llamacpp } as const satisfies Record<EngineName, Engine>;
