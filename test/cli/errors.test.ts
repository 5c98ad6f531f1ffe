import { describe, expect, it } from 'vitest';
import { type ErrorCode, GpuEvalError } from '../../src/core/errors.ts';
import { Place } from './host.ts';

describe('what is not right in a command line', () => {
  it.each([
    'evla',
    'frobnicate',
    '--json',
    'eval --limit',
    'eval --limit --json',
    'eval --limit 5 --limit 6',
    'eval --tp 4',
    'eval --tepmerature 0',
    'eval --no-limit',
    'eval --json=maybe',
    'eval extra',
    'eval --suite all -- --x',
    'serve --model x y',
    'logs server',
    'logs setup eval',
    'completion',
    'completion powershell',
    'eval --openai-api-key sk-planted',
    'benchmarks gsm8',
    'templates serve-vlm.sh.hbs',
    'serve -x',
    'ssh --json',
    'config --hf-token x',
    'eval --base-url http://a/v1 --suite all --benchmark gsm8k',
    'run --base-url http://a/v1 --tp 4',
    'setup --machine ssh',
    'setup --host a:b',
  ])('%s', async (line) => {
    const place = new Place();
    const ended = await place.run(...line.split(' '));
    expect(ended.code).toBe(2);
    expect(ended.stderr).not.toContain('planted');
    expect(place.workflows.calls).toEqual([]);
    expect(`${ended.stdout}${ended.stderr}`).toMatchSnapshot();
  });

  it('tells mistakes in files by file and line', async () => {
    const place = new Place().file('.env', '# mine\nGPU_EVAL_TEMPERATUR=1\n');
    expect((await place.run('status')).stderr).toBe(
      'error: GPU_EVAL_TEMPERATUR (.env:2) is not a name that is known\n  next: did you mean GPU_EVAL_TEMPERATURE?\n',
    );
    const other = new Place().file('gpu-eval.yml', 'tp: 4\n');
    expect(await other.run('config')).toMatchObject({ code: 2, stderr: expect.stringContaining('mv gpu-eval.yml') });
  });

  it('reads no config for commands that need none', async () => {
    const place = new Place().file('.env', 'GPU_EVAL_NONSENSE=1\n');
    expect((await place.run('benchmarks')).code).toBe(0);
    expect((await place.run('completion', 'zsh')).code).toBe(0);
    expect((await place.run('config')).code).toBe(2);
  });
});

describe('failures', () => {
  it.each<[ErrorCode, number]>([
    ['usage', 2],
    ['config', 2],
    ['prerequisite', 3],
    ['connection', 3],
    ['host_key', 3],
    ['box', 3],
    ['transfer', 3],
    ['job', 3],
    ['dataset', 3],
    ['server', 4],
    ['grading', 5],
    ['incomplete', 5],
    ['interrupted', 130],
    ['bug', 1],
  ])('%s ends with %i, told once, and as one document with --json', async (code, exitCode) => {
    const place = new Place();
    place.workflows.before = () => {
      throw new GpuEvalError(code, 'it went\u001b[2J wrong', { why: 'line 1\nline 2', hint: 'try again' });
    };
    const text = 'error: it went wrong\n  why:  line 1\n        line 2\n  next: try again\n';
    expect(await place.run('run')).toEqual({ code: exitCode, stdout: '', stderr: text });
    const json = await place.run('run', '--json');
    expect(json).toMatchObject({ code: exitCode, stderr: text });
    expect(JSON.parse(json.stdout)).toEqual({
      error: { code, message: 'it went\u001b[2J wrong', why: 'line 1\nline 2', hint: 'try again', exitCode },
    });
  });

  it('tells anything else as a bug, with a stack only for GPU_EVAL_DEBUG', async () => {
    const place = new Place();
    place.workflows.before = () => {
      throw new TypeError('x is not a function');
    };
    const ended = await place.run('serve', '--json');
    expect(ended).toMatchObject({ code: 1 });
    expect(ended.stderr).toBe(
      'error: this is a bug in gpu-eval\n  why:  TypeError: x is not a function\n  next: the same command with GPU_EVAL_DEBUG=1 shows where; please report it with that\n',
    );
    expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: 'bug', exitCode: 1 } });
    place.env = { GPU_EVAL_DEBUG: '1' };
    expect((await place.run('serve')).stderr).toContain('errors.test.ts');
  });

  it('tells a mistake in the command line as a document too', async () => {
    const ended = await new Place().run('eval', '--limt', '5', '--json');
    expect(ended.code).toBe(2);
    expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: 'config', hint: 'did you mean --limit?' } });
  });
});

describe('interrupts', () => {
  const untilAborted = (signal: AbortSignal): Promise<never> =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

  it('the first one lets go and says how to go on', async () => {
    const place = new Place();
    place.workflows.before = async ({ signal }) => {
      queueMicrotask(() => place.interrupt());
      await untilAborted(signal);
    };
    const ended = await place.run('eval', '--suite', 'demo');
    expect(ended).toEqual({
      code: 130,
      stdout: '',
      stderr:
        'interrupted; letting go (once more to leave at once)\nerror: gpu-eval eval was interrupted\n  next: the evaluation goes on there; gpu-eval attach follows it again, gpu-eval stop eval ends it\n',
    });
    expect(place.interruptListeners.size).toBe(0);
  });

  it('the second one leaves at once, whatever the workflow does', async () => {
    const place = new Place();
    place.workflows.before = async () => {
      queueMicrotask(() => {
        place.interrupt();
        place.interrupt();
      });
      await new Promise(() => undefined);
    };
    const ended = await place.run('setup', '--json');
    expect(ended.code).toBe(130);
    expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: 'interrupted', exitCode: 130 } });
  });

  it('what fails after an interrupt was interrupted', async () => {
    const place = new Place();
    place.workflows.before = () => {
      place.interrupt();
      throw new GpuEvalError('connection', 'the connection was closed');
    };
    const ended = await place.run('serve');
    expect(ended.code).toBe(130);
    expect(ended.stderr).toContain('why:  the connection was closed');
  });

  it('a program that owns the terminal has its interrupts for itself', async () => {
    const place = new Place();
    place.workflows.before = () => place.interrupt();
    expect(await place.run('ssh')).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});
