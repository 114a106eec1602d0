// Parses texts that somebody made to take for ever, and prints of each as JSON how long it took, by how much it raised
// the highest point of this process's memory, and what was thrown.
import { parseConfigObj } from '../../src/dvc/configobj.ts';
import { parseJson } from '../../src/dvc/json.ts';
import { parseListing, parseListingIds } from '../../src/dvc/listing.ts';
import { parseMetafile } from '../../src/dvc/metafile.ts';
import { parseToml } from '../../src/dvc/toml.ts';
import { parseYaml } from '../../src/dvc/yaml.ts';
import { HelperError } from '../../src/model/error.ts';
import { parsePage as parseAzurePage } from '../../src/storage/azure/listing.ts';
import { parsePage } from '../../src/storage/s3/listing.ts';
import { parseMultistatus } from '../../src/storage/webdav/multistatus.ts';

export interface Burst {
  readonly name: string;
  /** Of a processor. */
  readonly ms: number;
  readonly mib: number;
  /** Of the HelperError; undefined: it was taken, or passed over. */
  readonly code: string | undefined;
  readonly message: string;
}

const mib = 2 ** 20;
const bytes = (text: string): Buffer => Buffer.from(text);
const yaml = (text: string) => () => {
  const whole = bytes(text);
  return () => parseYaml(whole);
};
const text = (make: () => string, parse: (whole: string) => unknown) => () => {
  const whole = make();
  return () => parse(whole);
};
const laughs = [
  'a0: &a0 [x,x,x,x,x,x,x,x,x]',
  ...Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`),
];
const doubling = Array.from({ length: 60 }, (_, i) => `k${i} = %(k${i + 1})s%(k${i + 1})s`);
const hash = 'd41d8cd98f00b204e9800998ecf8427e';

/** What makes the bomb, and then sets it off. */
const bombs: Readonly<Record<string, () => () => unknown>> = {
  'YAML: a billion laughs': yaml(laughs.join('\n')),
  'YAML: 300,000 brackets': yaml('['.repeat(3e5)),
  'YAML: 200,000 maps on one line': yaml('{a: '.repeat(2e5)),
  'YAML: 300,000 dashes': yaml('- '.repeat(3e5)),
  'YAML: a list in a list, on ever deeper lines': yaml(
    Array.from({ length: 3_000 }, (_, i) => `${' '.repeat(i)}-`).join('\n'),
  ),
  'YAML: a list of eight million': yaml(`a: [${'x,'.repeat(8e6 - 100)}x]`),
  'YAML: a map of a million keys': yaml(`a: {${Array.from({ length: 1e6 }, (_, i) => `k${i}: 1`).join(',')}}`),
  'YAML: a map of 20,000 keys': yaml(`a: {${Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join(',')}}`),
  'YAML: 17 MiB': () => {
    const whole = Buffer.alloc(17 * mib, 'x');
    return () => parseYaml(whole);
  },
  'YAML: an anchor that holds itself': yaml('a: &a [*a, *a, *a]'),
  'a metafile that would reach a prototype': () => {
    const whole = bytes(`__proto__:\n  polluted: 1\nouts:\n- __proto__: x\n  md5: ${hash}\n  hash: md5\n  path: x\n`);
    return () => {
      parseMetafile(whole, { file: 'x.dvc', root: '' });
      if ('polluted' in {}) throw new Error('it did');
    };
  },
  'a listing of a million brackets': () => {
    const whole = bytes('['.repeat(1e6));
    return () => parseListing(whole, 'x');
  },
  'a listing of 1 GiB': () => {
    const whole = Buffer.alloc(1024 * mib);
    return () => parseListing(whole, 'x');
  },
  'a listing of 129 MiB without an entry': () => {
    const whole = Buffer.alloc(129 * mib, ' ');
    return () => parseListing(whole, 'x');
  },
  'a listing of a million empty maps': () => {
    const whole = bytes(`[${'{},'.repeat(1e6)}{}]`);
    return () => parseListing(whole, 'x');
  },
  'a listing of 90 MiB of empty maps': () => {
    const whole = Buffer.alloc(90 * mib, '{},');
    return () => parseListing(whole, 'x');
  },
  'a listing that would reach a prototype': () => {
    const whole = bytes(`[{"__proto__": {"polluted": 1}, "md5": "${hash}", "relpath": "__proto__/x"}]`);
    return () => {
      parseListingIds(whole, 'x');
      if ('polluted' in {}) throw new Error('it did');
    };
  },
  'JSON: a million brackets': text(() => '['.repeat(1e6), parseJson),
  'JSON: a text of 16 MiB without an end': text(() => `"${'\\"'.repeat(8 * mib)}`, parseJson),
  'TOML: a million brackets': text(() => `a = ${'['.repeat(1e6)}`, parseToml),
  'configuration: values that double': text(
    () => `['remote "x"']\n${doubling.join('\n')}\nk60 =\n`,
    (whole) => parseConfigObj(whole, 'config'),
  ),
  'configuration: half a million quotes': text(
    () => `a = ${'"'.repeat(500_000)} x\n`,
    (whole) => parseConfigObj(whole, 'config'),
  ),
  'configuration: 2 MiB': text(
    () => `a = ${'x'.repeat(2 * mib)}\n`,
    (whole) => parseConfigObj(whole, 'config'),
  ),
  'S3: a million objects that do not end': text(() => `<ListBucketResult>${'<Contents>'.repeat(1e6)}`, parsePage),
  'Azure: a million blobs that do not end': text(
    () => `<EnumerationResults>${'<Blob>'.repeat(1e6)}</EnumerationResults>`,
    parseAzurePage,
  ),
  'WebDAV: a million answers that do not end': text(
    () => `${'<D:response>'.repeat(1e6)}</D:multistatus>`,
    parseMultistatus,
  ),
  'WebDAV: a million tags that do not end': text(
    () => `${'<D:response '.repeat(1e6)}</D:multistatus>`,
    parseMultistatus,
  ),
  'WebDAV: a million comments that do not end': text(() => `${'<!--'.repeat(1e6)}</D:multistatus>`, parseMultistatus),
  'WebDAV: a name of a million slashes': text(
    () => `<D:response><D:href>${'/'.repeat(1e6)}x</D:href></D:response></D:multistatus>`,
    parseMultistatus,
  ),
  'WebDAV: a name of blanks': text(
    () => `<D:response><D:href>${' '.repeat(1e6)}x${' '.repeat(1e6)}</D:response></D:multistatus>`,
    parseMultistatus,
  ),
};

for (const [name, make] of Object.entries(bombs)) {
  const light = make();
  globalThis.gc?.();
  const memory = (): number => process.resourceUsage().maxRSS / 1024;
  const [memoryBefore, began] = [memory(), process.cpuUsage().user];
  let error: unknown;
  try {
    light();
  } catch (thrown) {
    error = thrown;
  }
  const burst: Burst = {
    name,
    ms: Math.round((process.cpuUsage().user - began) / 1000),
    mib: Math.round(memory() - memoryBefore),
    code: error instanceof HelperError ? error.code : error === undefined ? undefined : 'thrown',
    message: error instanceof Error ? error.message.slice(0, 200) : '',
  };
  process.stdout.write(`${JSON.stringify(burst)}\n`);
}
