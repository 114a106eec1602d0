import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HelperError } from '../../src/model/error.ts';
import { conceal } from '../../src/report/conceal.ts';
import { diagnose, formatDiagnosis, shortReason } from '../../src/report/diagnose.ts';
import { displayUrl, printable } from '../../src/report/printable.ts';
import { onTrace, trace } from '../../src/report/trace.ts';
import { openVoice } from '../../src/report/voice.ts';

test('foreign text is safe on a terminal and has an end', () => {
  assert.equal(printable('a\u001b[31mb\u0007\u009b\u202ec\n'), 'a\\x1b[31mb\\x07\\x9b\\u202ec\\x0a');
  assert.equal(printable('ü ✓ 日本'), 'ü ✓ 日本');
  assert.equal(printable('x'.repeat(5000)).length, 1027);
});

test('a secret is not shown, whoever quotes it and in whatever form', () => {
  const secret = 'cAnArY/of+the"tests=';
  const forms = [secret, encodeURIComponent(secret), JSON.stringify(secret)];
  for (const before of ['', 'a', 'ab', 'ada:'])
    forms.push(Buffer.from(`${before}${secret} and more`).toString('base64'));
  assert.match(printable(forms[0] ?? ''), /cAnArY/, 'nobody knows of it yet');
  conceal(secret, undefined, 'short');
  const traced: string[] = [];
  onTrace((line) => void traced.push(line));
  for (const form of forms) {
    const text = `the service says: ${form} is wrong`;
    trace(() => text);
    const shown = [printable(text), diagnose(new Error(text)).message, displayUrl(text), traced.at(-1) ?? ''];
    for (const each of shown) assert.match(each, /the service says: .{0,8}<redacted>.{0,16} is wrong/);
  }
  assert.equal(printable('in short'), 'in short', 'what may be a word is one');
});

test('URLs are shown without user, password and query', () => {
  assert.equal(displayUrl('https://user:secret@host/path?sig=secret#x'), 'https://host/path');
  assert.equal(displayUrl('s3://bucket/prefix'), 's3://bucket/prefix');
  assert.equal(displayUrl('dvcexp::x::https://user:secret@host/path'), 'dvcexp::x::https://host/path');
  assert.equal(displayUrl('/a/path with@sign'), '/a/path with@sign');
});

test('an error says what failed and what to type, never where in our code', () => {
  const error = new HelperError('auth', "cannot upload 'x' to 's3://b': access denied", { hints: ['try this'] });
  assert.equal(
    formatDiagnosis('error', diagnose(error)),
    "error: cannot upload 'x' to 's3://b': access denied\nhint: try this\n",
  );
  assert.equal(
    diagnose(Object.assign(new Error('x'), { code: 'ENOSPC', path: '/c' })).message,
    "'/c': no space left on device",
  );
  assert.match(diagnose(new TypeError('boom')).message, /^unexpected failure: boom$/);
  assert.doesNotMatch(formatDiagnosis('error', diagnose(new TypeError('boom'))), /\.ts/);
  assert.equal(diagnose(new DOMException('x', 'AbortError')).message, 'interrupted');
});

test('the reason Git shows is one short line', () => {
  const reason = shortReason(new HelperError('io', `line one\nline two ${'x'.repeat(200)}`));
  assert.equal(reason.length, 70);
  assert.ok(!reason.includes('\n'));
});

test('each verbosity says what belongs to it', () => {
  const heard = (verbosity: number): string => {
    let text = '';
    const voice = openVoice({ stderr: (more) => (text += more), progress: false, env: {}, verbosity });
    voice.say('say');
    voice.remark('remark');
    voice.detail('detail');
    voice.warn('warn');
    voice.fail('fail');
    return text;
  };
  assert.equal(heard(0), 'error: fail\n');
  assert.equal(heard(1), 'say\nremark\nwarning: warn\nerror: fail\n');
  assert.equal(heard(2), 'say\nremark\ndetail\nwarning: warn\nerror: fail\n');
});

test('VS Code shows the first line as the reason of a failure, so nothing passing comes before it', () => {
  let text = '';
  const env = { VSCODE_GIT_COMMAND: 'fetch' };
  const voice = openVoice({ stderr: (more) => (text += more), progress: false, env, verbosity: 1 });
  voice.remark('dvcexp: trying again');
  voice.fail('fail');
  assert.equal(text, 'error: fail\n');
});

test('a long list is cut and says how much is left', () => {
  let text = '';
  openVoice({ stderr: (more) => (text += more), progress: false, env: {}, verbosity: 1 }).list(['a', 'b', 'c'], 2);
  assert.equal(text, '    a\n    b\n    ... and 1 more\n');
});
