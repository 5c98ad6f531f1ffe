import { Buffer } from 'node:buffer';
import { PassThrough, Transform, type TransformCallback } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientChannel } from 'ssh2';
import { ConnectionLostError, GpuEvalError } from '../../../core/errors.ts';
import type { CommandEnd, RunningCommand } from '../command.ts';
import { showName } from '../transfer/names.ts';

/** The kernel takes at most 128 KiB as one word of an argv, and sshd hands the whole line over as one. */
const MAX_LINE_BYTES = 130_000;
/** What a login shell may print before our command begins. */
const MAX_NOISE_BYTES = 256 * 1024;
const GRACE_MS = 1_000;
const PID_WAIT_MS = 5_000;
/** After all was done to end a command. */
const GIVE_UP_MS = 10_000;

/**
 * The line that sshd is asked to run: whatever the login shell is (sh, csh, fish), it becomes /bin/sh and runs our line.
 * Ours travels as an argument of `printf %b`, without the characters that shells read differently inside single quotes.
 *
 * Before our line, `token` and the shell's pid are printed on stdout and stderr: what comes before that is the login
 * shell's own (a .bashrc that prints), and the pid is that of the command's process group, since sshd starts each
 * command in a session of its own and every shell on the way replaces itself.
 * @throws {GpuEvalError} `usage` where the line is longer than a box takes.
 */
export function loginShellLine(line: string, token: string): string {
  const whole = `printf '${token} %d\\n' $$; printf '${token} %d\\n' $$ >&2; ${line}`;
  let encoded = '';
  for (const byte of Buffer.from(whole)) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x27 && byte !== 0x5c && byte !== 0x21;
    encoded += isPlain ? String.fromCharCode(byte) : `\\0${byte.toString(8).padStart(3, '0')}`;
  }
  const asked = `exec /bin/sh -c 'eval "$(printf %b "$1")"' sh '${encoded}'`;
  if (asked.length > MAX_LINE_BYTES) {
    throw new GpuEvalError('usage', 'a command is too long to be run over ssh', {
      why: `${asked.length} bytes; at most ${MAX_LINE_BYTES} fit`,
      hint: 'send what is long as a file',
    });
  }
  return asked;
}

/** Ends a process group on the box, as {@link LocalSession} does here. */
export function endGroupLine(pid: number): string {
  const polls = GRACE_MS / 50;
  return (
    `kill -TERM -${pid} 2>/dev/null; i=0; ` +
    `while [ $i -lt ${polls} ] && kill -0 -${pid} 2>/dev/null; do sleep 0.05; i=$((i+1)); done; ` +
    `kill -KILL -${pid} 2>/dev/null; exit 0`
  );
}

/** Passes on what comes after the line `TOKEN PID`. */
class AfterToken extends Transform {
  readonly #token: string;
  readonly #onPid: (pid: number) => void;
  #noise = Buffer.alloc(0);
  isBegun = false;

  constructor(token: string, onPid: (pid: number) => void) {
    super();
    this.#token = token;
    this.#onPid = onPid;
  }

  /** What the login shell said instead of running our command. */
  get noise(): string {
    return this.isBegun ? '' : this.#noise.toString('utf8');
  }

