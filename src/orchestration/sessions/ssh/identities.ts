import type { Buffer } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ssh2, {
  type AnyAuthMethod,
  type AuthenticationType,
  type IdentityCallback,
  type NextAuthHandler,
  type ParsedKey,
} from 'ssh2';
import { GpuEvalError } from '../../../core/errors.ts';
import { fingerprint } from './known-hosts.ts';

export type IdentityOptions = {
  readonly user: string;
  /** Given by the user for this call: must be readable. */
  readonly given: string | undefined;
  /** From the config. */
  readonly configured: readonly string[];
  readonly identitiesOnly: boolean;
  readonly agentSocket: string | undefined;
  readonly home: string;
  /** Asks for a key's passphrase; undefined where nobody can be asked or nobody answers. */
  readonly passphrase: ((path: string) => Promise<string | undefined>) | undefined;
  /** While somebody is asked, the connection's time limit stands still. */
  readonly whileAsking: <T>(ask: () => Promise<T>) => Promise<T>;
};

const DEFAULT_NAMES = ['id_ed25519', 'id_ecdsa', 'id_rsa'];
const PASSPHRASE_TRIES = 3;

type Attempt = { readonly label: string; make(): Promise<AnyAuthMethod | null> };

/**
 * The keys to log in with, in this order: the given one (from the agent where that holds it), then the agent's, then the
 * config's and the default ones. The given one comes first since a server closes after a few wrong keys (sshd's
 * MaxAuthTries is 6), and an agent can hold more than that. Told what was tried by {@link Identities.tried}.
 */
export class Identities {
  readonly #options: IdentityOptions;
  /** What became of each key, in words. */
  readonly tried: string[] = [];
  /** What the server said it would take. */
  serverMethods: readonly string[] = [];
  /** Keys that nobody could unlock. */
  readonly locked: string[] = [];
  #attempts: Attempt[] = [];
  #current: string | undefined;

  constructor(options: IdentityOptions) {
    this.#options = options;
  }

