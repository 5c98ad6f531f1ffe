import { describe, expect, it } from 'vitest';
import { fencedBlocks } from '../../../src/evaluation/benchmarks/fences.ts';
import { completeProgram, pythonAnswer } from '../../../src/evaluation/benchmarks/python-answer.ts';

const PROMPT = 'from typing import List\n\n\ndef total(xs: List[int]) -> int:\n    """Sum."""\n';
const WHOLE = 'def total(xs):\n    return sum(xs)';

describe('fenced blocks', () => {
  it.each([
    ['```python\na\n```', [{ tag: 'python', text: 'a' }]],
    [
      'Here: ```py\na\nb```\nand\n```\nc\n```',
      [
        { tag: 'py', text: 'a\nb' },
        { tag: '', text: 'c' },
      ],
    ],
    ['1. So\n   ```Python\n   def f():\n       return 1\n   ```', [{ tag: 'python', text: 'def f():\n    return 1' }]],
    ['````md\n```python\na\n```\n````', [{ tag: 'md', text: '```python\na\n```' }]],
    ['```python\ncut', [{ tag: 'python', text: 'cut' }]],
    ['```python title="x.py"\r\na\r\n```\r\n', [{ tag: 'python', text: 'a' }]],
    ['Use ```x``` here', []],
    ['nothing', []],
  ])('%j', (text, blocks) => expect(fencedBlocks(text)).toEqual(blocks));

  it.each([
    ['`', '`'.repeat(500_000), 1],
    ['`` ', '`` '.repeat(200_000), 0],
    ['```\n', '```\n'.repeat(100_000), 50_000],
  ])('hostile repetitions of %j are read to their end', (_name, text, blocks) => {
    expect(fencedBlocks(text)).toHaveLength(blocks);
  });
});

describe('the code of an answer', () => {
  it.each([
    ['one block', `Sure!\n\n\`\`\`python\n${WHOLE}\n\`\`\`\nIt sums.`, WHOLE],
    [
      'the block that defines it, not the first',
      `\`\`\`python\ntotal([1])\n\`\`\`\n\`\`\`python\n${WHOLE}\n\`\`\``,
      WHOLE,
    ],
    ['a Python block before others', '```bash\npip\n```\n```python\n    return sum(xs)\n```', '    return sum(xs)'],
    ['any block', '```\n    return sum(xs)\n```', '    return sum(xs)'],
    ['no block: the body', '    return sum(xs)', '    return sum(xs)'],
    [
      'no block: prose around',
      `Here you are:\n\nimport math\n\n${WHOLE}\n\nThis returns the sum.\nEnjoy!`,
      `import math\n\n${WHOLE}\n`,
    ],
    ['from prose is no import', `from my experience:\n${WHOLE}`, WHOLE],
    [
      'after thinking',
      `<think>\`\`\`python\ndef total(xs): return 0\n\`\`\`</think>\n\`\`\`python\n${WHOLE}\n\`\`\``,
      WHOLE,
    ],
    ['cut off', `\`\`\`python\n${WHOLE}`, WHOLE],
  ])('%s', (_name, text, code) => expect(pythonAnswer(text, 'total')).toBe(code));

  it.each(['', '  \n', '<think>def total(', '```python\n```', 'x'.repeat(200_001)])('none in %#', (text) => {
    expect(pythonAnswer(text, 'total')).toBeNull();
  });
});

describe('the program', () => {
  it('a whole function replaces that of the prompt, whose imports stay', () => {
    expect(completeProgram(PROMPT, WHOLE, 'total')).toBe(`${PROMPT}\n\n${WHOLE}\n`);
  });

  it('future imports stand first', () => {
    const code = `from __future__ import annotations\n${WHOLE}`;
    expect(completeProgram(PROMPT, code, 'total')).toBe(`from __future__ import annotations\n${PROMPT}\n\n${WHOLE}\n`);
  });

  it.each([
    ['indented', '    y = 1\n    return y', '    y = 1\n    return y'],
    ['at the margin', 'for x in xs:\n    y = x\nreturn y', '    for x in xs:\n        y = x\n    return y'],
    ['first line stripped', 'y = 1\n    return y', '    y = 1\n    return y'],
    [
      'first line stripped, a block',
      'for x in xs:\n        y = x\n    return y',
      '    for x in xs:\n        y = x\n    return y',
    ],
    ['first line stripped, one block', 'for x in xs:\n        return x', '    for x in xs:\n        return x'],
    ['one line', 'return sum(xs)', '    return sum(xs)'],
    ['a block at the margin', 'for x in xs:\n    return x', '    for x in xs:\n        return x'],
    ['odd indent', 'if xs:\n      return 1\n\n    return 2', '    if xs:\n      return 1\n\n    return 2'],
  ])('a body: %s', (_name, code, body) => {
    expect(completeProgram(PROMPT, code, 'total')).toBe(`${PROMPT}${body}\n`);
  });
});
