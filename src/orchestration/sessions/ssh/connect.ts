import type { Buffer } from 'node:buffer';
import { NodeSSH } from 'node-ssh';
import type { Client } from 'ssh2';
import { GpuEvalError } from '../../../core/errors.ts';
import { interrupted } from '../command.ts';
import { Deadline } from './deadline.ts';
import { carriedBy } from './hop.ts';
import { HostKeyCheck } from './host-key.ts';
import { Identities } from './identities.ts';
import type { ConnectDeps, Target } from './target.ts';

export type { HostKeyQuestion } from './target.ts';

export type Connection = { readonly client: Client };

type Limits = { readonly connectMs: number; readonly keepaliveMs: number };

const KEEPALIVES_MISSED = 3;

/** Connects to one host, through another's connection where one is given. */
export async function connectTo(
  target: Target,
  through: Client | undefined,
  deps: ConnectDeps,
  limits: Limits,
): Promise<Connection> {
  const deadline = new Deadline(limits.connectMs);
  const hostKey = await HostKeyCheck.prepare(target, deps, (ask) => deadline.pausedFor(ask));
  const identities = new Identities({
    user: target.user,
    given: target.identity,
    configured: target.identityFiles,
    identitiesOnly: target.identitiesOnly,
    agentSocket: target.agentSocket,
    home: deps.home,
    passphrase: deps.passphrase,
    whileAsking: (ask) => deadline.pausedFor(ask),
  });
  await identities.prepare();

  const ssh = new NodeSSH();
  let client: Client | null = null;
  const connect = async (): Promise<Client> => {
    const sock = through === undefined ? undefined : await carriedBy(through, target);
    if (deadline.isExpired) throw new Error('it was given up');
    const connecting = ssh.connect({
      host: target.host,
      port: target.port,
      username: target.user,
      ...(sock === undefined ? {} : { sock }),
      // ssh2's own limit would run on while the user is asked.
      readyTimeout: 0,
      keepaliveInterval: limits.keepaliveMs,
      keepaliveCountMax: KEEPALIVES_MISSED,
      algorithms: { serverHostKey: hostKey.algorithms },
      // Without one, ssh2 takes any key.
      hostVerifier: (key: Buffer, verify: (isGood: boolean) => void) => {
        hostKey.check(key).then(verify, () => verify(false));
      },
      authHandler: identities.handler,
    });
    client = ssh.connection;
    // After the first error node-ssh listens no more, and ssh2 may tell of several.
    client?.on('error', () => {});
    await connecting;
    if (client === null) throw new Error('the connection was closed');
    client.setNoDelay(true);
    return client;
  };
  const onAbort = () => deadline.expire();
  deps.signal?.addEventListener('abort', onAbort);
  if (deps.signal?.aborted) onAbort();
  deadline.start();
  try {
    return { client: await Promise.race([connect(), deadline.expired]) };
  } catch (cause) {
    (client as Client | null)?.destroy();
    if (deps.signal?.aborted) throw interrupted(`connecting to ${target.description}`);
    if (cause instanceof GpuEvalError) throw cause;
    if (hostKey.refusal !== undefined) throw hostKey.refusal;
    throw explain(cause, target, identities, deadline.isExpired ? limits.connectMs : null);
  } finally {
    deadline.stop();
    deps.signal?.removeEventListener('abort', onAbort);
  }
}

function explain(cause: unknown, target: Target, identities: Identities, limitMs: number | null): GpuEvalError {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  if (limitMs !== null) {
    return new GpuEvalError('connection', `${target.description} did not let us in within ${limitMs / 1000} s`, {
      why: 'it does not answer',
      hint: 'see that the host and port are right and that the box is running',
      cause,
    });
  }
  const level = 'level' in error ? String(error.level) : '';
  const isAuth =
    level === 'client-authentication' || level === 'agent' || /too many authentication/i.test(error.message);
  if (!isAuth) {
    return new GpuEvalError('connection', `cannot connect to ${target.description}`, {
      why: error.message,
      hint: 'see that the host and port are right, that the box is running, and that `ssh` itself gets there',
      cause,
    });
  }
  const { tried, locked, serverMethods } = identities;
  const offers = serverMethods.length > 0 ? `the box takes ${serverMethods.join(', ')}` : error.message;
  const hint =
    locked.length > 0
      ? `ssh-add ${locked[0]}   (so that the agent holds the key), then the same command again`
      : `name the right key with --identity FILE, or put yours there: ssh-copy-id -p ${target.port} ${target.user}@${target.host}`;
  return new GpuEvalError('connection', `${target.description} does not let us in`, {
    why: `${offers}; tried: ${tried.length > 0 ? tried.join('; ') : 'no key (none was found)'}`,
    hint,
    cause,
  });
}
