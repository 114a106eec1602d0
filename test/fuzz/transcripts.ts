// What honest Git programs say, as the pieces that are changed.
import { encodePacket, flushPacket } from '../../src/git/pkt-line.ts';
import type { Pieces } from './mutate.ts';

export const oid = (digit: string): string => digit.repeat(40);
/** Stand for a commit that both sides have, one that comes with the pack, and one that nobody has; put in when a case is played. */
export const both: string = 'b7'.repeat(20);
export const incoming: string = 'e3'.repeat(20);
export const nobody: string = 'd9'.repeat(20);
export const packets = (...lines: readonly string[]): Buffer[] => lines.map((line) => encodePacket(`${line}\n`));
const band = (content: string | Buffer, channel = 1): Buffer =>
  encodePacket(Buffer.concat([Buffer.from([channel]), Buffer.from(content)]));
const delimiter = Buffer.from('0001');
const experiment = `refs/exps/${oid('a').slice(0, 2)}/${oid('a').slice(2)}/exp`;

const uploadCapabilities =
  'multi_ack side-band-64k ofs-delta shallow no-progress symref=HEAD:refs/heads/main agent=git/2';
const receiveCapabilities =
  'report-status delete-refs side-band-64k quiet atomic ofs-delta object-format=sha1 agent=git/2';

export function advertisementOf(service: 'upload-pack' | 'receive-pack', main: string = oid('a')): Buffer[] {
  const capabilities = service === 'upload-pack' ? uploadCapabilities : receiveCapabilities;
  const names = service === 'upload-pack' ? ['HEAD', 'refs/heads/main'] : ['refs/heads/main'];
  const [first = '', ...others] = [...names, 'refs/exps/exec/EXEC_HEAD', experiment, 'refs/tags/v1'];
  return [
    encodePacket(`${main} ${first}\0${capabilities}\n`),
    ...packets(...others.map((name) => `${main} ${name}`)),
    flushPacket,
  ];
}

const version2 = [
  ...packets('version 2', 'agent=git/2', 'ls-refs=unborn', 'fetch=shallow filter', 'object-format=sha1'),
  flushPacket,
];

function listOf(main: string): Buffer[] {
  return [
    ...packets(`${main} HEAD symref-target:refs/heads/main`, `${main} refs/heads/main`, `${main} refs/exps/stash`),
    ...packets(`${main} ${experiment}`, `${main} refs/tags/v1 peeled:${main}`),
    flushPacket,
  ];
}

export const lsRefs = (...prefixes: readonly string[]): Buffer =>
  Buffer.concat([
    ...[...packets('command=ls-refs', 'agent=git/2'), delimiter],
    ...packets('peel', 'symrefs', ...prefixes.map((prefix) => `ref-prefix ${prefix}`)),
    flushPacket,
  ]);

export const fetchOf = (...wants: readonly string[]): Buffer =>
  Buffer.concat([
    ...[...packets('command=fetch', 'agent=git/2'), delimiter],
    ...packets('thin-pack', 'ofs-delta', ...wants.map((want) => `want ${want}`), 'done'),
    flushPacket,
  ]);

/** A conversation with upload-pack: each message of the server, and what Git says behind it. */
export interface Response {
  readonly answer: readonly Pieces[];
  readonly requests: readonly Buffer[];
  readonly wants: readonly string[];
}

/** @param want an object that is wanted, `main` one that the list names */
export function responsesFor(main: string, want: string): readonly Response[] {
  const pack = [
    ...packets('packfile'),
    band('Counting\r', 2),
    band('PACK'),
    band('x'.repeat(3_000)),
    band('y'),
    flushPacket,
  ];
  const shallow = [...packets('shallow-info', `shallow ${main}`), delimiter, ...pack];
  const common = [...packets('acknowledgments', `ACK ${main}`, 'ready'), delimiter, ...pack];
  const oldPack = [...packets('NAK'), band('PACK'), band('x'.repeat(500)), flushPacket];
  const prefixes = ['refs/heads/', 'refs/tags/', experiment];
  const oldWant = Buffer.concat([...packets(`want ${want} side-band-64k`), flushPacket, ...packets('done')]);
  const wants = [want];
  return [
    { answer: [version2, listOf(main), pack], requests: [lsRefs(...prefixes), fetchOf(want)], wants },
    { answer: [version2, listOf(main), shallow], requests: [lsRefs('HEAD'), fetchOf(want)], wants },
    { answer: [version2, listOf(main), common], requests: [lsRefs('refs/exps/'), fetchOf(want)], wants },
    { answer: [version2, listOf(main)], requests: [lsRefs()], wants: [] },
    { answer: [advertisementOf('upload-pack', main), oldPack], requests: [oldWant], wants },
    { answer: [advertisementOf('upload-pack', main)], requests: [flushPacket], wants: [] },
  ];
}

export const responses: readonly Response[] = responsesFor(both, incoming);
