import type { Command } from './shell.ts';

export type ExecEnd =
  | { readonly kind: 'exited'; readonly exitCode: number }
  | { readonly kind: 'signaled'; readonly signal: string }
  | { readonly kind: 'timedOut' };

/**
 * How a command ended and what it printed (decoded as UTF-8 over the whole, never chunk by chunk).
 * Of each stream at most `maxBytes` are kept, from its start; `truncated` says that there was more.
 */
export type ExecResult = { readonly stdout: string; readonly stderr: string; readonly truncated: boolean } & ExecEnd;

export type ExecOptions = {
  readonly stdin?: Uint8Array | string | AsyncIterable<Uint8Array>;
  /** Wall-clock limit; the command's process group is ended at it and the result is `timedOut`. Default 60,000. */
  readonly timeoutMs?: number;
  /** Kept of each of stdout and stderr. Default 16 MiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
};

/** A piece of output as it comes; the last chunk of every stream is its `end`. */
export type Chunk =
  | { readonly kind: 'stdout' | 'stderr'; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly end: ExecEnd };

export type StreamOptions = {
  readonly stdin?: Uint8Array | string | AsyncIterable<Uint8Array>;
  readonly timeoutMs?: number;
  /** Aborting ends the command on the box and then the iteration, with `interrupted`. */
  readonly signal?: AbortSignal;
};

/** A file to be sent. `path` is relative to the upload's root, `/`-separated, and may not climb out. */
export type UploadFile = {
  readonly path: string;
  readonly content: { readonly bytes: Uint8Array } | { readonly localPath: string };
  /** Permission bits, e.g. 0o644; secrets 0o600. */
  readonly mode: number;
};

export type UploadReport = {
  readonly sent: readonly string[];
  readonly unchanged: readonly string[];
  readonly sentBytes: number;
};

export type DownloadOptions = {
  /** Files, or folders with all that is in them, relative to the root: the rest stays on the box. Default: everything. */
  readonly only?: readonly string[];
  /** Refuses, before anything is written, when the box offers more than this. Default 64 GiB. */
  readonly maxBytes?: number;
  /** Refuses likewise when the box offers more files than this. Default 1,000,000. */
  readonly maxFiles?: number;
  /**
   * Awaited before a file here is replaced by one that it is no beginning of. `here` and `arrived` (verified, whole) are
   * paths on this machine; both are left as they are. What it throws ends the download, and nothing is replaced.
   */
  readonly onReplace?: (path: string, here: string, arrived: string) => Promise<void>;
  /** Names (whole path segments) that are left on the box, e.g. `job`. */
  readonly exclude?: readonly string[];
  readonly signal?: AbortSignal;
};

export type DownloadedFile = {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly receivedBytes: number;
};
export type DownloadReport = {
  readonly files: readonly DownloadedFile[];
  /** What the box offered and we refused: links, names that climb out, sockets. */
  readonly refused: readonly { readonly path: string; readonly reason: string }[];
};

/** A forwarded port. `port` is the one to connect to (here for forward, on the box for forwardBack), on loopback. */
export type Forward = { readonly port: number; close(): Promise<void> };

/**
 * A way to run things on one machine: this one, or a box over ssh. One contract, one test suite (test/contracts/session.ts).
 * Every call throws ConnectionLostError when the transport is lost: there is never half a result.
 */
export interface Session {
  /** For people: `this machine` or `user@host:port`. */
  readonly description: string;
  readonly kind: 'local' | 'ssh';
  /** Runs one command to its end. A non-zero exit is a result, not an error. */
  exec(command: Command, options?: ExecOptions): Promise<ExecResult>;
  /** Runs one command and yields its output as it comes, at the reader's pace (back-pressure), however much it is. */
  stream(command: Command, options?: StreamOptions): AsyncIterable<Chunk>;
  /** Puts files below `root` (absolute, made if missing). Only content that is not there already travels; each file appears whole or not at all. */
  upload(
    files: readonly UploadFile[],
    root: string,
    options?: { readonly signal?: AbortSignal },
  ): Promise<UploadReport>;
  /**
   * Brings the regular files below `root` home to `localRoot`, dotfiles and empty files included. A file that is there in
   * part is resumed where its beginning is the same; every file is checked by sha256. A growing file comes as far as it
   * was when asked.
   */
  download(root: string, localRoot: string, options?: DownloadOptions): Promise<DownloadReport>;
  /** Makes a port of the box's loopback reachable here. */
  forward(remotePort: number): Promise<Forward>;
  /** Makes a port of our loopback reachable on the box's loopback. */
  forwardBack(localPort: number): Promise<Forward>;
  close(): Promise<void>;
}
