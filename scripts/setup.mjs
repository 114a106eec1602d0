// Makes `npm test` and `npm run demo` work in a clone with nothing installed: packages from the lockfile, then
// the bundle. Plain JavaScript on purpose, since it runs before any package is there. Does nothing when all is fresh.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = dirname(dirname(fileURLToPath(import.meta.url)));
const run = (command, args) =>
  execFileSync(command, args, { cwd: top, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
const age = (path) => (existsSync(join(top, path)) ? statSync(join(top, path)).mtimeMs : 0);
const newest = (folder) =>
  readdirSync(join(top, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((latest, entry) => Math.max(latest, statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs), 0);

if (age('node_modules/.package-lock.json') < age('package-lock.json'))
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
const built = age('dist/remote-helper.js');
if (
  built < newest('src') ||
  built < newest('docs/man') ||
  built < age('scripts/build.ts') ||
  built < age('node_modules/.package-lock.json')
) {
  run(join(top, 'node_modules/.bin/tsx'), ['scripts/build.ts']);
}
