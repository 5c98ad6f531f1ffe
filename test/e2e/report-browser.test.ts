import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/core/evaluation.ts';
import { showUnseen } from '../../src/results/report/markup.ts';
import { writeReport } from '../../src/results/report/write.ts';
import { FOREIGN_ELEMENTS, INJECT, LOW_CONTRAST, REFUSED } from '../fixtures/page-probes.ts';
import { aManifest, aTask, graded, type Recorded, writeRun } from '../fixtures/report-run.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const WITHOUT = CHROMIUM === undefined ? ' (left out: no chromium in /usr/bin; apt-get install chromium)' : '';

/** What a model, a box or a data set may write to get out of where its text belongs. */
const HOSTILE = [
  '</script><script>window.pwned = 1; alert(1)</script>',
  '<!--<script>alert(1)</script>-->',
  '<img src=x onerror="window.pwned = 1">',
  '<a href="javascript:window.pwned = 1">click</a>',
  '"><svg onload=alert(1)>\' onmouseover=alert(1) x="',
  '</title></style></pre></textarea></template><iframe srcdoc="<script>top.pwned = 1</script>">',
  '<base href="https://attacker.invalid/"><link rel=stylesheet href="https://attacker.invalid/x.css">',
  '<meta http-equiv=refresh content="0;url=https://attacker.invalid/">',
  '<form action="https://attacker.invalid/"><button>send</button></form>',
  ']]> --!> <![CDATA[ &lt;b&gt; &#60;i&#62; {{7*7}} <%= 7*7 %>',
  'javascript:window.pwned = 1',
  'constructor',
  'a\u202eb\u2066c\0d\u2028e\u2029f\u200bg\x1b[31mh\ud800i\ufeffj',
] as const;
const ALL = HOSTILE.join(' ');

const part = (text: string): Partial<Recorded['generation']> => ({ text, promptTokens: 31, completionTokens: 12 });

function hostileRun(): { manifest: ReturnType<typeof aManifest>; recorded: Recorded[] } {
  const tasks = HOSTILE.map((text, i) => aTask({ benchmark: text, controls: i === 0, systemPrompt: ALL, n: 2 }));
  const recorded = HOSTILE.flatMap((text, i): Recorded[] => {
    const key = { benchmark: text, sampleId: `${text} ${i}` };
    return [
      {
        generation: { ...key, ...part(text), reasoning: ALL, error: { status: 400, message: text } },
        grade: graded(0, text, ALL),
        prompt: ALL,
        target: text,
      },
      { generation: { ...key, ...part(ALL), index: 1 }, grade: graded(1, ALL, text) },
    ];
  });
  recorded.push({
    generation: { benchmark: HOSTILE[0], sampleId: 'long line', ...part(`begin${'<x>'.repeat(350_000)}end`) },
    grade: graded(0, null, 'no answer'),
  });
  const manifest = aManifest({
    version: HOSTILE[2],
    createdAt: '<b onclick=alert(1)>',
    asked: { model: ALL, machine: ALL, suite: HOSTILE[0], engine: HOSTILE[2], sandbox: HOSTILE[3], tasks },
    observed: { server: { [ALL]: ALL, argv: [...HOSTILE] }, facts: { gpus: [{ name: ALL, driver: ALL }] } },
    notRun: [{ benchmark: HOSTILE[0], reason: ALL, hint: HOSTILE[2] }],
  });
  return { manifest, recorded };
}

