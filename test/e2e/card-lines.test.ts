import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePlace, type Place } from '../fixtures/command-line.ts';
import { type Sshd, sshdMissing, startSshd } from '../fixtures/sshd.ts';

const missing = sshdMissing({ otherUser: true });
const RECORDER = fileURLToPath(new URL('../fixtures/vllm-recorder.py', import.meta.url));

/** The card's own lines, verbatim, with nothing but a .env; `vllm` on the box is a recorder, since there is no GPU. */
describe.skipIf(missing !== null)(
  `the card's lines against a real sshd${missing ? ` (left out: ${missing})` : ''}`,
  () => {
    let place: Place;
    let sshd: Sshd;
    let bin: string;
    beforeAll(async () => {
      bin = mkdtempSync(join(tmpdir(), 'gpu-eval-bin-'));
      chmodSync(bin, 0o755);
      copyFileSync(RECORDER, join(bin, 'vllm'));
      chmodSync(join(bin, 'vllm'), 0o755);
      sshd = await startSshd({ otherUser: true, config: [`SetEnv PATH=${bin}:/usr/local/bin:/usr/bin:/bin`] });
      place = makePlace();
      const dotSsh = join(place.home, '.ssh');
      mkdirSync(dotSsh, { mode: 0o700 });
      copyFileSync(sshd.identity, join(dotSsh, 'id_ed25519'));
      chmodSync(join(dotSsh, 'id_ed25519'), 0o600);
      writeFileSync(join(dotSsh, 'known_hosts'), `[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`);
      writeFileSync(
        join(place.cwd, '.env'),
        `REMOTE_SERVER=${sshd.user}@127.0.0.1\nPORT=${sshd.port}\nMODEL=some-org/some-model-70b\n`,
      );
    });
    afterAll(async () => {
      await place.run(['stop']);
      await sshd.stop();
      place.remove();
      rmSync(bin, { recursive: true, force: true });
    });

    it('gpu-eval setup', async () => {
      const ended = await place.run(['setup']);
      expect(ended.stderr).not.toContain('error:');
      expect(ended.code).toBe(0);
    });

    it('gpu-eval serve --tp 4 hands vLLM what was asked for, and no secret', async () => {
      const ended = await place.run(['serve', '--tp', '4'], { env: { HF_TOKEN: 'hf_marked51c0' } });
      expect(ended.stderr).not.toContain('error:');
      expect(ended.code).toBe(0);
      const argv: string[] = JSON.parse(readFileSync(join(sshd.home, 'vllm-argv.json'), 'utf8'));
      const line = argv.join(' ').replaceAll('=', ' ');
      expect(argv[0]).toBe('serve');
      expect(line).toContain('some-org/some-model-70b');
      expect(line).toContain('--tensor-parallel-size 4');
      expect(line).toContain('--host 127.0.0.1');
      expect(line).not.toContain('api-key');
      expect(line).not.toContain('hf_marked51c0');
      // The hub's token is told when it is lent, and gone when the model is loaded.
      expect(ended.stderr).toContain('is lent to');
      expect(readdirSync(join(sshd.home, '.gpu-eval', 'secrets'))).toEqual(['server-key']);
    });

    it('gpu-eval eval --suite all runs what can run, names what could not, and ends with 5', async () => {
      const ended = await place.run(['eval', '--suite', 'all', '--limit', '3'], { env: { HF_HUB_OFFLINE: '1' } });
      expect(ended.code, ended.stderr.slice(-2000)).toBe(5);
      expect(ended.stdout).toContain('humaneval');
      expect(ended.stdout + ended.stderr).toMatch(/gsm8k cannot be run|gsm8k.*not run/);
      expect(ended.stdout + ended.stderr).toMatch(/math500 cannot be run|math500.*not run/);
    });

    it('gpu-eval fetch-results brings the run home, again and again', async () => {
      const first = await place.run(['fetch-results']);
      const second = await place.run(['fetch-results']);
      for (const ended of [first, second]) {
        expect(ended.code, ended.stderr.slice(-2000)).toBe(5); // what could not be run keeps it from being final
        expect(ended.stdout).toContain('report.html');
      }
      expect(existsSync(join(place.cwd, 'runs'))).toBe(true);
    });
  },
);
