import { describe, expect, it } from 'vitest';
import { openSshArgv } from '../../../../src/orchestration/sessions/ssh/openssh.ts';

const target = {
  host: 'box',
  acceptNewHostKey: false,
  knownHosts: ['/state/known_hosts', '/home/ann/.ssh/known_hosts'],
};

describe('openSshArgv', () => {
  it('logs in with our own known_hosts first', () => {
    expect(openSshArgv(target, [])).toEqual([
      'ssh',
      '-o',
      'UserKnownHostsFile="/state/known_hosts" "/home/ann/.ssh/known_hosts"',
      '--',
      'box',
    ]);
  });

  it('hands over where to, as whom and with which key', () => {
    const whole = { ...target, user: 'root', port: 41022, identity: '/k', sshConfig: '/c', acceptNewHostKey: true };
    const argv = openSshArgv(whole, []);
    expect(argv.slice(0, 9)).toEqual(['ssh', '-F', '/c', '-p', '41022', '-l', 'root', '-i', '/k']);
    expect(argv).toContain('StrictHostKeyChecking=accept-new');
  });

  it('keeps the words of a command apart for the shell there, and a host from being an option', () => {
    expect(openSshArgv(target, ['touch', 'a b', '$(id)']).at(-1)).toBe("touch 'a b' '$(id)'");
    expect(openSshArgv({ ...target, host: '-oProxyCommand=x' }, []).slice(-2)).toEqual(['--', '-oProxyCommand=x']);
  });
});
