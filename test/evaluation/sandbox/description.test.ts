import { describe, expect, it } from 'vitest';
import { parseProbe, tellFixes, tellRefused } from '../../../src/evaluation/sandbox/description.ts';

describe('what a probe of the sandboxes says', () => {
  const answer = {
    sandbox: 'wasi',
    held: { wasi: ['reads', 'writes'] },
    refused: { bubblewrap: 'bwrap: No permissions to create new namespace' },
    notes: {},
  };

  it('is read from the last line', () => {
    expect(parseProbe(`noise\n${JSON.stringify(answer)}\n`)).toEqual(answer);
  });

  it.each(['', 'Traceback', '{"sandbox": "docker"}', '[]'])('is nothing where it is not an answer: %s', (text) => {
    expect(parseProbe(text)).toBeNull();
  });

  it('names each refused kind, strongest first, with what can be done', () => {
    expect(tellRefused({ wasi: 'b', bubblewrap: 'a', other: 'c' })).toBe('bubblewrap: a; wasi: b');
    expect(tellFixes({ wasi: 'b' })).toMatch(/^for wasi: Python 3\.11.*or --sandbox none/);
  });
});
