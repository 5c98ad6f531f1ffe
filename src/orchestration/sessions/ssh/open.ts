import { join } from 'node:path';
import { GpuEvalError } from '../../../core/errors.ts';
import type { Session } from '../../../core/session.ts';
import { interrupted } from '../command.ts';
import { readHostSettings } from './config.ts';
import { type Connection, connectTo } from './connect.ts';
import { SshSession } from './session.ts';
import type { ConnectDeps, Target } from './target.ts';

export type SshOptions = {
  /** A name, an address, or an alias of the ssh config. */
  readonly host: string;
  readonly user?: string | undefined;
  readonly port?: number | undefined;
  /** A private key file; `~/` is the home folder. */
  readonly identity?: string | undefined;
  /** Default `~/.ssh/config`, where it is there. */
  readonly sshConfig?: string | undefined;
  /** Instead of the config's, the user's and the system's known_hosts files. Our own file is always read too. */
  readonly knownHosts?: readonly string[] | undefined;
  /** Takes, and remembers, the key of a host of which nothing is known. Never a changed one. */
  readonly acceptNewHostKey?: boolean | undefined;
  /** The name under which the host's key is kept, e.g. that of one rented instance. */
  readonly hostKeyAlias?: string | undefined;
  /** Python on the box, for transfers. Default `python3`. */
  readonly python?: string | undefined;
  /** The text of remote/transfer.py. */
  readonly transferSource: string;
};

export type SshDeps = ConnectDeps & {
  /** The user's name here: the default one there, as ssh has it. */
  readonly localUser: string;
  /** Gives up connecting. */
  readonly signal?: AbortSignal | undefined;
  /** Told what was passed over, e.g. a line of known_hosts that we do not follow. */
  readonly onNotice?: ((text: string) => void) | undefined;
  readonly limits?: Partial<SshLimits> | undefined;
};

export type SshLimits = {
  /** From the first packet to the login; time in which the user is asked does not count. Default 30,000. */
  readonly connectMs: number;
  /** Default 30,000. */
  readonly openMs: number;
  /** Default 10,000. */
  readonly refusedMs: number;
  /** Between two signs of life; three missed ones are a lost connection. Default 5,000. */
  readonly keepaliveMs: number;
};

const LIMITS: SshLimits = { connectMs: 30_000, openMs: 30_000, refusedMs: 10_000, keepaliveMs: 5_000 };
const MAX_HOPS = 8;

/**
 * Opens a connection to a box, as `ssh` would: by ~/.ssh/config, through its ProxyJump hosts, with the agent's and the
 * user's keys, and only to a host whose key is known or accepted.
 * @throws {GpuEvalError} `connection` where the box cannot be reached or lets us not in; `host_key` where its key is
 * unknown and not accepted, changed, or revoked; `config` for an ssh config that cannot be followed; `usage` for a key
 * that cannot be read; `interrupted` by the signal.
 */
export async function openSshSession(options: SshOptions, given: SshDeps): Promise<Session> {
  if (given.signal?.aborted) throw interrupted('connecting');
  // A second connection of the same session does not ask again what was answered at the first.
  const answers = new Map<string, string | undefined>();
  const ask = given.passphrase;
  const passphrase = async (path: string) => {
    answers.set(path, await ask?.(path));
    return answers.get(path);
  };
  const deps = { ...given, passphrase };
  const limits = { ...LIMITS, ...deps.limits };
  const hops: Connection[] = [];
  try {
    const target = await resolveTarget(options, deps);
    let sock: Connection['client'] | undefined;
    for (const hop of await resolveHops(target.proxyJump, options, deps, 0)) {
      const connection = await connectTo(hop, sock, deps, limits);
      hops.push(connection);
      sock = connection.client;
    }
    const connect = async (by: SshDeps) => (await connectTo(target, sock, by, limits)).client;
    const client = await connect(deps);
    return new SshSession(
      client,
      hops.map((hop) => hop.client).reverse(),
      { description: target.description, python: options.python ?? 'python3', source: options.transferSource },
      limits,
      () => connect({ ...given, signal: undefined, passphrase: async (path) => answers.get(path) }),
    );
  } catch (error) {
    for (const hop of hops.reverse()) hop.client.end();
    throw error;
  }
}

