import { join } from 'node:path';
import { GpuEvalError } from '../../core/errors.ts';
import { RUN_FILES, writeAtomic } from '../folder.ts';
import { readManifest, readSummary } from '../manifest.ts';
import { collectContent } from './collect.ts';
import { renderReport } from './page.ts';

/**
 * Writes report.html from run.json, summary.json and the merged generations and grades: call it after `summarizeRun`.
 * Equal files give an equal page. Returns its path.
 * @throws {GpuEvalError} `usage` where run.json or summary.json is missing or damaged.
 */
export async function writeReport(runDir: string): Promise<string> {
  const run = await readManifest(runDir);
  const summary = await readSummary(runDir);
  if (run === null || summary === null) {
    throw new GpuEvalError('usage', `there is no report to be made of ${runDir}`, {
      why: `it has no ${run === null ? RUN_FILES.manifest : RUN_FILES.summary}`,
      hint: 'name the folder of a run, or fetch its results first',
    });
  }
  const path = join(runDir, 'report.html');
  await writeAtomic(path, [renderReport(await collectContent(runDir, run, summary))]);
  return path;
}
