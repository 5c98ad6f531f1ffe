/** Process exit codes, as documented in docs/exit-codes.md. */
export const EXIT = {
  ok: 0,
  bug: 1,
  usage: 2,
  machine: 3,
  server: 4,
  ungraded: 5,
  interrupted: 130,
} as const;

/**
 * What kind of failure it was. Each code has one exit code.
 * `usage` and `config`: what was asked; `prerequisite`: something is missing here or on the box;
 * `connection`: the transport; `host_key`: the box is not who it was; `box`: a command on the box failed;
 * `transfer`: what came back was not what was asked for; `job`: a detached job; `server`: the model server;
 * `dataset`: rows could not be had or read; `grading`: a sandbox or grader; `incomplete`: finished, but not all is graded;
 * `interrupted`: by the user; `bug`: ours.
 */
export type ErrorCode =
  | 'usage'
  | 'config'
  | 'prerequisite'
  | 'connection'
  | 'host_key'
  | 'box'
  | 'transfer'
  | 'job'
  | 'server'
  | 'dataset'
  | 'grading'
  | 'incomplete'
  | 'interrupted'
  | 'bug';

const EXIT_BY_CODE = {
  usage: EXIT.usage,
  config: EXIT.usage,
  prerequisite: EXIT.machine,
  connection: EXIT.machine,
  host_key: EXIT.machine,
  box: EXIT.machine,
  transfer: EXIT.machine,
  job: EXIT.machine,
  server: EXIT.server,
  dataset: EXIT.machine,
  grading: EXIT.ungraded,
  incomplete: EXIT.ungraded,
  interrupted: EXIT.interrupted,
  bug: EXIT.bug,
} as const satisfies Record<ErrorCode, number>;

export type ErrorParts = {
  /** One line of evidence: what was seen. Told behind `why:`. */
  why?: string | undefined;
  /** What the user can do next, as a command where there is one. Told behind `next:`. */
  hint?: string | undefined;
  cause?: unknown;
};

/** An error that is told to the user once: message, then why, then what to do next. */
export class GpuEvalError extends Error {
  readonly code: ErrorCode;
  readonly why: string | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, parts: ErrorParts = {}) {
    super(message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = 'GpuEvalError';
    this.code = code;
    this.why = parts.why;
    this.hint = parts.hint;
  }

  get exitCode(): number {
    return EXIT_BY_CODE[this.code];
  }
}

/**
 * The transport to the box was lost. Whatever was under way has an unknown end: nothing of it may be used as a result.
 * The box goes on with its jobs; the same call may be made again over a new connection.
 */
export class ConnectionLostError extends GpuEvalError {
  constructor(message: string, parts: ErrorParts = {}) {
    super('connection', message, parts);
    this.name = 'ConnectionLostError';
  }
}
