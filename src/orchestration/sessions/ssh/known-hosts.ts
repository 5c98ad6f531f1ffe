import { Buffer } from 'node:buffer';
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { appendFile, chmod, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { matchesPatterns } from './patterns.ts';

/** One line of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
export type KnownHost = {
  readonly file: string;
  readonly line: number;
  readonly marker: '@revoked' | '@cert-authority' | null;
  /** Patterns, or one hashed name. */
  readonly hosts: string;
  readonly type: string;
  readonly key: Buffer;
};

export type HostKeyVerdict =
  | { readonly kind: 'known' }
  | { readonly kind: 'unknown' }
  /** Other keys are known for this host. */
  | { readonly kind: 'changed'; readonly known: readonly KnownHost[] }
  | { readonly kind: 'revoked'; readonly by: KnownHost };

/** The name under which a host's key is kept: `host`, or `[host]:port` where the port is not 22. */
export function knownHostName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

/** `SHA256:…`, as ssh-keygen -l prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The key's own word for its type: the first string of its blob (RFC 4253, 6.6). Empty where it is no key. */
export function keyType(key: Buffer): string {
  if (key.length < 4) return '';
  const length = key.readUInt32BE(0);
  return length <= 64 ? key.subarray(4, 4 + length).toString('latin1') : '';
}

/** Lines that are no entry are passed over, as ssh does. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  const entries: KnownHost[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const words = raw.trim().split(/\s+/);
    if (words[0] === '' || words[0]?.startsWith('#')) continue;
    const marker = words[0]?.startsWith('@') ? words.shift() : null;
    const [hosts, type, key] = words;
    if (hosts === undefined || type === undefined || key === undefined) continue;
    if (marker !== null && marker !== '@revoked' && marker !== '@cert-authority') continue;
    entries.push({ file, line: index + 1, marker, hosts, type, key: Buffer.from(key, 'base64') });
  }
  return entries;
}

/** Reads known_hosts files; those that are not there are empty. */
export async function readKnownHosts(files: readonly string[]): Promise<KnownHost[]> {
  const entries: KnownHost[] = [];
  for (const file of new Set(files)) {
    entries.push(...parseKnownHosts(await readFile(file, 'utf8').catch(() => ''), file));
  }
  return entries;
}

function matchesHost(hosts: string, name: string): boolean {
  if (!hosts.startsWith('|')) return matchesPatterns(hosts.toLowerCase().split(','), name);
  const [, version, salt, hash] = hosts.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return false;
  const wanted = Buffer.from(hash, 'base64');
  const made = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return wanted.length === made.length && timingSafeEqual(wanted, made);
}

/** The entries that speak of a host, certificate authorities (which we do not follow) kept apart. */
export function entriesFor(
  entries: readonly KnownHost[],
  name: string,
): { readonly keys: readonly KnownHost[]; readonly authorities: readonly KnownHost[] } {
  const mine = entries.filter((entry) => matchesHost(entry.hosts, name));
  return {
    keys: mine.filter((entry) => entry.marker !== '@cert-authority'),
    authorities: mine.filter((entry) => entry.marker === '@cert-authority'),
  };
}

/**
 * What is known of a key that a host showed. Any other key for the host makes it `changed`, of another type too: the
 * known types were asked for first, so a host that shows another one no longer has them, or is not that host.
 */
export function judgeHostKey(keys: readonly KnownHost[], shown: Buffer): HostKeyVerdict {
  const revoked = keys.find((entry) => entry.marker === '@revoked' && entry.key.equals(shown));
  if (revoked !== undefined) return { kind: 'revoked', by: revoked };
  const known = keys.filter((entry) => entry.marker === null);
  if (known.some((entry) => entry.key.equals(shown))) return { kind: 'known' };
  return known.length > 0 ? { kind: 'changed', known } : { kind: 'unknown' };
}

/** What ssh2 can verify, in the order in which it is asked for where nothing is known. */
const ALGORITHMS = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;

/** The host key algorithms to ask for: those of known keys first, so that a host with several keys shows the known one. */
export function preferredAlgorithms(keys: readonly KnownHost[]): (typeof ALGORITHMS)[number][] {
  const types = new Set(keys.filter((entry) => entry.marker === null).map((entry) => entry.type));
  const isKnown = (algorithm: string) => types.has(algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm);
  return [...ALGORITHMS.filter(isKnown), ...ALGORITHMS.filter((algorithm) => !isKnown(algorithm))];
}

/** Appends a key to our own known_hosts file, made 0600 where it is not there. */
export async function rememberHostKey(file: string, name: string, key: Buffer): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const text = await readFile(file, 'utf8').catch(() => '');
  const gap = text === '' || text.endsWith('\n') ? '' : '\n';
  await appendFile(file, `${gap}${name} ${keyType(key)} ${key.toString('base64')}\n`, { mode: 0o600 });
  await chmod(file, 0o600);
}
