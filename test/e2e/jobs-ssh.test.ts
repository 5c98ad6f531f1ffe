import { mkdtempSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/core/session.ts';
import { DetachedJobs } from '../../src/orchestration/jobs/detached.ts';
import { openSshSession } from '../../src/orchestration/sessions/ssh/open.ts';
import { describeJobs } from '../contracts/jobs.ts';
import { collect, type JobsBox, shellSpec } from '../contracts/jobs-box.ts';
import { type Sshd, sshdMissing, startSshd } from '../fixtures/sshd.ts';

const REMOTE = fileURLToPath(new URL('../../remote/', import.meta.url));
/** As another user where we may: what only works because the box is ours then fails. */
const otherUser = process.getuid?.() === 0;
const missing = process.platform === 'linux' ? sshdMissing({ otherUser }) : 'the tests of jobs read /proc';

/** A line to the sshd that can be cut and can be dead for a while. */
class Line {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  port = 0;
  isDead = false;

  constructor(target: number) {
    this.#server = createServer((near) => {
      if (this.isDead) {
        near.destroy();
        return;
      }
      const far = connect(target, '127.0.0.1');
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => {});
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe.skipIf(missing !== null)(`jobs over ssh${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let sshd: Sshd;
  let stateDir = '';

  beforeAll(async () => {
    sshd = await startSshd({ otherUser });
    stateDir = mkdtempSync(join(tmpdir(), 'gpu-eval-jobs-state-'));
  });
  afterAll(async () => {
    await sshd?.stop();
    if (stateDir !== '') await rm(stateDir, { recursive: true, force: true });
  });

  async function makeBox(): Promise<JobsBox & { readonly line: Line }> {
    const line = new Line(sshd.port);
    await line.open();
    let live: Promise<Session> | undefined;
    const session = (): Promise<Session> => {
      live ??= openSshSession(
        {
          host: '127.0.0.1',
          port: line.port,
          user: sshd.user,
          identity: sshd.identity,
          sshConfig: '/dev/null',
          knownHosts: [],
          hostKeyAlias: 'jobs-test',
          acceptNewHostKey: true,
          transferSource: '',
        },
        { home: stateDir, env: {}, stateKnownHosts: join(stateDir, 'known_hosts'), localUser: 'nobody' },
      ).catch((error: unknown) => {
        live = undefined;
        throw error;
      });
      return live;
    };
    const run = async (script: string, stdin = '') => {
      const end = await (await session()).exec({ argv: ['/bin/sh', '-c', script] }, { stdin });
      if (end.kind !== 'exited' || end.exitCode !== 0) throw new Error(JSON.stringify(end));
      return end.stdout.trim();
    };
    const root = await run('mktemp -d "$HOME/jobs-XXXXXX"');
    // Beside the root, not in it: tests look at all that lies there.
    const tool = `${root}-tool`;
    await run(`mkdir ${tool}`);
    for (const name of await readdir(REMOTE)) {
      if (name.startsWith('job') && name.endsWith('.py')) {
        await run(`cat > ${tool}/${name}`, await readFile(join(REMOTE, name), 'utf8'));
      }
    }
    const sleep = async (ms: number, signal?: AbortSignal) => {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    };
    return {
      line,
      jobs: new DetachedJobs({
        session,
        python: 'python3',
        jobScript: `${tool}/job.py`,
        sleep,
        retry: { limit: 60, firstDelayMs: 10, maxDelayMs: 200 },
        // A session that lost its transport is never handed out again.
        onLost: () => {
          live = undefined;
        },
      }),
      session,
      root,
      python: 'python3',
      async logout() {
        await (await live)?.close();
        live = undefined;
      },
      async cut() {
        line.cut();
        live = undefined;
      },
      async dispose() {
        line.isDead = false;
        await run(`rm -rf ${root} ${tool}`);
        await (await live)?.close();
        await line.close();
      },
    };
  }

  describeJobs(`detached, over ssh${otherUser ? ' as another user' : ''}`, makeBox);

  it('goes on following after the line was dead for a while, in which the job ended', async () => {
    const box = await makeBox();
    try {
      const job = `${box.root}/a`;
      const script = 'echo one; until [ -e gate ]; do sleep 0.02; done; for i in 1 2 3; do echo $i; sleep 0.1; done';
      await box.jobs.start(job, shellSpec(box, script));
      const pieces = box.jobs.follow(job, `${box.root}/logs/job.log`)[Symbol.asyncIterator]();
      const first = await pieces.next();
      expect(Buffer.from(first.done === true ? [] : first.value.bytes).toString()).toBe('one\n');
      await (await box.session()).exec({ argv: ['touch', `${box.root}/gate`] });
      box.line.isDead = true;
      box.line.cut();
      const rest = collect({ [Symbol.asyncIterator]: () => pieces }, 4);
      const refused = box.jobs.status(job);
      await delay(1000);
      box.line.isDead = false;
      expect((await rest).toString()).toBe('1\n2\n3\n');
      expect(['running', 'exited']).toContain((await refused).kind);
      expect(await box.jobs.status(job)).toMatchObject({ kind: 'exited', exitCode: 0 });
    } finally {
      await box.dispose();
    }
  });
});
