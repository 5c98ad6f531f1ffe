import { readFileSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LocalSession } from '../../../src/orchestration/sessions/local.ts';
import { describeSession, errorOf, fileOf } from '../../contracts/session.ts';

const transferSource = readFileSync(new URL('../../../remote/transfer.py', import.meta.url), 'utf8');

describeSession('LocalSession', async () => new LocalSession({ transferSource }));

describe('LocalSession on its own', () => {
  const dirs: string[] = [];
  afterAll(() => Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true }))));
  const makeDir = async () => {
    const dir = await realpath(await mkdtemp(join(tmpdir(), 'gpu-eval-local-')));
    dirs.push(dir);
    return dir;
  };

  it('starts in the given home with the given environment only', async () => {
    const home = await makeDir();
    const session = new LocalSession({ transferSource, home, env: { PATH: process.env.PATH, MINE: 'yes' } });
    const { stdout } = await session.exec({ argv: ['sh', '-c', 'pwd; echo "$HOME $MINE"; env | cut -d= -f1 | sort'] });
    const [pwd, home_, ...names] = stdout.trim().split('\n');
    expect(pwd).toBe(home);
    expect(home_).toBe(`${home} yes`);
    expect(names.filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name))).toEqual(['HOME', 'MINE', 'PATH']);
  });

  it('says what to do where there is no Python', async () => {
    const session = new LocalSession({ transferSource, python: 'no-such-python' });
    const error = await errorOf(session.upload([fileOf('a', 'a')], await makeDir()));
    expect(error.code).toBe('prerequisite');
    expect(error.hint).toMatch(/--python/);
  });

  it('ends what it runs when it is closed', async () => {
    const session = new LocalSession({ transferSource });
    const work = session.exec({ argv: ['sleep', '600'] });
    await session.exec({ argv: ['true'] });
    await session.close();
    expect(await work).toMatchObject({ kind: 'signaled', signal: 'SIGTERM' });
  });
});
