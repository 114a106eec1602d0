// Real git, the helper as a program, and a server that plays what a real one said, changed. Whatever becomes of it must
// become of it with plain Git, too, or be a failure.
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { buildHelperProgram } from '../kit/helper-program.ts';
import type { MoverNote } from '../kit/mover-script.ts';
import { openWorld, type Ran, type World } from '../kit/world.ts';
import type { Campaign } from './campaign.ts';
import type { Pieces } from './mutate.ts';
import { checkStderr } from './play.ts';
import { packets } from './transcripts.ts';

/** Hands on to the real service, and writes down what it says between two requests of its client. */
const recorder = `import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
const [file, service, ...args] = process.argv.slice(2);
const child = spawn('git', [service, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
const messages = [[]];
process.stdin.on('data', (chunk) => { if (messages.at(-1).length > 0) messages.push([]); child.stdin.write(chunk); });
process.stdin.on('end', () => child.stdin.end());
child.stdout.on('data', (chunk) => { messages.at(-1).push(chunk); process.stdout.write(chunk); });
child.on('close', () => writeFileSync(file, JSON.stringify(messages.map((parts) => Buffer.concat(parts).toString('latin1')))));
`;
/** Says the next message whenever it is asked something, and goes when it is not: who waits for more would wait for ever. */
const player = `import { readFileSync } from 'node:fs';
const messages = JSON.parse(readFileSync(process.argv[2], 'utf8'));
let next = 0;
let timer;
const speak = () => { clearTimeout(timer); timer = setTimeout(() => process.exit(0), 1500); if (next < messages.length) process.stdout.write(Buffer.from(messages[next++], 'latin1')); };
process.stdout.on('error', () => process.exit(1));
speak();
process.stdin.on('data', speak);
process.stdin.on('end', () => process.exit(0));
`;

interface Recording {
  readonly name: string;
  readonly args: readonly string[];
  readonly service: 'upload-pack' | 'receive-pack';
  readonly messages: readonly Pieces[];
}

interface Grounds {
  readonly world: World;
  readonly helper: string;
  readonly recordings: readonly Recording[];
}

/** A message in its packets; what is no packet is the last piece. */
function cut(message: string): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < message.length; ) {
    const head = message.slice(at, at + 4);
    const length = /^[0-9a-f]{4}$/.test(head) ? Math.max(Number.parseInt(head, 16), 4) : message.length;
    pieces.push(Buffer.from(message.slice(at, at + length), 'latin1'));
    at += length;
  }
  return pieces;
}

const commands: readonly Pick<Recording, 'name' | 'args' | 'service'>[] = [
  { name: 'fetch, version 2', args: ['-c', 'protocol.version=2', 'fetch', 'origin'], service: 'upload-pack' },
  { name: 'fetch, version 0', args: ['-c', 'protocol.version=0', 'fetch', 'origin'], service: 'upload-pack' },
  { name: 'ls-remote', args: ['ls-remote', 'origin'], service: 'upload-pack' },
  { name: 'push', args: ['push', '--porcelain', 'origin', 'main', 'main:second'], service: 'receive-pack' },
];

