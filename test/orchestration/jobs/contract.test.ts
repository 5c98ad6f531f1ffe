import { describe, it } from 'vitest';
import { describeJobs } from '../../contracts/jobs.ts';
import { makeLocalBox } from './local-box.ts';

if (process.platform === 'linux') describeJobs('detached, on this machine', makeLocalBox);
else {
  describe.skip('jobs: detached, on this machine (skipped: its tests read /proc, which only Linux has)', () => {
    it('runs on Linux', () => {});
  });
}
