import { histogramChart, type Slice, stackedBar } from './charts.ts';
import type { ShownPile } from './content.ts';
import { formatCount, formatShare, OUTCOME_LABELS, plural, SHOWN_OUTCOMES } from './format.ts';
import type { Histogram } from './histogram.ts';
import { html, type Markup } from './markup.ts';
import type { ShownOutcome } from './pick.ts';
import type { Told } from './scores.ts';

/** What became of the model's samples, one card a benchmark; each number leads to its answers. */
export function outcomesSection(benchmarks: readonly Told[], piles: readonly ShownPile[]): Markup {
  const cards = benchmarks.map(({ name, task, found }) => {
    const shown = (outcome: ShownOutcome): boolean =>
      piles.some((pile) => pile.task === task && pile.origin === 'model' && pile.outcome === outcome && pile.shown > 0);
    const slices = SHOWN_OUTCOMES.flatMap((outcome): (Slice & { outcome: ShownOutcome | null })[] => {
      const count = outcome === 'not_graded' ? unjudged(found) : (found.outcomes[outcome] ?? 0);
      return count === 0 ? [] : [{ name: outcome, label: OUTCOME_LABELS[outcome], count, outcome }];
    });
    if (found.missing > 0) slices.push({ name: 'missing', label: 'missing', count: found.missing, outcome: null });
    const items = slices.map(({ name: fill, label, count, outcome }) => {
      const text = html`<span class="count">${formatCount(count)}</span> ${label} <span class="share">${formatShare(count / found.samples)}</span>`;
      const link =
        outcome === null || !shown(outcome)
          ? text
          : html`<a href="#answers" data-task="${task}" data-outcome="${outcome}">${text}</a>`;
      return html`<li><svg class="chip" viewBox="0 0 10 10" aria-hidden="true"><rect class="fill-${fill}" width="10" height="10"/></svg>${link}</li>`;
    });
    return html`<div class="card"><h3><bdi>${name}</bdi> <span class="aside">${plural(found.samples, 'sample')}</span></h3>
${slices.length === 0 ? html`<p class="note">Nothing was asked.</p>` : stackedBar(slices)}<ul class="legend">${items}</ul></div>`;
  });
  return html`<section aria-labelledby="outcomes"><h2 id="outcomes">Outcomes</h2><div class="cards">${cards}</div></section>`;
}

/** Recorded, and without any verdict yet. */
function unjudged({ samples, missing, outcomes }: Told['found']): number {
  const judged = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  return Math.max(0, samples - missing - judged);
}

/** How long the model's answers are, right ones beside the others. */
export function lengthsSection(benchmarks: readonly Told[], lengths: readonly (Histogram | null)[]): Markup | null {
  const cards = benchmarks.flatMap(({ name, task, asked, found }) => {
    const histogram = lengths[task] ?? null;
    if (histogram === null) return [];
    const { min, max, median } = histogram;
    const cut = `${formatShare(found.cutByLengthShare)} cut by length, at ${plural(asked.sampling.maxTokens, 'token')}`;
    return [
      html`<div class="card"><h3><bdi>${name}</bdi> <span class="aside">median ${formatCount(median)}</span></h3>
${histogramChart(histogram)}<p class="note">From ${formatCount(min)} to ${plural(max, 'token')}; ${cut}${found.tokens.completion === null ? '' : `; ${plural(found.tokens.completion, 'token')} in all`}.</p></div>`,
    ];
  });
  if (cards.length === 0) return null;
  return html`<section aria-labelledby="lengths"><h2 id="lengths">Lengths of answers</h2>
<p class="note key"><svg class="chip" viewBox="0 0 10 10" aria-hidden="true"><rect class="fill-correct" width="10" height="10"/></svg> correct <svg class="chip" viewBox="0 0 10 10" aria-hidden="true"><rect class="fill-others" width="10" height="10"/></svg> all others</p>
<div class="cards">${cards}</div></section>`;
}