  override _transform(piece: Buffer, _encoding: string, done: TransformCallback): void {
    if (this.isBegun) {
      done(null, piece);
      return;
    }
    this.#noise = Buffer.concat([this.#noise, piece]);
    const at = this.#noise.indexOf(this.#token);
    const end = at < 0 ? -1 : this.#noise.indexOf('\n', at);
    if (end < 0) {
      const isTooMuch = this.#noise.length > MAX_NOISE_BYTES;
      done(isTooMuch ? new Error('the login shell prints without end before our command begins') : null);
      return;
    }
    const pid = Number(this.#noise.toString('latin1', at + this.#token.length, end));
    const rest = this.#noise.subarray(end + 1);
    this.isBegun = true;
    this.#noise = Buffer.alloc(0);
    if (Number.isSafeInteger(pid) && pid > 1) this.#onPid(pid);
    done(null, rest);
  }
}

export type RemoteParts = {
  readonly description: string;
  readonly token: string;
  /** Runs a line beside the command: what ends its group. */
  readonly control: (line: string) => Promise<void>;
  /** Whether the connection was lost before the channel closed: then its end is not the command's. */
  readonly isLost: () => boolean;
};

/** A command in an ssh channel. */
export function runningOver(channel: ClientChannel, parts: RemoteParts): RunningCommand {
  // Streams of our own around the channel: a channel's are never destroyed, and a write to a closed one never returns.
  const stdin = new PassThrough();
  let onPid = (_pid: number) => {};
  const pid = new Promise<number>((resolve) => {
    onPid = resolve;
  });
  const stdout = new AfterToken(parts.token, onPid);
  const stderr = new AfterToken(parts.token, onPid);
  for (const stream of [stdin, stdout, stderr, channel, channel.stderr]) stream.on('error', () => {});
  stdin.pipe(channel);
  channel.pipe(stdout);
  channel.stderr.pipe(stderr);

  let end: CommandEnd | undefined;
  let isClosed = false;
  channel.on('exit', (code: number | null, signal?: string) => {
    end = code === null ? { kind: 'signaled', signal: signal ?? 'SIGKILL' } : { kind: 'exited', exitCode: code };
  });
  let giveUpOn = (_error: GpuEvalError) => {};
  const ended = new Promise<CommandEnd>((resolve, reject) => {
    giveUpOn = reject;
    channel.once('close', (code: number | null | undefined, signal?: string) => {
      // `exit` may have come before anybody listened, for a command that ends at once: ssh2 says it again here.
      if (end === undefined && code !== undefined) {
        end = code === null ? { kind: 'signaled', signal: signal ?? 'SIGKILL' } : { kind: 'exited', exitCode: code };
      }
      isClosed = true;
      stdin.destroy();
      // No code and no signal: nobody told how it ended, which is never success.
      if (end === undefined || parts.isLost()) {
        reject(
          new ConnectionLostError(`the connection to ${parts.description} was lost in the middle of a command`, {
            hint: 'the same command again goes on from there',
          }),
        );
      } else if (!stdout.isBegun) {
        const said = showName((stderr.noise + stdout.noise).trim().split('\n').at(-1) ?? '');
        reject(
          new GpuEvalError('connection', `the login on ${parts.description} does not run commands`, {
            why: said === '' ? `its shell ended with ${JSON.stringify(end)}` : said,
            hint: "see that the account's login shell is a shell and that no forced command is set for this key",
          }),
        );
      } else resolve(end);
    });
  });
  ended.catch(() => {});
  // The token may fail to come at all (too much noise): then there is nothing to wait for.
  for (const stream of [stdout, stderr]) stream.on('error', () => channel.close());

  const terminate = async () => {
    if (!isClosed) {
      const known = await Promise.race([pid, delay(PID_WAIT_MS, null, { ref: false }), ended.catch(() => null)]);
      if (typeof known === 'number' && !isClosed) {
        // Where that fails too, the connection is lost or the box beyond reach: told by how the channel ends, or does not.
        await parts.control(endGroupLine(known)).catch(() => {});
      }
    }
    // What left the group may hold the output open, and a reader that left reads no more.
    const release = setTimeout(() => {
      channel.close();
      for (const stream of [stdout, stderr]) stream.destroy();
      channel.resume();
      channel.stderr.resume();
    }, GRACE_MS);
    const giveUp = setTimeout(() => {
      giveUpOn(
        new GpuEvalError('box', `a command on ${parts.description} could not be ended`, {
          why: 'it may still be running there',
        }),
      );
    }, GIVE_UP_MS);
    const settled = () => {
      clearTimeout(release);
      clearTimeout(giveUp);
    };
    ended.then(settled, settled);
  };
  return { stdin, stdout, stderr, ended, terminate };
}