async function resolveTarget(options: SshOptions, deps: SshDeps): Promise<Target & { proxyJump: readonly string[] }> {
  const { home, env, localUser } = deps;
  if (options.host === '' || options.host.startsWith('-') || /[\s\0]/.test(options.host)) {
    throw new GpuEvalError('usage', `not a host to connect to: ${JSON.stringify(options.host)}`);
  }
  const place = {
    path: options.sshConfig === undefined ? join(home, '.ssh', 'config') : untilde(options.sshConfig, home),
    home,
    localUser,
    isAsked: options.sshConfig !== undefined,
  };
  const settings = await readHostSettings(options.host, place, options);
  for (const notice of settings.notices) deps.onNotice?.(notice);
  const user = settings.user ?? localUser;
  const port = settings.port ?? 22;
  const knownHosts = options.knownHosts?.map((file) => untilde(file, home)) ?? [
    ...(settings.userKnownHostsFiles ?? [join(home, '.ssh', 'known_hosts'), join(home, '.ssh', 'known_hosts2')]),
    '/etc/ssh/ssh_known_hosts',
  ];
  const isStrict = settings.strictHostKeyChecking === 'yes';
  return {
    description: `${user}@${settings.hostName}:${port}`,
    host: settings.hostName,
    port,
    user,
    identity: options.identity === undefined ? undefined : untilde(options.identity, home),
    identityFiles: settings.identityFiles,
    identitiesOnly: settings.identitiesOnly,
    agentSocket: settings.identityAgent ?? (env.SSH_AUTH_SOCK || undefined),
    knownHosts,
    hostKeyAlias: options.hostKeyAlias ?? settings.hostKeyAlias,
    unknownHostKey:
      options.acceptNewHostKey === true || (!isStrict && settings.strictHostKeyChecking === 'accept-new')
        ? 'accept'
        : isStrict
          ? 'refuse'
          : 'ask',
    proxyJump: settings.proxyJump,
  };
}

/** The hosts on the way, nearest first. Each is looked up in the config by itself; the first may have hops of its own. */
async function resolveHops(
  jumps: readonly string[],
  options: SshOptions,
  deps: SshDeps,
  depth: number,
): Promise<Target[]> {
  if (depth > MAX_HOPS || jumps.length > MAX_HOPS) {
    throw new GpuEvalError(
      'config',
      `the ssh config asks for more than ${MAX_HOPS} hosts on the way to ${options.host}`,
      {
        hint: 'see whether a ProxyJump leads back to itself',
      },
    );
  }
  const hops: Target[] = [];
  for (const [index, jump] of jumps.entries()) {
    const parsed = /^(?:ssh:\/\/)?(?:([^@]+)@)?(\[[^\]]+\]|[^:@]+)(?::(\d+))?\/?$/.exec(jump);
    const host = parsed?.[2]?.replace(/^\[|\]$/g, '');
    if (parsed === null || host === undefined) {
      throw new GpuEvalError('config', `the ssh config names a ProxyJump that is no host: ${JSON.stringify(jump)}`);
    }
    // The options of this call are the target's; of them a hop only shares how host keys are treated.
    const { sshConfig, knownHosts, acceptNewHostKey, transferSource } = options;
    const hop = await resolveTarget(
      {
        host,
        user: parsed[1],
        port: parsed[3] === undefined ? undefined : Number(parsed[3]),
        sshConfig,
        knownHosts,
        acceptNewHostKey,
        transferSource,
      },
      deps,
    );
    if (index === 0) hops.push(...(await resolveHops(hop.proxyJump, options, deps, depth + 1)));
    hops.push(hop);
  }
  return hops;
}

const untilde = (path: string, home: string): string =>
  path === '~' || path.startsWith('~/') ? home + path.slice(1) : path;