/** A run as people see it: three benchmarks, 200 questions, all outcomes, one grader that fails its proof. */
function niceRun(): { manifest: ReturnType<typeof aManifest>; recorded: Recorded[] } {
  const benchmarks = [
    { benchmark: 'humaneval', of: 164, right: 0.61, length: 190 },
    { benchmark: 'gsm8k', of: 400, right: 0.83, length: 240 },
    { benchmark: 'math500', of: 200, right: 0.47, length: 620 },
  ];
  const others: readonly Outcome[] = ['wrong', 'wrong', 'wrong', 'no_answer', 'cut_by_length', 'empty', 'refused'];
  const recorded = benchmarks.flatMap(({ benchmark, of, right, length }, b) =>
    Array.from({ length: of }, (_, i): Recorded[] => {
      const lot = (Math.imul(i + 1, 2654435761) >>> 0) / 2 ** 32;
      const key = { benchmark, sampleId: `${benchmark}/${i}` };
      const outcome = lot < right ? 'correct' : (others[(i * 5) % others.length] ?? 'wrong');
      const cut = outcome === 'cut_by_length';
      const startedAt = new Date(Date.UTC(2026, 10, 21, 12, 0, b * 90 + Math.floor(i / 4))).toISOString();
      const completionTokens = cut ? 1024 : Math.round(length * (0.4 + 1.1 * lot * lot));
      const text = `Let me work through this.\n\nThere are ${i} boxes with 3 each, so ${i} × 3 = ${i * 3}.\n\nThe answer is ${i * 3}.`;
      const control = (origin: 'reference' | 'broken', score: number): Recorded => ({
        generation: { ...key, origin, text: `The answer is ${i * 3 + 1 - score}.`, completionTokens: null },
        grade: graded(score, String(i * 3 + 1 - score), 'the number at the end'),
      });
      return [
        {
          generation: {
            ...key,
            text,
            startedAt,
            completionTokens,
            promptTokens: 80,
            finishReason: cut ? 'length' : 'stop',
          },
          grade: { ...graded(outcome === 'correct' ? 1 : 0, String(i * 3), `expected ${i * 3}`), outcome },
          prompt: `There are ${i} boxes with 3 apples each. How many apples are there?`,
          target: String(i * 3),
        },
        control('reference', b === 2 && i === 7 ? 0 : 1),
        control('broken', 0),
      ];
    }).flat(),
  );
  const sampling = { temperature: 0, topP: null, maxTokens: 1024, seed: null };
  const manifest = aManifest({
    runId: '20261121-120000-qwen3-8b-1a2b',
    asked: {
      machine: 'ubuntu@gpu-box:22',
      suite: 'all',
      model: 'Qwen/Qwen3-8B',
      engine: 'vllm',
      concurrency: 32,
      tasks: benchmarks.map(({ benchmark, of }, i) =>
        aTask({ benchmark, questions: of + (i === 1 ? 12 : 0), controls: true, sampling }),
      ),
    },
    observed: {
      facts: { cpuCount: 64, gpus: [0, 1, 2, 3].map((index) => ({ index, name: 'NVIDIA H100', memoryMiB: 81_559 })) },
      server: { version: '0.11.0', settings: { tensorParallelSize: 4, dtype: 'bfloat16', maxModelLen: 8192 } },
    },
  });
  return { manifest, recorded };
}

