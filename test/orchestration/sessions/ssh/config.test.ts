import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readHostSettings } from '../../../../src/orchestration/sessions/ssh/config.ts';
import { matchesPattern } from '../../../../src/orchestration/sessions/ssh/patterns.ts';
import { errorOf } from '../../../contracts/session.ts';

describe('the ssh config', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'gpu-eval-config-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));
  const write = async (files: Record<string, string>) => {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(home, '.ssh', path)), { recursive: true });
      await writeFile(join(home, '.ssh', path), text);
    }
  };
  const read = (alias: string, explicit = {}) =>
    readHostSettings(alias, { path: join(home, '.ssh/config'), home, localUser: 'me', isAsked: false }, explicit);

  it('is empty where there is none, and an error where it was named', async () => {
    expect(await read('box')).toEqual({
      hostName: 'box',
      port: undefined,
      user: undefined,
      identityFiles: [],
      identitiesOnly: false,
      identityAgent: undefined,
      proxyJump: [],
      userKnownHostsFiles: undefined,
      hostKeyAlias: undefined,
      strictHostKeyChecking: 'ask',
      notices: [],
    });
    const named = readHostSettings('box', { path: join(home, 'none'), home, localUser: 'me', isAsked: true });
    expect((await errorOf(named)).code).toBe('config');
  });

  it('takes the first value found, and all identity files', async () => {
    await write({
      config: `
# a comment
Host box other
  HostName box.example
  Port=2222
  user gpu
  IdentityFile ~/.ssh/first
  IdentitiesOnly yes
  UserKnownHostsFile ~/.ssh/one "%d/two words"
Host !box *
  User nobody
Host *
  Port 22
  User late
  IdentityFile "/keys/%h %n %p %r %u %%/x"
  HostKeyAlias alias
  StrictHostKeyChecking accept-new
  IdentityAgent none
`,
    });
    expect(await read('box')).toMatchObject({
      hostName: 'box.example',
      port: 2222,
      user: 'gpu',
      identityFiles: [`${home}/.ssh/first`, '/keys/box.example box 2222 gpu me %/x'],
      identitiesOnly: true,
      userKnownHostsFiles: [`${home}/.ssh/one`, `${home}/two words`],
      hostKeyAlias: 'alias',
      strictHostKeyChecking: 'accept-new',
      identityAgent: 'none',
    });
    expect(await read('stranger')).toMatchObject({ hostName: 'stranger', port: 22, user: 'nobody' });
  });

  it('lets explicit options win', async () => {
    await write({ config: 'Host box\n  User gpu\n  Port 2222\n  IdentityFile /keys/%r-%p\n' });
    const settings = await read('box', { user: 'root', port: 1 });
    expect(settings).toMatchObject({ user: 'root', port: 1, identityFiles: ['/keys/root-1'] });
  });

  it('reads included files, by name, by wildcard and in the block that includes them', async () => {
    await write({
      config: 'Include conf.d/*.conf missing\nHost box\n  Include inner\n  Port 5\nHost *\n  User outer\n',
      'conf.d/b.conf': 'Host box\n  HostName from-b\n',
      'conf.d/a.conf': 'Host box\n  HostName from-a\n',
      'conf.d/c.txt': 'Host box\n  HostName wrong\n  User wrong\n',
      inner: 'IdentityFile ~/inner\nHost other\n  User wrong\n',
    });
    const settings = await read('box');
    expect(settings).toMatchObject({ hostName: 'from-a', port: 5, user: 'outer', identityFiles: [`${home}/inner`] });
    expect((await read('other')).user).toBe('outer');
  });

  it('ends an Include that includes itself', async () => {
    await write({ config: 'Include config\n' });
    expect((await errorOf(read('box'))).message).toMatch(/includes itself/);
  });

  it('follows Match as far as it can be decided, runs nothing and says so', async () => {
    await write({
      config: `Host box
  HostName box.example
Match host box.example user gpu
  Port 1
Match originalhost box exec "touch ran"
  Port 2
Match all
  Port 3
`,
    });
    expect((await read('box', { user: 'gpu' })).port).toBe(1);
    const settings = await read('box');
    expect(settings.port).toBe(3);
    expect(settings.notices.join()).toMatch(/Match exec/);
  });

  it('knows ProxyJump and says that it knows no ProxyCommand', async () => {
    await write({
      config:
        'Host a\n ProxyJump u@x:1, y\nHost b\n ProxyJump none\n ProxyCommand nc %h\nHost c\n ProxyCommand nc %h %p\n',
    });
    expect((await read('a')).proxyJump).toEqual(['u@x:1', 'y']);
    expect((await read('b')).proxyJump).toEqual([]);
    expect((await errorOf(read('c'))).why).toMatch(/ProxyCommand is not supported/);
  });

  it('refuses a Port that is none', async () => {
    await write({ config: 'Port twenty\n' });
    expect((await errorOf(read('box'))).code).toBe('config');
  });
});

describe('patterns', () => {
  it.each([
    ['*', '', true],
    ['a*c', 'abbc', true],
    ['a*c', 'abbd', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*.example', '.example', true],
    ['(a+)+$', 'aaa', false],
  ])('%s on %s', (pattern, text, is) => {
    expect(matchesPattern(pattern, text)).toBe(is);
  });

  it('is quick with many stars', () => {
    expect(matchesPattern('*a'.repeat(50), `${'a'.repeat(5_000)}b`)).toBe(false);
  });
});
