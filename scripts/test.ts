// Runs the tests of one tier with node:test. Node's own `--test` takes no glob on Node 20 and passes when it finds
// nothing; this finds every *.test.ts itself and fails when there is none.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

/** Folder of test/ → tier; every other folder belongs to `unit`. */
const tiers: Record<string, readonly string[]> = {
  e2e: ['demo', 'e2e'],
  git: ['differential'],
  storage: ['servers'],
  security: ['security'],
  interop: ['interop'],
  fuzz: ['fuzz'],
  page: ['browser'],
};
const tier = process.argv[2] ?? 'unit';
const named = Object.values(tiers).flat();
const belongs = (folder: string): boolean =>
  tier === 'unit' ? !named.includes(folder) : (tiers[tier] ?? []).includes(folder);
const only = process.argv.slice(3);

const files = readdirSync('test', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
  .map((entry) => join(entry.parentPath, entry.name))
  .filter((path) => belongs(path.split(/[\\/]/)[1] ?? ''))
  .filter((path) => only.length === 0 || only.some((part) => path.includes(part)))
  .sort();
if (files.length === 0) {
  process.stderr.write(`no test files for tier '${tier}'\n`);
  process.exit(1);
}
// Most tests wait for other programs: one more at a time than there are processors on a small machine.
const results = run({ files, concurrency: 3, timeout: tier === 'unit' ? 300_000 : 1_200_000 });
results.on('test:fail', () => {
  process.exitCode = 1;
});
results.compose(new spec()).pipe(process.stdout);
