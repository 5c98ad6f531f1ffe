import { readdir, readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import sshConfig, { type Line } from 'ssh-config';
import { GpuEvalError } from '../../../core/errors.ts';
import { matchesPattern, matchesPatterns } from './patterns.ts';

/** What ~/.ssh/config says of one host (ssh_config(5)); undefined where it says nothing. */
export type HostSettings = {
  readonly hostName: string;
  readonly port: number | undefined;
  readonly user: string | undefined;
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  /** A socket, `none`, or undefined for the environment's. */
  readonly identityAgent: string | undefined;
  /** Hops, nearest first. */
  readonly proxyJump: readonly string[];
  readonly userKnownHostsFiles: readonly string[] | undefined;
  readonly hostKeyAlias: string | undefined;
  readonly strictHostKeyChecking: 'ask' | 'yes' | 'accept-new';
  /** What is in the file for this host and is not followed, in words. */
  readonly notices: readonly string[];
};

export type ConfigPlace = {
  readonly path: string;
  readonly home: string;
  /** The name of the user here, for `%u`. */
  readonly localUser: string;
  /** Whether it must be there: the user named it. */
  readonly isAsked: boolean;
};

const MAX_INCLUDE_DEPTH = 16;
const LIST = new Set(['identityfile']);

/**
 * Reads what the config says of a host. ssh-config parses; which lines hold is decided here and not by its `compute()`,
 * which runs the commands of `Match exec`, does not read `Include`, and fills in values that nobody wrote.
 * As in ssh, the first value found for a name holds. `explicit.user` counts where lines ask for the user.
 */
export async function readHostSettings(
  alias: string,
  place: ConfigPlace,
  explicit: { readonly user?: string | undefined; readonly port?: number | undefined } = {},
): Promise<HostSettings> {
  const reader = new ConfigReader(alias, place, explicit.user);
  await reader.readFile(place.path, 0, place.isAsked);
  return reader.settings(explicit);
}

class ConfigReader {
  readonly #alias: string;
  readonly #place: ConfigPlace;
  readonly #values = new Map<string, string[]>();
  readonly #notices: string[] = [];
  readonly #user: string | undefined;

  constructor(alias: string, place: ConfigPlace, user: string | undefined) {
    this.#alias = alias;
    this.#place = place;
    this.#user = user;
  }

  async readFile(path: string, depth: number, isAsked: boolean): Promise<void> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (cause) {
      if (!isAsked) return;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new GpuEvalError('config', `cannot read the ssh config ${path}`, { why, cause });
    }
    let lines: Iterable<Line>;
    try {
      lines = sshConfig.parse(text);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new GpuEvalError('config', `cannot make sense of the ssh config ${path}`, { why, cause });
    }
    await this.#walk(lines, depth);
  }

  async #walk(lines: Iterable<Line>, depth: number): Promise<void> {
    for (const line of lines) {
      if (!('param' in line)) continue;
      const name = line.param.toLowerCase();
      const words = wordsOf(line.value);
      if ('config' in line) {
        if (name === 'host' ? matchesPatterns(words, this.#alias) : this.#matches(line)) {
          await this.#walk(line.config, depth);
        }
      } else if (name === 'include') {
        await this.#include(words, depth);
      } else {
        const before = this.#values.get(name);
        if (before === undefined) this.#values.set(name, words);
        else if (LIST.has(name)) before.push(...words);
      }
    }
  }

  /** `Match` lines: all, host, originalhost, user and localuser are decided; a block that asks for more does not hold. */
  #matches(line: Line): boolean {
    if (!('criteria' in line)) return false;
    return Object.entries(line.criteria).every(([criterion, value]) => {
      const patterns = wordsOf(value).flatMap((word) => word.split(','));
      switch (criterion.toLowerCase()) {
        case 'all':
          return true;
        case 'host':
          return matchesPatterns(patterns, this.#hostName());
        case 'originalhost':
          return matchesPatterns(patterns, this.#alias);
        case 'user':
          return matchesPatterns(patterns, this.#remoteUser() ?? this.#place.localUser);
        case 'localuser':
          return matchesPatterns(patterns, this.#place.localUser);
        default:
          this.#notices.push(`a block "Match ${criterion}" of the ssh config is not followed`);
          return false;
      }
    });
  }

  async #include(patterns: readonly string[], depth: number): Promise<void> {
    if (depth >= MAX_INCLUDE_DEPTH) {
      throw new GpuEvalError('config', `the ssh config ${this.#place.path} includes itself`, {
        why: `Include is nested more than ${MAX_INCLUDE_DEPTH} deep`,
      });
    }
    for (const pattern of patterns) {
      const asked = this.#expand(pattern);
      const full = isAbsolute(asked) ? asked : join(this.#place.home, '.ssh', asked);
      for (const file of await findFiles(full)) await this.readFile(file, depth + 1, false);
    }
  }

  #hostName(): string {
    const name = this.#values.get('hostname')?.[0];
    return name === undefined ? this.#alias : name.replaceAll('%h', this.#alias).replaceAll('%%', '%');
  }

  #remoteUser(): string | undefined {
    return this.#user ?? this.#values.get('user')?.[0];
  }

  /** `~`, `%` tokens (ssh_config(5), TOKENS) and `~/` in a path. */
  #expand(path: string, port = 22): string {
    const { home, localUser } = this.#place;
    const tokens: Record<string, string> = {
      '%': '%',
      d: home,
      h: this.#hostName(),
      n: this.#alias,
      p: String(port),
      r: this.#remoteUser() ?? localUser,
      u: localUser,
    };
    const full = path === '~' || path.startsWith('~/') ? home + path.slice(1) : path;
    return full.replace(/%([%dhnpru])/g, (all, token: string) => tokens[token] ?? all);
  }

  settings(explicit: { readonly port?: number | undefined }): HostSettings {
    const first = (name: string) => this.#values.get(name)?.[0];
    const port = explicit.port ?? this.#port();
    const path = (value: string) => this.#expand(value, port);
    if (this.#values.has('proxycommand') && !this.#values.has('proxyjump') && first('proxycommand') !== 'none') {
      throw new GpuEvalError('config', `the ssh config asks for a ProxyCommand for ${this.#alias}`, {
        why: 'ProxyCommand is not supported',
        hint: 'use ProxyJump there, or name the host itself',
      });
    }
    const jump = first('proxyjump');
    const agent = first('identityagent');
    const strict = first('stricthostkeychecking')?.toLowerCase();
    return {
      hostName: this.#hostName(),
      port,
      user: this.#remoteUser(),
      identityFiles: (this.#values.get('identityfile') ?? []).filter((file) => file !== 'none').map(path),
      identitiesOnly: first('identitiesonly')?.toLowerCase() === 'yes',
      identityAgent: agent === undefined || agent === 'SSH_AUTH_SOCK' ? undefined : path(agent),
      proxyJump: jump === undefined || jump === 'none' ? [] : jump.split(',').map((hop) => hop.trim()),
      userKnownHostsFiles: this.#values.get('userknownhostsfile')?.map(path),
      hostKeyAlias: first('hostkeyalias'),
      // `no` also takes unknown keys; a changed key is refused whatever the config says.
      strictHostKeyChecking:
        strict === 'yes'
          ? 'yes'
          : strict === 'no' || strict === 'off' || strict === 'accept-new'
            ? 'accept-new'
            : 'ask',
      notices: this.#notices,
    };
  }

  #port(): number | undefined {
    const text = this.#values.get('port')?.[0];
    if (text === undefined) return undefined;
    const port = Number(text);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new GpuEvalError('config', `the ssh config has no good Port for ${this.#alias}`, { why: text });
    }
    return port;
  }
}

/** The words of a directive's value, quotes taken off. */
function wordsOf(value: string | readonly { readonly val: string }[]): string[] {
  if (typeof value !== 'string') return value.map((word) => word.val);
  return value === '' ? [] : [value];
}

/** The files that a path with `*` and `?` in any of its parts names, sorted. */
async function findFiles(pattern: string): Promise<string[]> {
  let found = ['/'];
  for (const part of pattern.split('/').filter((each) => each !== '')) {
    if (!/[*?]/.test(part)) {
      found = found.map((folder) => join(folder, part));
      continue;
    }
    const next: string[] = [];
    for (const folder of found) {
      const names = await readdir(folder).catch(() => []);
      const isHit = (name: string) => matchesPattern(part, name) && (part.startsWith('.') || !name.startsWith('.'));
      next.push(...names.filter(isHit).map((name) => join(folder, name)));
    }
    found = next;
  }
  return found.sort();
}
