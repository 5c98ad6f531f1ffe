/** A file that a plan wants on the box. Secrets are never part of a plan: they are named, not held. */
export type PlannedFile = { readonly path: string; readonly text: string; readonly mode: number };

/** What will be done to a box, as a value: it can be printed (--dry-run), compared and tested. */
export type SetupStep = {
  /** Stable, kebab-case: `grader-env`. */
  readonly name: string;
  /** For people: `Python environment of the grader`. */
  readonly title: string;
};

export type SetupPlan = {
  readonly steps: readonly SetupStep[];
  readonly files: readonly PlannedFile[];
  /** Run as the job `setup`: checks and applies the steps in order, writes each change of state to `progressPath`. */
  readonly argv: readonly [string, ...string[]];
  readonly progressPath: string;
};

export type EngineName = 'vllm' | 'llamacpp';

export type ServePlan = {
  readonly engine: EngineName;
  readonly files: readonly PlannedFile[];
  readonly argv: readonly [string, ...string[]];
  /** Port on the box's loopback. */
  readonly port: number;
  /** The name under which the server lists the model. */
  readonly model: string;
  readonly baseUrl: string;
  /** sha256 of everything that makes this server what it is: equal settings, equal hash. */
  readonly settingsHash: string;
  /** For people and for refusals: what is served and how. */
  readonly settings: Readonly<Record<string, string | number | boolean | null>>;
};

export type EvalPlan = {
  readonly files: readonly PlannedFile[];
  readonly argv: readonly [string, ...string[]];
  readonly specPath: string;
};
