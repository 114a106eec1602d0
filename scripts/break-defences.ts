// Takes one defence after the other out of a copy of the project, and sees whether a test notices. Exits with 1 when one
// is not missed. `npm run defences` for all, with parts of names for some.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { commandInOwnNetwork } from '../test/kit/own-network.ts';
import { type Defence, defences } from './defences/list.ts';

const limitMs = 600_000;
/** Tests that start what is in dist/, which has to be built anew. */
const startsHelper = /^(?:security|e2e|remote-helper|credential-helper|cli)\//;
const top = mkdtempSync(join(tmpdir(), 'dvcexp-defences-'));
const parts = process.argv.slice(2);

function copyProject(): void {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
  });
  for (const file of listed.split('\0').filter((name) => name !== '')) {
    mkdirSync(dirname(join(top, file)), { recursive: true });
    cpSync(file, join(top, file), { verbatimSymlinks: true });
  }
  symlinkSync(join(process.cwd(), 'node_modules'), join(top, 'node_modules'));
}

/** What the tests that are to miss it say; undefined when they pass. */
function missedBy({ tests, only }: Defence): string | undefined {
  const pattern = only === undefined ? [] : ['--test-name-pattern', only];
  const files = tests.map((name) => join('test', name));
  const found = commandInOwnNetwork([process.execPath, '--import', 'tsx', '--test', ...pattern, ...files]);
  if (found === undefined) throw new Error('this needs unshare(1) with network namespaces, and ip(8)');
  const ran = spawnSync('unshare', found.args, {
    cwd: top,
    encoding: 'utf8',
    timeout: limitMs,
    maxBuffer: 1 << 28,
    env: found.env,
  });
  if (ran.status === 0) return undefined;
  const failed = [...ran.stdout.matchAll(/^\s*(?:# )?\s*not ok \d+ - (.*)$/gm)].map(([, name = '']) => name);
  const innermost = failed.filter((name) => !name.endsWith('.test.ts'));
  // A copy that does not even build or start proves nothing.
  if (innermost.length === 0) throw new Error(`no test failed, and yet the run did: ${ran.stdout}${ran.stderr}`);
  return innermost[0];
}

function tryWithout(defence: Defence): string | undefined {
  const path = join(top, defence.file);
  const whole = readFileSync(path, 'utf8');
  if (whole.split(defence.find).length !== 2)
    throw new Error(`'${defence.find}' does not stand once in ${defence.file}`);
  writeFileSync(
    path,
    whole.replace(defence.find, () => defence.replace),
  );
  try {
    if (defence.tests.some((name) => startsHelper.test(name)))
      execFileSync(process.execPath, ['--import', 'tsx', 'scripts/build.ts'], {
        cwd: top,
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    return missedBy(defence);
  } finally {
    writeFileSync(path, whole);
  }
}

copyProject();
let unnoticed = 0;
try {
  for (const defence of defences.filter(
    ({ name }) => parts.length === 0 || parts.some((part) => name.includes(part)),
  )) {
    const began = Date.now();
    let verdict: string;
    try {
      const test = tryWithout(defence);
      if (test === undefined) unnoticed += 1;
      verdict = test === undefined ? 'NOBODY NOTICED' : `missed by '${test}'`;
    } catch (error) {
      unnoticed += 1;
      verdict = `BROKEN: ${error instanceof Error ? error.message.slice(0, 2_000) : error}`;
    }
    process.stdout.write(`${defence.name}: ${verdict} (${Math.round((Date.now() - began) / 1000)} s)\n`);
  }
} finally {
  rmSync(top, { recursive: true, force: true });
}
process.exitCode = unnoticed === 0 ? 0 : 1;
