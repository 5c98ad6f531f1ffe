import { describe, expect, it } from 'vitest';
import { parseHost } from '../../src/config/host.ts';

describe('a host', () => {
  it.each([
    ['box', 'box', null, null],
    ['me@box', 'box', 'me', null],
    ['me@box:22', 'box', 'me', 22],
    ['203.0.113.7:41022', '203.0.113.7', null, 41_022],
    ['me@corp@box', 'box', 'me@corp', null],
    ['[2001:db8::1]:22', '2001:db8::1', null, 22],
    ['me@[2001:db8::1]', '2001:db8::1', 'me', null],
    ['me@2001:db8::1', '2001:db8::1', 'me', null],
    ['fe80::1%eth0', 'fe80::1%eth0', null, null],
    ['ssh://me@box:2222', 'box', 'me', 2222],
    ['ssh://me@[::1]:2222/', '::1', 'me', 2222],
    [' my_alias.example ', 'my_alias.example', null, null],
  ])('%s', (text, host, user, port) => {
    expect(parseHost(text, '--host')).toEqual({ host, user, port });
  });

  it.each([
    '',
    '@box',
    'me@',
    'box:',
    'box:0',
    'box:65536',
    'box:ssh',
    '-oProxyCommand=x',
    'me@-x',
    '-x@box',
    'a b',
    'a;b',
    '$(x)',
    'ssh://me:password@box',
    'ssh://box/path',
    'http://box',
    '[::1',
  ])('refuses %j and names the place', (text) => {
    expect(() => parseHost(text, 'REMOTE_SERVER (.env:1)')).toThrow(/^REMOTE_SERVER \(\.env:1\) is no host/);
  });
});