  /** Reads the key files and the agent's list. @throws {GpuEvalError} `usage` where the given key cannot be read. */
  async prepare(): Promise<void> {
    const { given, configured, home, identitiesOnly } = this.#options;
    const agentKeys = await this.#readAgent();
    const files: KeyFile[] = [];
    if (given !== undefined) files.push(await readKeyFile(given, true));
    for (const path of configured) if (path !== given) files.push(await readKeyFile(path, false));
    if (given === undefined && configured.length === 0) {
      for (const name of DEFAULT_NAMES) files.push(await readKeyFile(join(home, '.ssh', name), false));
    }
    const readable = files.filter((file) => file.text !== null);
    const fromAgent = (key: ParsedKey) => this.#agentAttempt(key);
    const isOf = (file: KeyFile) => (key: ParsedKey) => file.publicKey?.equals(key.getPublicSSH()) ?? false;

    const first = readable.filter((file) => file.path === given);
    const rest = readable.filter((file) => file.path !== given);
    const taken = new Set<ParsedKey>();
    const takeOne = (key: ParsedKey) => {
      taken.add(key);
      return fromAgent(key);
    };
    const takeFromAgent = (file: KeyFile) => agentKeys.filter((key) => !taken.has(key) && isOf(file)(key)).map(takeOne);
    const both = (file: KeyFile) => [...takeFromAgent(file), this.#fileAttempt(file)];

    this.#attempts = [
      ...first.flatMap(both),
      ...rest.flatMap(takeFromAgent),
      ...(identitiesOnly ? [] : agentKeys.filter((key) => !taken.has(key)).map(fromAgent)),
      ...rest.map((file) => this.#fileAttempt(file)),
    ];
  }

  /** ssh2's authHandler: asks the server what it takes, then offers one key after the other. */
  readonly handler = (
    methodsLeft: AuthenticationType[] | null,
    _partial: boolean | null,
    nextHandler: NextAuthHandler,
  ): void => {
    // ssh2 takes false for "no more", which its types leave out.
    const next = nextHandler as (method: AnyAuthMethod | false) => void;
    if (methodsLeft === null) {
      next({ type: 'none', username: this.#options.user });
      return;
    }
    this.serverMethods = methodsLeft;
    if (this.#current !== undefined) this.tried.push(`${this.#current}: not accepted`);
    this.#current = undefined;
    if (!methodsLeft.includes('publickey')) {
      next(false);
      return;
    }
    this.#next().then(next, () => next(false));
  };

  async #next(): Promise<AnyAuthMethod | false> {
    for (;;) {
      const attempt = this.#attempts.shift();
      if (attempt === undefined) return false;
      const method = await attempt.make();
      if (method !== null) {
        this.#current = attempt.label;
        return method;
      }
    }
  }

  async #readAgent(): Promise<ParsedKey[]> {
    const { agentSocket } = this.#options;
    if (agentSocket === undefined || agentSocket === 'none') return [];
    try {
      return await new Promise<ParsedKey[]>((resolve, reject) => {
        new ssh2.OpenSSHAgent(agentSocket).getIdentities((error, found) => {
          if (error) reject(error);
          else resolve((found ?? []).flatMap((key) => ('getPublicSSH' in key ? [key] : [])));
        });
      });
    } catch (error) {
      // A socket left over from an earlier login is common; the key files may do.
      this.tried.push(`agent at ${agentSocket}: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    }
  }

  #agentAttempt(key: ParsedKey): Attempt {
    const label = `agent key ${fingerprint(key.getPublicSSH())} ${key.comment}`.trim();
    const { user, agentSocket } = this.#options;
    return {
      label,
      make: async () =>
        agentSocket === undefined ? null : { type: 'agent', username: user, agent: new OneKeyAgent(agentSocket, key) },
    };
  }

  #fileAttempt(file: KeyFile): Attempt {
    return {
      label: `key ${file.path}`,
      make: async () => {
        const key = await this.#unlock(file);
        return key === null ? null : { type: 'publickey', username: this.#options.user, key };
      },
    };
  }

  /** The private key of a file, its passphrase asked for where it has one; null (and why, in `tried`) where there is none. */
  async #unlock(file: KeyFile): Promise<ParsedKey | null> {
    const { passphrase, whileAsking } = this.#options;
    if (file.text === null) return null;
    let parsed = parseKey(file.text);
    for (let tries = 0; parsed instanceof Error && isLocked(parsed) && tries < PASSPHRASE_TRIES; tries++) {
      const answer = passphrase === undefined ? undefined : await whileAsking(() => passphrase(file.path));
      if (answer === undefined) {
        this.locked.push(file.path);
        this.tried.push(`key ${file.path}: it has a passphrase, and nobody to ask for it`);
        return null;
      }
      parsed = parseKey(file.text, answer);
      // Any failure now is the passphrase's: the same text was read as a locked key before.
      if (parsed instanceof Error) parsed = new Error(`wrong passphrase (encrypted): ${parsed.message}`);
    }
    if (parsed instanceof Error) {
      if (isLocked(parsed)) this.locked.push(file.path);
      this.tried.push(`key ${file.path}: ${parsed.message}`);
      return null;
    }
    // A public key only says which of the agent's to take.
    return parsed.isPrivateKey() ? parsed : null;
  }
}

type KeyFile = { readonly path: string; readonly text: Buffer | null; readonly publicKey: Buffer | null };

async function readKeyFile(path: string, isGiven: boolean): Promise<KeyFile> {
  let text: Buffer | null = null;
  try {
    text = await readFile(path);
  } catch (cause) {
    if (isGiven) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new GpuEvalError('usage', `cannot read the key ${path}`, {
        why,
        hint: 'name it with --identity FILE',
        cause,
      });
    }
  }
  // The public half is beside a locked key, so that the agent can be asked for it without the passphrase.
  const beside = text === null ? null : await readFile(`${path}.pub`).catch(() => null);
  for (const each of [text, beside]) {
    const parsed = each === null ? null : parseKey(each);
    if (parsed !== null && !(parsed instanceof Error)) return { path, text, publicKey: parsed.getPublicSSH() };
  }
  return { path, text, publicKey: null };
}

function parseKey(text: Buffer, passphrase?: string): ParsedKey | Error {
  const parsed: ParsedKey | ParsedKey[] | Error = ssh2.utils.parseKey(text, passphrase);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  return key ?? new Error('it holds no key');
}

const isLocked = (error: Error): boolean => /encrypted/i.test(error.message);

/** One key of an agent, so that the order of the keys is ours. */
class OneKeyAgent extends ssh2.OpenSSHAgent {
  readonly #key: ParsedKey;

  constructor(socket: string, key: ParsedKey) {
    super(socket);
    this.#key = key;
  }

  override getIdentities(done: IdentityCallback<ParsedKey>): void {
    done(undefined, [this.#key]);
  }
}
