/** What a detached job is asked to do. Secrets are never here: `secretEnv` names files (0600, on the box) whose text becomes a variable. */
export type JobSpec = {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly secretEnv: Readonly<Record<string, string>>;
  /**
   * Absolute paths on the box: before the job starts, each becomes a 0600 file with a fresh random secret. Made under the
   * lock of the start, so that only the start that wins makes them, and never under a running job.
   */
  readonly freshSecrets?: readonly string[];
  /** Kept beside the job for whoever finds it later; what it says is the caller's own. At most 64 KiB. */
  readonly note?: string;
  /** Absolute path on the box; stdout and stderr are appended to it. */
  readonly logPath: string;
};

export type JobState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'running'; readonly pid: number; readonly startedAt: string }
  | { readonly kind: 'exited'; readonly exitCode: number; readonly startedAt: string; readonly endedAt: string }
  | { readonly kind: 'signaled'; readonly signal: string; readonly startedAt: string; readonly endedAt: string }
  /** It was started, is gone, and no end was recorded (the wrapper was killed, the box restarted). */
  | { readonly kind: 'lost'; readonly startedAt: string };

export type StopReport = {
  readonly wasRunning: boolean;
  /** Processes that were ended, the wrapper not counted. */
  readonly ended: number;
  /** Of those, how many had to be killed after the grace time. */
  readonly killed: number;
  /** Pids that could not be ended (another user's, or stuck in the kernel). Empty when all is gone. */
  readonly left: readonly number[];
};

/** A piece of a followed file: `offset` is that of the first byte in `bytes`. */
export type LogPiece = { readonly offset: number; readonly bytes: Uint8Array };

/**
 * Detached work on one machine. A job is a folder there (`jobDir`, absolute); it survives logout and lost connections.
 * One implementation per scheduler; one contract suite (test/contracts/jobs.ts).
 */
export interface Jobs {
  /**
   * Starts the job, unless the job in that folder is running: then nothing is started and `alreadyRunning` is true
   * (whatever its spec; `spec` is what it runs with). An ended job's folder is started anew, its log kept and appended to.
   */
  start(
    jobDir: string,
    spec: JobSpec,
  ): Promise<{ readonly alreadyRunning: boolean; readonly state: JobState; readonly spec: JobSpec }>;
  status(jobDir: string): Promise<JobState>;
  /** What the job in that folder was last started with; null where there is none, or it cannot be read. */
  spec(jobDir: string): Promise<JobSpec | null>;
  /** Ends the whole process tree, also what daemonised itself out of it. */
  stop(jobDir: string, options?: { readonly graceMs?: number }): Promise<StopReport>;
  /**
   * Yields a file from a byte offset, as it grows, until the job of `jobDir` has ended and the file is drained (or at
   * once at the file's end with `follow: false`). After a lost connection it goes on, over a new
   * one, behind the last byte that came: none is lost or doubled.
   */
  follow(
    jobDir: string,
    path: string,
    options?: { readonly fromOffset?: number; readonly follow?: boolean; readonly signal?: AbortSignal },
  ): AsyncIterable<LogPiece>;
}
