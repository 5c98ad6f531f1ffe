import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const INSIDE = fileURLToPath(new URL('../../../remote/grader/inside', import.meta.url));
const hasPython = spawnSync('python3', ['-c', 'import sys; assert sys.version_info >= (3, 10)']).status === 0;

/** Runs Python with the codec imported; it must print nothing but `ok`. */
function check(body: string): string {
  const script = `import sys; sys.path.insert(0, ${JSON.stringify(INSIDE)})
from tagged import *
def trip(value):
    return decode(loads(dumps(encode(value))))
def refused(action, *args):
    try:
        action(*args)
    except Unsupported:
        return True
    return False
${body}
print('ok')`;
  const done = spawnSync('python3', ['-sSB', '-'], { input: script, encoding: 'utf8', timeout: 30_000 });
  return done.stdout.trim() + done.stderr;
}

describe.skipIf(!hasPython)(`tagged values${hasPython ? '' : ' (skipped: no python3 3.10 or newer)'}`, () => {
  it('come back equal and of the same type', () => {
    const body = `
values = [None, True, False, 0, -1, 2**53, -(2**53), 10**5000, 0.0, -0.0, 1.5, 1e308, 'x', '\\ud800\\x00\\n', '',
    b'', b'\\x00\\xff', 1j, complex(float('inf'), -0.0), [], [[]], (), (1,), {1, 2}, set(), frozenset({(1, 'a')}),
    {}, {'a': 1, 1: 'b', (1, 2): [3], None: {}}, {'int': 'ff'}, [True, 1, 1.0], float('inf'), float('-inf')]
def same(a, b):
    assert type(a) is type(b), (a, b)
    if type(a) in (list, tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b): same(x, y)
    elif type(a) is dict:
        same(list(a.items()), list(b.items()))
    elif type(a) in (set, frozenset):
        assert a == b and sorted(map(repr, a)) == sorted(map(repr, b))
    else:
        assert repr(a) == repr(b)
sys.set_int_max_str_digits(0) if hasattr(sys, 'set_int_max_str_digits') else None
for value in values:
    same(value, trip(value))
nan = trip(float('nan'))
assert type(nan) is float and nan != nan`;
    expect(check(body)).toBe('ok');
  });

  it('are refused where a type is not exactly one of the known', () => {
    const body = `
import collections, enum
class Equal:
    def __eq__(self, other): return True
class Int(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
class Text(str): pass
class Many(list): pass
class Colour(enum.IntEnum): red = 1
bad = [Equal(), Int(3), Text('a'), Many(), Colour.red, iter([]), (x for x in []), range(3), {}.keys(), map(str, []),
    collections.OrderedDict(), collections.Counter(), collections.deque(), bytearray(), memoryview(b''), object, len,
    [Int(1)], {'a': Text('b')}, {Int(1): 2}, (Equal(),), {Text('k')}]
for value in bad:
    assert refused(encode, value), value
deep = []
for _ in range(1000): deep = [deep]
assert refused(encode, deep)
cycle = []
cycle.append(cycle)
assert refused(encode, cycle)
assert refused(encode, list(range(500_000)))`;
    expect(check(body)).toBe('ok');
  });

  it('are refused where the text is not what the codec writes', () => {
    const body = `
trees = [{}, {'a': 1}, {'int': 5}, {'int': 'zz'}, {'float': '1.0'}, {'tuple': 3}, {'set': [[1]]}, {'dict': [[1]]},
    {'dict': {'a': 1}}, {'complex': [1, 2]}, {'bytes': 'x'}, {'tuple': [], 'set': []}, {'frozenset': [{'dict': []}]}]
for tree in trees:
    assert refused(decode, tree), tree
for text in [b'', b'nope', b'NaN', b'[Infinity]', b'[' * 100_000, b'"' + b'x' * 10, b'\\xff\\xfe']:
    assert refused(loads, text), text
deep = 1
for _ in range(100): deep = {'tuple': [deep]}
assert refused(decode, deep)`;
    expect(check(body)).toBe('ok');
  });
});
