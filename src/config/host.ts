import { GpuEvalError } from '../core/errors.ts';

/** A box as it was named: `host` is a name, an address (IPv6 without brackets) or an alias of the ssh config. */
export type HostName = { readonly host: string; readonly user: string | null; readonly port: number | null };

/**
 * Reads `user@host`, `user@host:port`, `[v6]:port`, a bare IPv6 address, an alias, and `ssh://user@host:port`.
 * @throws {GpuEvalError} `config`, naming `where` it stood.
 */
export function parseHost(text: string, where: string): HostName {
  const refuse = (why: string): never => {
    throw new GpuEvalError('config', `${where} is no host to log in to: ${JSON.stringify(text.slice(0, 120))}`, {
      why,
      hint: 'user@host, user@host:port, [v6]:port, or an alias of ~/.ssh/config',
    });
  };
  const rest = text.trim().replace(/^ssh:\/\//, '');
  const address = text.trim().startsWith('ssh://') ? rest.replace(/\/$/, '') : rest;
  const at = address.lastIndexOf('@');
  const user = at === -1 ? null : address.slice(0, at);
  const [host, portText] = splitPort(at === -1 ? address : address.slice(at + 1));
  if (host === '') refuse('the host is missing');
  if (user === '') refuse('the user before @ is missing');
  if (user?.includes(':') === true) refuse('a password does not belong here; keys and the agent log in');
  for (const word of [host, user ?? '']) {
    if (word.startsWith('-') || /[\s\u0000-\u001f\u007f/\\'"`$;&|<>()[\]]/.test(word)) {
      refuse(`${JSON.stringify(word)} holds a character that no name may hold`);
    }
  }
  if (portText === null) return { host, user, port: null };
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > 65_535) refuse(`the port ${JSON.stringify(portText)} is not a number from 1 to 65535`);
  return { host, user, port };
}

function splitPort(place: string): [host: string, port: string | null] {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(place);
  if (bracketed !== null) return [bracketed[1] ?? '', bracketed[2] ?? null];
  const parts = place.split(':');
  // More than one colon without brackets can only be an IPv6 address.
  return parts.length === 2 ? [parts[0] ?? '', parts[1] ?? ''] : [place, null];
}
