// Every campaign with a seed of the day: DVCEXP_FUZZ_SEED repeats one, DVCEXP_FUZZ_CASES=10000 looks ten times as long.
import { after, before, test } from 'node:test';
import { type Campaign, chooseCases, chooseSeed, run } from './campaign.ts';
import { type Grounds, openGrounds } from './grounds.ts';
import { nestedHelper } from './nested-helper.ts';
import { outerGit } from './outer-git.ts';
import { readers } from './readers.ts';
import { realGit } from './real-git.ts';
import { uploadPack } from './upload-pack.ts';

const timeout = 3_600_000;
const seed = chooseSeed();
let grounds: Grounds;
before(() => {
  grounds = openGrounds();
});
after(() => grounds.world.remove());

function campaignTest(campaign: Campaign, usual: number): void {
  const cases = chooseCases(usual);
  test(`${campaign.name}: ${cases} cases from seed ${seed}`, { timeout }, async () => {
    await run(campaign, { seed, from: 0, cases });
  });
}

for (const campaign of readers) campaignTest(campaign, 1_000);
for (const open of [uploadPack, nestedHelper, outerGit])
  campaignTest(
    open(() => grounds),
    100,
  );
test(`real Git, and a server that misbehaves, from seed ${seed}`, { timeout }, async () => {
  const campaign = realGit();
  try {
    await run(campaign, { seed, from: 0, cases: chooseCases(10) });
  } finally {
    campaign.close();
  }
});
