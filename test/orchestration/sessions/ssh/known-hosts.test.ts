import { Buffer } from 'node:buffer';
import { createHmac } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  entriesFor,
  fingerprint,
  judgeHostKey,
  keyType,
  knownHostName,
  parseKnownHosts,
  preferredAlgorithms,
  rememberHostKey,
} from '../../../../src/orchestration/sessions/ssh/known-hosts.ts';

function keyOf(type: string, seed: number): Buffer {
  const name = Buffer.from(type);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(name.length);
  return Buffer.concat([length, name, Buffer.alloc(32, seed)]);
}
const line = (hosts: string, key: Buffer) => `${hosts} ${keyType(key)} ${key.toString('base64')}`;
const A = keyOf('ssh-ed25519', 1);
const B = keyOf('ssh-ed25519', 2);
const R = keyOf('ssh-rsa', 3);
const judge = (text: string, name: string, key: Buffer) =>
  judgeHostKey(entriesFor(parseKnownHosts(text, 'f'), name).keys, key);
const hashed = (name: string) => {
  const salt = Buffer.alloc(20, 9);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
};

describe('known_hosts', () => {
  it('names a host as OpenSSH does', () => {
    expect(knownHostName('Box.Example', 22)).toBe('box.example');
    expect(knownHostName('Box.Example', 2222)).toBe('[box.example]:2222');
  });

  it.each([
    ['a plain name', 'box,other', 'box', 'known'],
    ['a port of its own', '[box]:2222', '[box]:2222', 'known'],
    ['a port that is not asked for', '[box]:2222', 'box', 'unknown'],
    ['a wildcard', '*.example', 'a.example', 'known'],
    ['a question mark', 'box?', 'box1', 'known'],
    ['a negation', '*.example,!bad.example', 'bad.example', 'unknown'],
    ['a negation alone', '!box', 'other', 'unknown'],
    ['another case', 'BOX', 'box', 'known'],
    ['a hashed name', hashed('box'), 'box', 'known'],
    ['a hashed name with a port', hashed('[box]:2222'), '[box]:2222', 'known'],
    ['another hashed name', hashed('box'), 'other', 'unknown'],
    ['a broken hash', '|1|x', 'box', 'unknown'],
    ['a dot that is no wildcard', 'a.example', 'axexample', 'unknown'],
  ])('matches by %s', (_, hosts, name, kind) => {
    expect(judge(line(hosts, A), name, A).kind).toBe(kind);
  });

  it('passes over comments, empty lines and what is no entry', () => {
    const text = `# comment\n\n  \nbox\nbox ssh-ed25519\n@odd ${line('box', A)}\r\n  ${line('box', B)} comment here\r\n`;
    const entries = parseKnownHosts(text, 'f');
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ line: 7, type: 'ssh-ed25519', marker: null });
  });

  it('calls any other key of a known host changed, and tells what is known and where', () => {
    const text = `${line('other', A)}\n${line('box', A)}\n${line('box', R)}`;
    const verdict = judge(text, 'box', B);
    expect(verdict.kind === 'changed' && verdict.known.map((each) => each.line)).toEqual([2, 3]);
    expect(judge(line('box', R), 'box', A).kind).toBe('changed');
    expect(judge(`${line('box', A)}\n${line('box', B)}`, 'box', B).kind).toBe('known');
  });

  it('refuses a revoked key wherever it stands, and does not count it as known', () => {
    expect(judge(`${line('box', A)}\n@revoked ${line('*', A)}`, 'box', A).kind).toBe('revoked');
    expect(judge(`@revoked ${line('box', A)}`, 'box', B).kind).toBe('unknown');
  });

  it('keeps certificate authorities apart', () => {
    const { keys, authorities } = entriesFor(parseKnownHosts(`@cert-authority ${line('*', A)}`, 'f'), 'box');
    expect([keys.length, authorities.length]).toEqual([0, 1]);
  });

  it('asks first for the types that are known', () => {
    expect(preferredAlgorithms([])[0]).toBe('ssh-ed25519');
    const { keys } = entriesFor(parseKnownHosts(line('box', R), 'f'), 'box');
    expect(preferredAlgorithms(keys).slice(0, 3)).toEqual(['rsa-sha2-512', 'rsa-sha2-256', 'ssh-ed25519']);
    expect(preferredAlgorithms(keys)).toHaveLength(6);
  });

  it('prints fingerprints as ssh-keygen does, and types of keys that are none as empty', () => {
    expect(fingerprint(Buffer.from('abc'))).toBe('SHA256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0');
    expect(keyType(A)).toBe('ssh-ed25519');
    expect(keyType(Buffer.alloc(2))).toBe('');
    expect(keyType(Buffer.from('ffffffff00', 'hex'))).toBe('');
  });

  it('remembers keys in a file of 0600, on lines of their own', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'gpu-eval-known-'));
    try {
      const file = join(dir, 'state', 'known_hosts');
      await rememberHostKey(file, 'box', A);
      await writeFile(file, (await readFile(file, 'utf8')).trimEnd());
      await rememberHostKey(file, '[box]:2222', B);
      expect(await readFile(file, 'utf8')).toBe(`${line('box', A)}\n${line('[box]:2222', B)}\n`);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
