import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { readSettings } from '../../src/model/settings.ts';

const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...pagesBelow('docs')];
/** Of one verb of the companion, and none of the helper's. */
const ofCompanion = ['gcOlderThan'];
const settings = Object.keys(readSettings(() => undefined, {}));

function pagesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
}

const variableOf = (key: string): string => `DVCEXP_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

describe('documentation', () => {
  for (const page of ['README.md', 'docs/configuration.md', 'docs/man/git-remote-dvcexp.1.md']) {
    it(`${page} names every setting and no other`, () => {
      const text = readFileSync(page, 'utf8');
      const named = new Set([...text.matchAll(/(?<![\w.])dvcexp\.([a-z][A-Za-z]+)(?![\w-])/g)].map(([, key]) => key));
      const words = new Set(settings.map((key) => key.replace(/[A-Z].*/, '')));
      assert.deepEqual(
        settings.filter((key) => !named.has(key)),
        [],
      );
      // A push option (`dvcexp.no-cache`) ends at its first dash here, and a Git setting never has one.
      assert.deepEqual(
        [...named].filter(
          (key) => key !== undefined && ![...settings, ...ofCompanion].includes(key) && !words.has(key),
        ),
        [],
      );
      for (const key of settings) assert.ok(text.includes(variableOf(key)), `${variableOf(key)} in ${page}`);
    });
  }

  it('names the settings of the companion', () => {
    for (const page of ['docs/configuration.md', 'docs/man/git-dvcexp.1.md']) {
      for (const key of ofCompanion)
        assert.ok(readFileSync(page, 'utf8').includes(`dvcexp.${key}`), `${key} in ${page}`);
    }
  });

  it('docs/storage.md names tests that are there', () => {
    const text = readFileSync('docs/storage.md', 'utf8').replace(/\n\s*/g, ' ');
    const named = [...text.matchAll(/`([\w-]+)` "([^"]+)"/g)];
    assert.ok(named.length > 40, String(named.length));
    for (const [, file = '', title = ''] of named) {
      const path = file === 'faults' ? 'test/conformance/faults.ts' : `test/servers/${file}.test.ts`;
      assert.ok(readFileSync(path, 'utf8').includes(title), `"${title}" in ${path}`);
    }
  });

  it('links only to what is there', () => {
    const dead = pages.flatMap((page) =>
      [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)#]+)/g)]
        .map(([, target]) => join(dirname(page), target ?? ''))
        .filter((target) => !existsSync(target))
        .map((target) => `${page}: ${target}`),
    );
    assert.deepEqual(dead, []);
  });

  it('names only commands that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    const unknown = [...pages, '.ci/run'].flatMap((page) =>
      [...readFileSync(page, 'utf8').matchAll(/\bnpm run ([a-z][\w:-]*)/g)]
        .map(([, name]) => name ?? '')
        .filter((name) => scripts[name] === undefined)
        .map((name) => `${page}: npm run ${name}`),
    );
    assert.deepEqual(unknown, []);
  });
});
