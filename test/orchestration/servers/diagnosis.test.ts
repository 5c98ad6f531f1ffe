import { describe, expect, it } from 'vitest';
import { LLAMACPP_CAUSES, VLLM_CAUSES } from '../../../src/orchestration/servers/causes.ts';
import { diagnose } from '../../../src/orchestration/servers/engine.ts';

describe('diagnose', () => {
  it.each([
    [
      'heads-not-divisible',
      'ValueError: Total number of attention heads (9) must be divisible by tensor parallel size (4).',
    ],
    ['too-few-gpus', 'ValueError: World size (8) is larger than the number of available GPUs (4) in this node.'],
    ['cuda-out-of-memory', 'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.'],
    [
      'port-in-use',
      "OSError: [Errno 98] error while attempting to bind on address ('127.0.0.1', 8000): address already in use",
    ],
    ['gated-model', 'huggingface_hub.errors.GatedRepoError: 403 Client Error.'],
    ['no-gpu', 'RuntimeError: Failed to infer device type, please set the environment variable'],
    ['no-space', 'OSError: [Errno 28] No space left on device'],
    ['remote-code', 'Please pass the argument `trust_remote_code=True` to allow custom code to be run.'],
  ])('names %s', (cause, line) => {
    const log = `INFO starting\n${line}\nTraceback ends here`;
    const found = diagnose(VLLM_CAUSES, log);
    expect(found?.cause).toBe(cause);
    expect(found?.evidence).toBe(line);
    expect(found?.hint).not.toBe('');
  });

  it('fills what the line says into the summary and the hint', () => {
    const log = 'ValueError: Total number of attention heads (9) must be divisible by tensor parallel size (4).';
    expect(diagnose(VLLM_CAUSES, log)).toMatchObject({
      summary: 'the model has 9 attention heads, which --tp 4 does not divide',
      hint: 'gpu-eval serve --tp N, where N divides 9',
    });
  });

  it('takes the specific cause though a general one stands later', () => {
    const log = "CUDA out of memory\nModuleNotFoundError: No module named 'x'";
    expect(diagnose(VLLM_CAUSES, log)?.cause).toBe('cuda-out-of-memory');
  });

  it('says nothing where nothing known is there, and bounds the evidence', () => {
    expect(diagnose(LLAMACPP_CAUSES, 'all is well')).toBeNull();
    expect(diagnose(LLAMACPP_CAUSES, `address already in use ${'x'.repeat(10_000)}`)?.evidence.length).toBe(300);
  });
});
