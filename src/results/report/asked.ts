import type { ReportContent } from './content.ts';
import { describeRows, describeRun, describeSampling, describeServer, type Fact } from './describe.ts';
import { formatCount } from './format.ts';
import { html, type Markup } from './markup.ts';
import { scrollingTable, type Told } from './scores.ts';

/** Of a system prompt, or of run.json, in UTF-16 units. */
const MAX_TEXT = 20_000;

/** What was asked, of which machine and which server: enough to ask the same again. */
export function askedSection({ run }: ReportContent, benchmarks: readonly Told[]): Markup {
  const server = describeServer(run);
  const rows = benchmarks.map(({ name, asked }) => {
    const { label, value } = describeRows(asked);
    return html`<tr><th scope="row"><bdi>${name}</bdi></th><td class="number">${asked.questions === null ? '–' : formatCount(asked.questions)}</td><td class="number">${formatCount(asked.n)}</td><td>${describeSampling(asked)}${asked.systemPrompt === null ? null : html`<details><summary>system prompt</summary><pre>${cut(asked.systemPrompt)}</pre></details>`}</td><td class="rows">${label}<span class="sub"><code>sha256 ${value.slice(0, 16)}</code></span></td></tr>`;
  });
  return html`<section aria-labelledby="asked"><h2 id="asked">What was asked</h2>
${scrollingTable(
  'What was asked',
  html`<table><thead><tr><th scope="col">Benchmark</th><th scope="col" class="number">Questions</th><th scope="col" class="number">Samples each</th><th scope="col">Sampling</th><th scope="col">Rows</th></tr></thead><tbody>${rows}</tbody></table>`,
)}
<div class="cards"><div class="card"><h3>Run</h3>${list(describeRun(run))}</div>
${server.length === 0 ? null : html`<div class="card"><h3>Server</h3>${list(server)}</div>`}</div>
<details class="all"><summary>All of run.json</summary><pre tabindex="0">${cut(JSON.stringify(run, null, 2))}</pre></details></section>`;
}

const list = (facts: readonly Fact[]): Markup =>
  html`<dl>${facts.map(({ label, value }) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>`;

const cut = (text: string): string =>
  text.length <= MAX_TEXT
    ? text
    : `${text.slice(0, MAX_TEXT)}\n… ${formatCount(text.length - MAX_TEXT)} more characters, in run.json`;

/** What a reader must know before believing a number; null where there is nothing. */
export function warningsSection({ summary }: ReportContent): Markup | null {
  const { warnings, notRun, malformed } = summary;
  if (warnings.length + notRun.length + malformed.examples.length === 0) return null;
  const examples = malformed.examples.slice(0, 20);
  return html`<section aria-labelledby="warnings"><h2 id="warnings">Warnings</h2><ul class="warnings">
${warnings.map((warning) => html`<li>${warning}</li>`)}
${notRun.map(({ benchmark, reason, hint }) => html`<li><bdi>${benchmark}</bdi> was asked for and not run: ${reason}${hint === '' ? null : html` <span class="sub">${hint}</span>`}</li>`)}
</ul>${
    examples.length === 0
      ? null
      : html`<details><summary>Damaged lines</summary><ul>${examples.map(({ file, line, reason }) => html`<li><code>${file}:${line}</code> ${reason}</li>`)}</ul></details>`
  }</section>`;
}
