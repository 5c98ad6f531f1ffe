// Adds up the JSON reports of several vitest runs and ends with the one line that says how it went.
// usage: node scripts/count-tests.mjs CHECKS_FAILED REPORT.json…
// CHECKS_FAILED: how many checks beside the tests failed; they count as failures.
import { readFileSync } from 'node:fs';

let passed = 0;
let failed = Number(process.argv[2]);
let skipped = 0;
for (const path of process.argv.slice(3)) {
  let report;
  try {
    report = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    console.log(`no report: ${path}`);
    failed += 1;
    continue;
  }
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  skipped += report.numPendingTests + report.numTodoTests;
  // A file that could not be loaded, or whose set-up failed, has no failed test to count, and is a failure all the same.
  const hasFailedTest = (file) => file.assertionResults.some((test) => test.status === 'failed');
  failed += report.testResults.filter((file) => file.status === 'failed' && !hasFailedTest(file)).length;
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
