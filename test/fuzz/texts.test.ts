// Readers of single texts: secrets, files of DVC, addresses, answers of storage. As in fuzz.test.ts the seed is told.
import { test } from 'node:test';
import { addresses } from './addresses.ts';
import { chooseCases, chooseSeed, run } from './campaign.ts';
import { credentialWords } from './credential-words.ts';
import { dvcFiles } from './dvc-files.ts';
import { storageAnswers } from './storage-answers.ts';

const seed = chooseSeed();
const cases = chooseCases(1_000);
for (const campaign of [...credentialWords, ...dvcFiles, ...addresses, ...storageAnswers]) {
  test(`${campaign.name}: ${cases} cases from seed ${seed}`, { timeout: 3_600_000 }, async (context) => {
    const { wallMs, longestMs } = await run(campaign, { seed, from: 0, cases });
    const peakMib = Math.round(process.resourceUsage().maxRSS / 1024);
    context.diagnostic(
      `${cases} cases in ${(wallMs / 1_000).toFixed(1)} s, the dearest ${Math.round(longestMs)} ms, peak ${peakMib} MiB`,
    );
  });
}
