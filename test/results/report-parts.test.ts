import { describe, expect, it } from 'vitest';
import { cutText } from '../../src/results/report/cut.ts';
import { formatDuration, formatTime, plural } from '../../src/results/report/format.ts';
import { HistogramCounter } from '../../src/results/report/histogram.ts';
import { html, scriptJson, showUnseen } from '../../src/results/report/markup.ts';
import { Pile, shareLimit } from '../../src/results/report/pick.ts';
import { proofOf } from '../../src/results/report/proof.ts';

describe('markup', () => {
  it('escapes what is inserted, in text and in attributes, and leaves markup alone', () => {
    const inner = html`<b>${'<i>'}</b>`;
    expect(html`<p title="${'"\'&'}">${inner}${[1, null, '>']}</p>`.text).toBe(
      '<p title="&quot;&#39;&amp;"><b>&lt;i&gt;</b>1&gt;</p>',
    );
  });

  it('spells out what cannot be seen', () => {
    expect(showUnseen('a\u202eb\0c\u200bd\ud800e\u2028f\x1b[31m')).toBe(
      'a⟨U+202E⟩b⟨U+0000⟩c⟨U+200B⟩d⟨U+D800⟩e⟨U+2028⟩f⟨U+001B⟩[31m',
    );
  });

  it('leaves line ends, tabs, emoji and the scripts of the world alone', () => {
    for (const text of ['a\n\tb', '👨‍👩‍👧 👍🏽 ❤️', 'می‌خواهم', 'क्‍ष', 'שלום', '漢字'])
      expect(showUnseen(text)).toBe(text);
    expect(showUnseen('4\u200d2')).toBe('4⟨U+200D⟩2');
  });

  it('writes JSON that cannot end its script element, and parses back', () => {
    const value = { text: '</script><!--\u2028\u2029&amp;]]>--!>\0\ud800' };
    const json = scriptJson(value);
    expect(json).not.toMatch(/[<>&\u2028\u2029]/);
    expect(JSON.parse(json)).toEqual(value);
  });
});

describe('texts that are cut', () => {
  it('keep their two ends, and say what is left out', () => {
    expect(cutText('abcdefghij', 10)).toBe('abcdefghij');
    expect(cutText('abcdefghijk', 10)).toEqual(['abcdef', 1, 'hijk']);
  });

  it('are never cut within a character', () => {
    const text = '😀'.repeat(50);
    for (const limit of [9, 10, 11, 12, 13]) {
      const cut = cutText(text, limit);
      expect(typeof cut === 'string' ? cut : cut[0] + cut[2]).toMatch(/^(😀)+$/u);
      expect(typeof cut === 'string' ? 0 : cut[0].length + cut[1] + cut[2].length).toBe(100);
    }
  });
});

describe('histograms', () => {
  it('counts small numbers exactly', () => {
    const counter = new HistogramCounter();
    for (const [i, value] of [3, 9, 12, 90].entries()) counter.add(value, i === 0);
    const read = counter.read(10);
    expect(read).toMatchObject({ count: 4, min: 3, max: 90, median: 9 });
    expect(read?.bins.map(({ from, right, other }) => [from, right, other]).slice(0, 2)).toEqual([
      [0, 1, 1],
      [10, 0, 1],
    ]);
    expect(read?.bins).toHaveLength(10);
  });

  it('takes numbers of any size in the same space, and loses none', () => {
    const counter = new HistogramCounter();
    for (let i = 0; i < 10_000; i++) counter.add(i * 7, i % 2 === 0);
    counter.add(2 ** 52, false);
    const read = counter.read(40);
    expect(read?.bins.reduce((sum, { right, other }) => sum + right + other, 0)).toBe(10_001);
    expect(read?.bins.length).toBeLessThanOrEqual(40);
  });

  it('is null for nothing', () => {
    expect(new HistogramCounter().read(10)).toBeNull();
  });
});

describe('drawing by lot', () => {
  it('keeps the lowest lots, whatever their order', () => {
    const lots = Array.from({ length: 100 }, (_, i) => String((i * 37) % 100).padStart(2, '0'));
    const pile = new Pile(5);
    for (const lot of lots) pile.add(lot, () => ({ lot, generation: { offset: 0, length: 0 }, grade: null }));
    expect(pile.total).toBe(100);
    expect(pile.take(9).map(({ lot }) => lot)).toEqual(['00', '01', '02', '03', '04']);
  });

  it('shares room fairly: small piles are kept whole', () => {
    expect(shareLimit([10, 500, 1000], 200, 10_000)).toBe(200);
    expect(shareLimit([10, 500, 1000], 200, 110)).toBe(50);
  });
});

describe('the proof', () => {
  const control = (reference: readonly [number, number], broken: readonly [number, number]) => ({
    n: 5,
    controls: { reference: { passed: reference[0], n: reference[1] }, broken: { passed: broken[0], n: broken[1] } },
  });
  it('holds only where all references pass and no broken copy does', () => {
    expect(proofOf(control([5, 5], [0, 5]))).toBe('holds');
    expect(proofOf(control([4, 5], [0, 5]))).toBe('broken');
    expect(proofOf(control([5, 5], [1, 5]))).toBe('broken');
    expect(proofOf(control([3, 3], [0, 3]))).toBe('partial');
    expect(proofOf(control([0, 0], [0, 0]))).toBe('none');
    expect(proofOf({ n: 5, controls: null })).toBe('none');
  });
});

describe('numbers for people', () => {
  it('are told in round units', () => {
    expect([8300, 250_000, 3_840_000].map(formatDuration)).toEqual(['8.3 s', '4 min 10 s', '1 h 4 min']);
    expect(formatTime('2026-11-21T12:50:32.570Z')).toBe('2026-11-21 12:50 UTC');
    expect(formatTime('<b>')).toBe('<b>');
    expect([plural(1, 'copy'), plural(1204, 'copy'), plural(2, 'sample')]).toEqual([
      '1 copy',
      '1,204 copies',
      '2 samples',
    ]);
  });
});
