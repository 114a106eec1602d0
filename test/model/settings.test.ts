import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSettings } from '../../src/model/settings.ts';

const configured = (values: Record<string, string>) => (key: string) => values[key];
const none = configured({});

test('nothing set: the defaults', () => {
  assert.deepEqual(readSettings(none, {}), {
    fetchBy: undefined,
    fetchData: 'auto',
    onFetchError: undefined,
    onAbsent: 'warn',
    history: 'new',
    allowMissing: false,
    requireStorage: false,
    runCache: false,
    noCache: false,
    forceUpload: false,
    remote: undefined,
    jobs: undefined,
  });
});

test('push option over environment over configuration', () => {
  const configuration = configured({ 'dvcexp.jobs': '2', 'dvcexp.remote': 'A', 'dvcexp.nocache': '' });
  const settings = readSettings(configuration, { DVCEXP_JOBS: '3', DVCEXP_REMOTE: '' }, ['dvcexp.jobs=4']);
  assert.equal(settings.jobs, 4);
  assert.equal(settings.remote, 'a');
  assert.equal(settings.noCache, true);
  assert.equal(readSettings(configuration, { DVCEXP_JOBS: '3' }).jobs, 3);
});

test('push options of our namespace, with and without a value', () => {
  const settings = readSettings(none, {}, ['dvcexp.no-cache', 'dvcexp.force-upload=true', 'dvcexp.allowMissing=false']);
  assert.deepEqual([settings.noCache, settings.forceUpload, settings.allowMissing], [true, true, false]);
});

test('values that cannot be are named with the place they stand in', () => {
  assert.throws(
    () => readSettings(configured({ 'dvcexp.fetchdata': 'some' }), {}),
    /git config dvcexp\.fetchData: 'some' is none of auto, all/,
  );
  assert.throws(() => readSettings(none, { DVCEXP_JOBS: '-1' }), /DVCEXP_JOBS: '-1' is not a number from 1 to 9999/);
  assert.throws(() => readSettings(none, {}, ['dvcexp.no-cach']), /unknown push option 'dvcexp\.no-cach'/);
  assert.throws(() => readSettings(none, {}, ['dvcexp.remote']), /the name of a storage remote is missing/);
});