function prepare(): Grounds {
  const date = '1700000000 +0000';
  const world = openWorld({ GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date });
  const [bare, client] = [world.path('bare.git'), world.path('template')];
  writeFileSync(world.path('record.mjs'), recorder);
  writeFileSync(world.path('play.mjs'), player);
  world.git(world.directory, 'init', '-q', '--bare', bare);
  world.git(world.directory, 'init', '-q', client);
  writeFileSync(join(client, 'file'), 'one\n');
  world.git(client, 'add', '.');
  world.git(client, 'commit', '-qm', 'one');
  world.git(client, 'push', '-q', bare, 'main');
  const tree = world.git(bare, 'rev-parse', 'main^{tree}');
  world.git(bare, 'update-ref', 'refs/heads/next', world.git(bare, 'commit-tree', '-p', 'main', '-m', 'next', tree));
  world.git(client, 'commit', '-q', '--allow-empty', '-m', 'two');
  world.git(client, 'remote', 'add', 'origin', '../bare.git');
  const recordings = commands.map((command): Recording => {
    const copy = world.path('recorded');
    cpSync(client, copy, { recursive: true });
    const program = `${process.execPath} ${world.path('record.mjs')} ${world.path('recording')} ${command.service}`;
    world.git(copy, '-c', `remote.origin.${command.service.replace('-', '')}=${program}`, ...command.args);
    rmSync(copy, { recursive: true });
    const messages = JSON.parse(readFileSync(world.path('recording'), 'utf8')) as string[];
    // A push that was recorded has moved refs.
    if (command.service === 'receive-pack')
      for (const ref of ['main', 'second']) world.git(bare, 'update-ref', '-d', `refs/heads/${ref}`);
    return { ...command, messages: messages.map(cut) };
  });
  return { world, helper: buildHelperProgram(world.directory), recordings };
}

export interface RealGit extends Campaign {
  close(): void;
}

/** Records at once; the caller closes. */
export function realGit(): RealGit {
  const { world, helper, recordings } = prepare();
  const playing = async ({ args, service }: Recording, ours: boolean): Promise<Ran & { refs: string }> => {
    const client = world.path(ours ? 'ours' : 'plain');
    rmSync(client, { recursive: true, force: true });
    cpSync(world.path('template'), client, { recursive: true });
    const program = `${process.execPath} ${world.path('play.mjs')} ${world.path('played')}`;
    const config = [
      `remote.origin.${service.replace('-', '')}=${program}`,
      ...(ours ? ['remote.origin.vcs=dvcexp'] : []),
    ];
    const ran = await world.runAsync(client, 'git', [...config.flatMap((text) => ['-c', text]), ...args], {
      env: { PATH: `${helper}${delimiter}${world.env.PATH}`, DVCEXP_TEST_LOG: world.path('log') },
    });
    return { ...ran, refs: world.git(client, 'for-each-ref', '--format=%(refname) %(objectname)') };
  };
  return {
    name: 'real Git, and a server that misbehaves',
    honest: recordings.map(({ messages }) => messages.flat()),
    dictionary: [
      ...packets('ERR no', 'NAK', 'unpack ok', 'ok refs/heads/main', 'ng refs/heads/main no'),
      Buffer.from('0000'),
      Buffer.from('0001'),
    ],
    judge: async (pieces, honest) => {
      const recording = recordings[honest];
      if (recording === undefined) return 'no such recording';
      let at = 0;
      const messages = recording.messages.map((message, index) => {
        const end = index === recording.messages.length - 1 ? pieces.length : at + message.length;
        const text = Buffer.concat(pieces.slice(at, end)).toString('latin1');
        at = end;
        return text;
      });
      writeFileSync(world.path('played'), JSON.stringify(messages));
      rmSync(world.path('log'), { force: true });
      const ours = await playing(recording, true);
      const plain = await playing(recording, false);
      const notes = existsSync(world.path('log'))
        ? readFileSync(world.path('log'), 'utf8')
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line) as MoverNote)
        : [];
      if (notes.some((note) => note.event === 'download' && !note.present))
        return 'data was asked for before its commits were here';
      if (ours.code === 0 && plain.code !== 0) return `ours succeeds, plain Git does not: ${plain.stderr}`;
      if (ours.code === 0 && ours.refs !== plain.refs)
        return `other refs than with plain Git:\n${ours.refs}\n${plain.refs}`;
      const moved = ours.refs.includes('refs/remotes/origin/next');
      if (moved && !notes.some(({ event }) => event === 'download')) return 'a ref moved, and no data was asked for';
      const untouched = Buffer.concat(pieces).equals(Buffer.concat(recording.messages.flat()));
      if (untouched && ours.code !== 0) return `honest, and ended with ${ours.code}: ${ours.stderr}`;
      return checkStderr(ours.stderr);
    },
    close: () => world.remove(),
  };
}
