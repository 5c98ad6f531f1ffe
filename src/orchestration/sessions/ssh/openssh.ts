import { quote, type ShellWord } from '../../../core/shell.ts';

export type OpenSshTarget = {
  readonly host: string;
  readonly user?: string | undefined;
  readonly port?: number | undefined;
  readonly identity?: string | undefined;
  readonly sshConfig?: string | undefined;
  readonly acceptNewHostKey: boolean;
  /** Files that know host keys, ours first: new ones are written to the first. */
  readonly knownHosts: readonly string[];
};

/**
 * The argv of the ssh command for an interactive login, or for one command there, by the same rules as our own
 * connections: new host keys go to our file and only by the word for it. OpenSSH joins the words of a command with
 * spaces and the box's shell reads them again, so each is quoted here.
 */
export function openSshArgv(target: OpenSshTarget, command: readonly string[]): readonly [string, ...string[]] {
  const words: [string, ...string[]] = ['ssh'];
  if (target.sshConfig !== undefined) words.push('-F', target.sshConfig);
  if (target.port !== undefined) words.push('-p', String(target.port));
  if (target.user !== undefined) words.push('-l', target.user);
  if (target.identity !== undefined) words.push('-i', target.identity);
  const files = target.knownHosts.map((file) => `"${file}"`).join(' ');
  words.push('-o', `UserKnownHostsFile=${files}`);
  if (target.acceptNewHostKey) words.push('-o', 'StrictHostKeyChecking=accept-new');
  words.push('--', target.host);
  const quoted: readonly ShellWord[] = command.map(quote);
  if (quoted.length > 0) words.push(quoted.join(' '));
  return words;
}
