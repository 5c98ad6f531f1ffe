import { describe, expect, it } from 'vitest';
import { ConnectionLostError } from '../../../src/core/errors.ts';
import type { Session } from '../../../src/core/session.ts';
import { Machine, overConnections } from '../../../src/orchestration/machines/machine.ts';

const unexpected = (): never => {
  throw new Error('an unexpected call');
};

function sessionThat(exec: Session['exec'], onClose: () => void = () => undefined): Session {
  return {
    description: 'a test session',
    kind: 'ssh',
    exec,
    stream: unexpected,
    upload: unexpected,
    download: unexpected,
    forward: unexpected,
    forwardBack: unexpected,
    close: async () => onClose(),
  };
}

const fine = async () => ({ kind: 'exited', exitCode: 0, stdout: 'fine', stderr: '', truncated: false }) as const;
const lost = async (): Promise<never> => {
  throw new ConnectionLostError('cut');
};

describe('Machine', () => {
  it('opens one session for calls at the same moment, and another after a loss', async () => {
    let opened = 0;
    let closed = 0;
    const machine = new Machine('ssh', async () => {
      opened += 1;
      return sessionThat(opened === 1 ? lost : fine, () => {
        closed += 1;
      });
    });
    const [a, b] = await Promise.all([machine.session(), machine.session()]);
    expect(a).toBe(b);
    await expect(a.exec({ argv: ['true'] })).rejects.toThrow(ConnectionLostError);
    const waits: number[] = [];
    const sleep = async (ms: number) => void waits.push(ms);
    const done = await overConnections(machine, (session) => session.exec({ argv: ['true'] }), { attempts: 2, sleep });
    expect(done.stdout).toBe('fine');
    expect([opened, closed, waits]).toEqual([2, 1, []]);
  });

  it('gives up after the last attempt with the loss itself, and waits longer each time', async () => {
    const machine = new Machine('ssh', async () => sessionThat(lost));
    const waits: number[] = [];
    const sleep = async (ms: number) => void waits.push(ms);
    const call = overConnections(machine, (session) => session.exec({ argv: ['true'] }), { attempts: 4, sleep });
    await expect(call).rejects.toThrow('cut');
    expect(waits).toEqual([500, 1000, 2000]);
  });

  it('tries to open again after a failure to open', async () => {
    let opened = 0;
    const machine = new Machine('ssh', async () => {
      opened += 1;
      if (opened === 1) throw new ConnectionLostError('refused');
      return sessionThat(fine);
    });
    await expect(machine.session()).rejects.toThrow('refused');
    expect((await machine.session()).description).toBe('a test session');
  });

  it('passes other errors on at once', async () => {
    const machine = new Machine('ssh', async () => sessionThat(unexpected));
    const call = overConnections(machine, (session) => session.exec({ argv: ['true'] }), {
      attempts: 5,
      sleep: unexpected,
    });
    await expect(call).rejects.toThrow('an unexpected call');
  });
});
