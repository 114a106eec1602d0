// Readers by themselves: thousands of messages in a second.
import { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { openByteReader } from '../../src/git/byte-stream.ts';
import { parseConfiguration } from '../../src/git/configuration.ts';
import { parseInnerUrl } from '../../src/git/inner-url.ts';
import { encodePacket, flushPacket, openPacketSplitter } from '../../src/git/pkt-line.ts';
import { readAdvertisement } from '../../src/git/receive-pack.ts';
import { defaultOptions, unquote, withOption } from '../../src/git/session-options.ts';
import { HelperError } from '../../src/model/error.ts';
import { parsePushLine } from '../../src/remote-helper/push.ts';
import { openWatcher, type Watcher } from '../../src/remote-helper/watcher.ts';
import { parseCommand } from '../../src/remote-helper/wire.ts';
import type { Campaign } from './campaign.ts';
import type { Dice } from './dice.ts';
import { advertisementOf, oid, packets, responses } from './transcripts.ts';

/** The bytes in pieces as a pipe might give them. */
export function inChunks(bytes: Buffer, dice: Dice): Buffer[] {
  const chunks: Buffer[] = [];
  const most = dice.pick([1, 3, 17, 100, 4_096, 65_536]);
  // Byte by byte is for short messages: the time is better spent on more of them.
  const size = bytes.length > 5_000 ? Math.max(most, 1_000) : most;
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + dice.below(size);
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

/** Answers undefined for an error that is made for people. */
function complain(error: unknown): string | undefined {
  return error instanceof HelperError ? undefined : `threw ${String(error)}`;
}

const advertisement: Campaign = {
  name: 'the list of refs of receive-pack',
  honest: [advertisementOf('receive-pack'), packets(`${oid('0')} capabilities^{}\0report-status object-format=sha1`)],
  dictionary: [
    ...packets(
      'ERR no',
      'version 1',
      `shallow ${oid('a')}`,
      `${oid('a')} .have`,
      `${oid('b')} refs/heads/x\0object-format=md5`,
    ),
    ...[
      flushPacket,
      Buffer.from('0001'),
      Buffer.from('0002'),
      Buffer.from('0004'),
      encodePacket(Buffer.alloc(65_516, 'x')),
    ],
  ],
  judge: async (pieces, _honest, dice) => {
    const reader = openByteReader(Readable.from(inChunks(Buffer.concat(pieces), dice)));
    try {
      const found = await readAdvertisement(reader);
      if (found === undefined) return undefined;
      const bad = found.refs.find(
        (line) => !/^[0-9a-f]{40}(?:[0-9a-f]{24})? [!-~\x80-\xff]+$/.test(line.toString('latin1')),
      );
      if (bad !== undefined) return `took '${bad.toString('latin1')}' for a ref`;
      return /^sha(?:1|256)$/.test(found.objectFormat) ? undefined : `object format ${found.objectFormat}`;
    } catch (error) {
      return complain(error);
    }
  },
};

const splitter: Campaign = {
  name: 'packets in pieces',
  honest: responses.map(({ answer }) => answer.flat()),
  dictionary: [
    ...['0000', '0001', '0002', '0003', '0004', '0005', 'fff0', 'FFFF', '00g0'].map((text) => Buffer.from(text)),
  ],
  judge: async (pieces, _honest, dice) => {
    const bytes = Buffer.concat(pieces);
    const read = (chunks: readonly Buffer[]): { out: Buffer; kinds: string; boundary: boolean; raw: boolean } => {
      const one = openPacketSplitter();
      const found = chunks.flatMap((chunk) => one.feed(chunk));
      return {
        out: Buffer.concat([...found.map((piece) => piece.bytes), one.rest()]),
        kinds: found.flatMap((piece) => (piece.kind === 'packet' ? [piece.packet.kind] : [])).join(),
        boundary: one.atBoundary,
        raw: one.raw,
      };
    };
    const whole = read([bytes]);
    const cut = read(inChunks(bytes, dice));
    if (!whole.out.equals(bytes) || !cut.out.equals(bytes)) return 'bytes were lost or made up';
    const same = whole.kinds === cut.kinds && whole.boundary === cut.boundary && whole.raw === cut.raw;
    return same ? undefined : `another answer in pieces: ${JSON.stringify([whole.kinds, cut.kinds])}`;
  },
};

type View = Readonly<Record<string, unknown>>;

/** What a watcher makes of a conversation whose messages come in these pieces. */
function watch(messages: readonly (readonly Buffer[])[], requests: readonly Buffer[], hold: boolean): View {
  const watcher: Watcher = openWatcher({ stateless: false, holdList: hold, holdExperiments: hold });
  const out: Buffer[] = [];
  let lists = 0;
  messages.forEach((chunks, index) => {
    for (const chunk of chunks) {
      const { forward, listed } = watcher.answer(chunk);
      out.push(...forward);
      lists += listed ? 1 : 0;
    }
    const request = requests[index];
    if (request !== undefined) watcher.request(request);
  });
  const { whole, head, forFetch, answered } = watcher;
  const sent = Buffer.concat([...out, ...watcher.rest()]).toString('latin1');
  const more = { names: [...watcher.names()], wants: watcher.wants() };
  return { sent, listed: lists > 0, whole, head, forFetch, answered, ...more };
}

const watcher: Campaign = {
  name: 'a watched conversation in pieces',
  honest: responses.map(({ answer }) => answer.flat()),
  dictionary: [
    ...packets(`${oid('b')} refs/exps/exec/EXEC_HEAD`, 'packfile'),
    Buffer.from('0000'),
    Buffer.from('0001'),
  ],
  judge: async (pieces, honest, dice) => {
    const { answer, requests } = responses[honest] ?? { answer: [], requests: [] };
    const ends = answer.map((message) => message.length);
    // The messages of the honest server, the last one taking what was added: a request never comes in mid-message.
    const messages: Buffer[] = [];
    let at = 0;
    ends.forEach((length, index) => {
      const end = index === ends.length - 1 ? pieces.length : at + length;
      messages.push(Buffer.concat(pieces.slice(at, end)));
      at = end;
    });
    const hold = dice.chance(0.5);
    const view: typeof watch = (...all) => {
      try {
        return watch(...all);
      } catch (error) {
        return { threw: complain(error) ?? String(error) };
      }
    };
    const whole = view(
      messages.map((message) => (message.length > 0 ? [message] : [])),
      requests,
      hold,
    );
    const cut = view(
      messages.map((message) => inChunks(message, dice)),
      requests,
      hold,
    );
    const key = Object.keys(whole).find((name) => !isDeepStrictEqual(whole[name], cut[name]));
    if (key === undefined) return undefined;
    return `'${key}' differs in pieces: ${[whole[key], cut[key]].map((view) => JSON.stringify(view)?.slice(-200)).join(' and ')}`;
  },
};

const bytes: Campaign = {
  name: 'lines, counts and chunks out of one stream',
  honest: [['one\n', '0006ab', 'two\n', '\n', 'rest'].map((text) => Buffer.from(text))],
  dictionary: [Buffer.from('\n'), Buffer.alloc(1_048_576, 'x'), Buffer.alloc(1_048_577, 'x'), Buffer.from('\r\n')],
  judge: async (pieces, _honest, dice) => {
    const all = Buffer.concat(pieces);
    const reader = openByteReader(Readable.from(inChunks(all, dice)));
    let at = 0;
    for (let step = 0; step < 200; step += 1) {
      const way = dice.below(3);
      const expected = way === 0 ? all.indexOf(10, at) : at + dice.below(20);
      if (way === 2) {
        const got = await reader.chunk();
        if (got === undefined) return at === all.length ? undefined : 'ended too early';
        if (got.length === 0 || !all.subarray(at, at + got.length).equals(got)) return 'a wrong chunk';
        at += got.length;
        continue;
      }
      try {
        const got = way === 0 ? await reader.line() : await reader.bytes(expected - at);
        const there = expected >= 0 && expected <= all.length;
        if (got === undefined) return there ? 'ended too early' : undefined;
        if (!there || !all.subarray(at, expected).equals(got)) return 'wrong bytes';
        if (way === 0 && got.length > 1_048_576) return 'a line over the bound';
        at = expected + (way === 0 ? 1 : 0);
      } catch (error) {
        const end = all.indexOf(10, at);
        return (end < 0 ? all.length : end) - at > 1_048_576
          ? complain(error)
          : `threw for a short line: ${String(error)}`;
      }
    }
    return undefined;
  },
};

const words: Campaign = {
  name: 'text that is taken apart',
  honest: [
    ['section.key', '\n', 'value\0', 'core.bare\0', 'url.x.insteadof\ny\0'],
    ['"a\\tb', '\\303\\274', '\\"', '"'],
    ['option ', 'push-option ', '"dvcexp.jobs=4"'],
    ['push ', '+', 'refs/heads/a', ':', 'refs/heads/b'],
    ['ssh://', 'user@', '[::1]', ':22', '/%41', '/path'],
    ['ext::', 'sh -c', ' x'],
  ].map((texts) => texts.map((text) => Buffer.from(text))),
  dictionary: [
    '"',
    '\\',
    '\\400',
    '\\u',
    '::',
    '://',
    '[',
    ']',
    '@',
    '%ff',
    '%00',
    '~',
    '__proto__',
    'constructor',
  ].map((text) => Buffer.from(text)),
  judge: async (pieces) => {
    const line = Buffer.concat(pieces);
    const text = line.toString();
    const { rest } = parseCommand(line);
    const attempts = [
      () => parseConfiguration(text).rewrites('insteadOf'),
      () => parseConfiguration(`section.key\n${text}\0`).bool('section.key'),
      () => unquote(text),
      () => withOption(defaultOptions, parseCommand(Buffer.from(rest)).word, text),
      () => parsePushLine(line),
      () => parseInnerUrl(text),
    ];
    for (const attempt of attempts) {
      try {
        attempt();
      } catch (error) {
        const wrong = complain(error);
        if (wrong !== undefined) return wrong;
      }
    }
    return undefined;
  },
};

export const readers: readonly Campaign[] = [advertisement, splitter, watcher, bytes, words];
