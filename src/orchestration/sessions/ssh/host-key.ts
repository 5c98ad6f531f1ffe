import type { Buffer } from 'node:buffer';
import { GpuEvalError } from '../../../core/errors.ts';
import {
  entriesFor,
  fingerprint,
  judgeHostKey,
  type KnownHost,
  keyType,
  knownHostName,
  preferredAlgorithms,
  readKnownHosts,
  rememberHostKey,
} from './known-hosts.ts';
import type { ConnectDeps, Target } from './target.ts';

/** Decides, for one connection, whether the host is the one that is meant. */
export class HostKeyCheck {
  readonly #target: Target;
  readonly #deps: ConnectDeps;
  readonly #whileAsking: <T>(ask: () => Promise<T>) => Promise<T>;
  readonly #name: string;
  readonly #keys: readonly KnownHost[];
  #accepted: Buffer | undefined;
  /** Why the key was refused, for people. */
  refusal: GpuEvalError | undefined;

  private constructor(
    target: Target,
    deps: ConnectDeps,
    whileAsking: <T>(ask: () => Promise<T>) => Promise<T>,
    name: string,
    keys: readonly KnownHost[],
  ) {
    this.#target = target;
    this.#deps = deps;
    this.#whileAsking = whileAsking;
    this.#name = name;
    this.#keys = keys;
  }

  static async prepare(
    target: Target,
    deps: ConnectDeps,
    whileAsking: <T>(ask: () => Promise<T>) => Promise<T>,
  ): Promise<HostKeyCheck> {
    const name = target.hostKeyAlias?.toLowerCase() ?? knownHostName(target.host, target.port);
    const entries = await readKnownHosts([...target.knownHosts, deps.stateKnownHosts]);
    const { keys, authorities } = entriesFor(entries, name);
    for (const { file, line } of authorities) {
      deps.onNotice?.(`${file}:${line}: certificate authorities are not followed; the host needs a plain key there`);
    }
    return new HostKeyCheck(target, deps, whileAsking, name, keys);
  }

  /** In the order in which they are asked for. */
  get algorithms() {
    return preferredAlgorithms(this.#keys);
  }

  /** Whether the shown key is good; where not, `refusal` says why. Asked again at each rekeying. */
  async check(key: Buffer): Promise<boolean> {
    if (this.#accepted?.equals(key)) return true;
    try {
      await this.#judge(key);
      this.#accepted = key;
      return true;
    } catch (error) {
      this.refusal =
        error instanceof GpuEvalError
          ? error
          : new GpuEvalError('host_key', `the host key of ${this.#target.description} could not be checked`, {
              why: error instanceof Error ? error.message : String(error),
              cause: error,
            });
      return false;
    }
  }

  async #judge(key: Buffer): Promise<void> {
    const { description } = this.#target;
    const type = keyType(key);
    const shown = `${type} ${fingerprint(key)}`;
    const verdict = judgeHostKey(this.#keys, key);
    switch (verdict.kind) {
      case 'known':
        return;
      case 'revoked':
        throw new GpuEvalError('host_key', `the host key of ${description} was revoked`, {
          why: `it shows ${shown}, which ${verdict.by.file}:${verdict.by.line} marks as revoked`,
        });
      case 'changed': {
        const known = verdict.known
          .map((each) => `${each.type} ${fingerprint(each.key)} (${each.file}:${each.line})`)
          .join(', ');
        const file = verdict.known[0]?.file ?? '';
        throw new GpuEvalError('host_key', `the host key of ${description} is not the one that is known`, {
          why: `it shows ${shown}; known is ${known}`,
          hint: `if the box was really set up anew: ssh-keygen -R '${this.#name}' -f '${file}'   (else somebody may be listening in)`,
        });
      }
      case 'unknown': {
        if (await this.#isTaken(type, fingerprint(key))) {
          await rememberHostKey(this.#deps.stateKnownHosts, this.#name, key);
          return;
        }
        throw new GpuEvalError('host_key', `the host key of ${description} is not known`, {
          why: `it shows ${shown}`,
          hint: 'compare that with what the box prints (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then use --accept-new-host-key',
        });
      }
    }
  }

  async #isTaken(type: string, shown: string): Promise<boolean> {
    const { confirmHostKey } = this.#deps;
    switch (this.#target.unknownHostKey) {
      case 'accept':
        return true;
      case 'refuse':
        return false;
      case 'ask':
        if (confirmHostKey === undefined) return false;
        return this.#whileAsking(() => confirmHostKey({ host: this.#name, type, fingerprint: shown }));
    }
  }
}