describe.skipIf(CHROMIUM === undefined)(`the report in a browser${WITHOUT}`, () => {
  let browser: Browser;
  let root: string;
  const reports: Record<'hostile' | 'nice', string> = { hostile: '', nice: '' };

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'gpu-eval-report-'));
    for (const [name, run] of [
      ['hostile', hostileRun()],
      ['nice', niceRun()],
    ] as const) {
      await writeRun(join(root, name), run.manifest, run.recorded);
      reports[name] = await writeReport(join(root, name));
    }
    browser = await chromium.launch({
      ...(CHROMIUM === undefined ? {} : { executablePath: CHROMIUM }),
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    });
  });
  afterAll(async () => {
    await browser?.close();
    await rm(root, { recursive: true, force: true });
  });

  type Seen = { readonly page: Page; readonly requests: string[]; readonly told: string[] };
  async function open(
    name: 'hostile' | 'nice',
    options: { width?: number; colorScheme?: 'light' | 'dark' } = {},
  ): Promise<Seen> {
    const { width = 1200, colorScheme = 'light' } = options;
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
    const requests: string[] = [];
    const told: string[] = [];
    await context.route('**/*', async (route) => {
      requests.push(route.request().url());
      await (requests.length === 1 ? route.continue() : route.abort());
    });
    const page = await context.newPage();
    page.on('dialog', async (dialog) => {
      told.push(`dialog ${dialog.message()}`);
      await dialog.dismiss();
    });
    page.on('console', (message) => told.push(`console ${message.text()}`));
    page.on('pageerror', (error) => told.push(`error ${error.message}`));
    await page.goto(pathToFileURL(reports[name]).href);
    return { page, requests, told };
  }

  const rows = (page: Page) => page.locator('details.answer');
  const status = (page: Page): Promise<string | null> => page.locator('#status').textContent();

  it('shows hostile texts as text: nothing runs, nothing is asked of any network, nothing is injected', async () => {
    const { page, requests, told } = await open('hostile');
    await page.locator('#by-origin').selectOption('');
    for (let i = 0; i < (await rows(page).count()); i++) await rows(page).nth(i).locator('summary').click();
    expect(await page.evaluate(FOREIGN_ELEMENTS)).toEqual({
      foreign: [],
      handlers: [],
      links: ['#answers'],
      counts: [2, 1, 1, 1, 5],
      pwned: false,
    });
    expect(told).toEqual([]);
    expect(requests).toEqual([pathToFileURL(reports.hostile).href]);
    await page.context().close();
  });

  it('shows each of them word for word, with what cannot be seen spelt out', async () => {
    const { page } = await open('hostile');
    const spelt = (text: string): string => showUnseen(text).replaceAll(/[⟨⟩]/g, '');
    expect(await page.title()).toBe(`${showUnseen(ALL)} – gpu-eval report`);
    expect(await page.locator('h1').textContent()).toBe(showUnseen(ALL));
    expect(await page.locator('.scores tbody th bdi').allTextContents()).toEqual(HOSTILE.map(showUnseen));
    for (const [i, text] of HOSTILE.entries()) {
      await page.locator('#by-task').selectOption(String(i));
      const row = rows(page).filter({ hasNot: page.locator('.id', { hasText: 'sample 2' }) });
      const first = i === 0 ? row.nth(0) : row.first();
      await first.locator('summary').click();
      const blocks = first.locator('pre');
      await expect
        .poll(() => blocks.allTextContents(), { message: text })
        .toEqual([ALL, ALL, text, `400 ${text}`, text, text, ALL].map(spelt));
    }
    await page.context().close();
  });

  it('cuts a line of a megabyte, and says where the rest is', async () => {
    const { page } = await open('hostile');
    await page.locator('#by-text').fill('long line');
    await expect.poll(() => rows(page).count()).toBe(1);
    await rows(page).locator('summary').click();
    const text = await rows(page).locator('pre').first().textContent();
    expect(text).toMatch(/^begin<x>[\s\S]*… 1,030,008 more characters, in generations\.jsonl …[\s\S]*<x>end$/);
    await page.context().close();
  });

  it('lets nothing out even if something were injected: the policy refuses it', async () => {
    const { page, requests } = await open('hostile');
    await page.evaluate(INJECT);
    await expect
      .poll(() => page.evaluate(REFUSED))
      .toEqual({
        refused: ['connect-src', 'img-src', 'script-src-attr', 'script-src-elem', 'style-src-elem'],
        pwned: false,
      });
    expect(requests).toHaveLength(1);
    await page.context().close();
  });

  it('filters by benchmark, origin, outcome and text, fifty at a time', async () => {
    const { page, told } = await open('nice');
    expect(await rows(page).count()).toBe(50);
    expect(await status(page)).toMatch(/^\d+ answers .*, the first 50 shown\.$/);
    await page.locator('#more').click();
    expect(await rows(page).count()).toBe(100);

    await page.locator('#by-task').selectOption({ label: 'math500' });
    await page.locator('#by-origin').selectOption('reference');
    await page.locator('#by-outcome').selectOption({ label: 'wrong (1)' });
    expect(await status(page)).toBe('1 answer.');
    expect(await rows(page).locator('.id').textContent()).toBe('math500/7');
    await page.locator('#by-outcome').selectOption('');
    await page.locator('#by-origin').selectOption('model');
    await page.locator('#by-text').fill('There are 42 BOXES');
    await expect.poll(() => rows(page).count()).toBe(1);
    await rows(page).locator('summary').click();
    expect(await rows(page).locator('mark').first().textContent()).toBe('There are 42 boxes');
    expect(await rows(page).locator('h4').allTextContents()).toEqual([
      'Prompt',
      'Generation',
      'Answer that was read',
      'Expected',
      'Reason of the verdict',
    ]);
    await page.locator('#by-text').fill('nobody said this');
    await expect.poll(() => rows(page).count()).toBe(0);
    expect(await status(page)).toBe('No answer here matches.');
    expect(told).toEqual([]);
    await page.context().close();
  }, 60_000);

  it('leads from the number of an outcome to its answers', async () => {
    const { page } = await open('nice');
    await page.locator('a[data-task="1"][data-outcome="empty"]').click();
    expect(await page.locator('#by-outcome').inputValue()).toBe('empty');
    const badges = await rows(page).locator('summary .badge').allTextContents();
    expect(new Set(badges)).toEqual(new Set(['empty']));
    await page.context().close();
  });

  it('marks a grader that fails its proof', async () => {
    const { page } = await open('nice');
    expect(await page.locator('.banner.bad').textContent()).toContain('math500');
    expect(await page.locator('tr.failed').textContent()).toMatch(/math500\s+✗ does not hold[\s\S]*199 of 200/);
    await page.context().close();
  });

  it('can be used by keyboard alone', async () => {
    const { page } = await open('nice');
    await page.locator('#by-text').focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await expect.poll(() => rows(page).first().locator('pre').count()).toBeGreaterThan(0);
    await page.keyboard.press('Tab');
    expect(await page.evaluate("document.activeElement.getAttribute('aria-label')")).toBe('Prompt');
    await page.context().close();
  });

  it.each(['light', 'dark'] as const)('has text with enough contrast in %s', async (colorScheme) => {
    const { page } = await open('nice', { colorScheme });
    await rows(page).first().locator('summary').click();
    expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
    await page.context().close();
  });

  it.each([360, 768])('fits a screen %i pixels wide', async (width) => {
    for (const name of ['hostile', 'nice'] as const) {
      const { page } = await open(name, { width });
      await rows(page).first().locator('summary').click();
      expect(await page.evaluate('document.documentElement.scrollWidth'), name).toBeLessThanOrEqual(width);
      await page.context().close();
    }
  });

  const screenshot = process.env.GPU_EVAL_SCREENSHOT;
  it.runIf(screenshot !== undefined)('is drawn to the file that GPU_EVAL_SCREENSHOT names', async () => {
    const { page } = await open('nice', { width: 1100 });
    await page.screenshot({ path: screenshot ?? '', clip: { x: 0, y: 0, width: 1100, height: 1500 }, fullPage: true });
    await page.context().close();
  });
});
