// A nested helper that misbehaves: it says what it says, whatever it is asked, and ends.
import { writeFileSync } from 'node:fs';
import { encodePacket, flushPacket } from '../../src/git/pkt-line.ts';
import type { Campaign } from './campaign.ts';
import type { Grounds } from './grounds.ts';
import type { Pieces } from './mutate.ts';
import { checkAnswers, checkStderr, play } from './play.ts';
import { both, nobody, packets } from './transcripts.ts';

const lines = (...texts: readonly string[]): Buffer[] => texts.map((text) => Buffer.from(`${text}\n`));
const list = (main: string): string[] => [
  '@refs/heads/main HEAD',
  `${main} refs/heads/main`,
  `${main} refs/exps/stash`,
  '',
];
const batch = ['push refs/heads/main:refs/heads/one', 'push refs/heads/main:refs/heads/two', ''];
const [here, nowhere] = [both, nobody];

/** What Git says, and what an honest helper says to it. */
const dialogues: readonly { readonly git: readonly string[]; readonly helper: Pieces }[] = [
  {
    git: ['capabilities', 'option verbosity 1', 'list for-push', ...batch, ''],
    helper: lines(
      'fetch',
      'push',
      'option',
      '',
      'ok',
      ...list(here),
      'ok refs/heads/one',
      'error refs/heads/two "no"',
      '',
    ),
  },
  {
    git: ['capabilities', 'list', `fetch ${here} refs/heads/main`, '', ''],
    helper: lines('fetch', '', ...list(here), 'lock x.keep', ''),
  },
  {
    git: ['capabilities', 'option progress true', 'list', `fetch ${nowhere} refs/heads/main`, '', ''],
    helper: lines('fetch', 'option', '', 'ok', ...list(nowhere), 'connectivity-ok', ''),
  },
  { git: ['capabilities', 'connect git-upload-pack'], helper: lines('connect', '', 'fallback') },
  {
    git: ['capabilities', 'stateless-connect git-upload-pack', 'list', ''],
    helper: lines('stateless-connect', 'fetch', 'push', '', 'fallback', ...list(here)),
  },
  {
    git: ['capabilities', 'list for-push', ...batch, ''],
    helper: [
      ...lines('*connect', '', ''),
      encodePacket(`${here} refs/heads/main\0report-status delete-refs\n`),
      ...[flushPacket, ...packets('unpack ok', 'ok refs/heads/one', 'ng refs/heads/two no'), flushPacket],
    ],
  },
  { git: ['capabilities', 'import refs/heads/main', ''], helper: lines('import', 'refspec a:b', '', 'a stream') },
];

const connecting = dialogues.findIndex(({ helper }) => helper[0]?.toString() === '*connect\n');

export function nestedHelper(grounds: () => Grounds): Campaign {
  let prepared = false;
  const prepare = ({ world, program }: Grounds): void => {
    if (!prepared) program('git-remote-fake', `cat '${world.path('reply')}'; exit "$FUZZ_EXIT"`);
    prepared = true;
  };
  return {
    name: 'a nested helper',
    honest: dialogues.map(({ helper }) => helper),
    dictionary: lines(
      '',
      'ok',
      'unsupported',
      'error no',
      'fallback',
      'ok refs/heads/one',
      'ok refs/heads/three',
      'connect',
    ).concat(
      lines(
        'error refs/heads/one',
        'ok',
        'option refname x',
        '? refs/heads/odd',
        ':object-format sha256',
        'lock',
        'get',
        '*odd',
      ),
    ),
    judge: async (pieces, honest, dice) => {
      const place = grounds();
      prepare(place);
      const real = (text: string): string => text.replaceAll(here, place.shared).replaceAll(nowhere, place.nowhere);
      const reply = real(Buffer.concat(pieces).toString('latin1'));
      writeFileSync(place.world.path('reply'), reply, 'latin1');
      const git = (dialogues[honest]?.git ?? []).map(real);
      const said = Buffer.from(git.map((line) => `${line}\n`).join(''));
      const code = dice.pick([0, 0, 1, 42]);
      const played = await play(place.stage('fake://somewhere', { FUZZ_EXIT: String(code) }), [said]);
      // A server that does not offer reports is believed when it ends well, as by Git.
      const believed = honest === connecting && !reply.includes('report-status') && code === 0;
      const invented = [...played.stdout.matchAll(/^ok (\S+)$/gm)].find(([line]) => !reply.includes(`${line}\n`));
      if (invented !== undefined && !believed) return `invented '${invented[0]}'`;
      if (played.downloads.some(({ wants }) => wants.some(({ oid: want }) => want === place.nowhere))) {
        return 'asked for the data of a commit that is not here';
      }
      const wants = git.filter((line) => line.startsWith('fetch '));
      if (played.code === 0 && wants.some((line) => line.includes(place.nowhere))) return 'exit 0 without the objects';
      // An import is answered by a stream, and whatever a helper says instead of an option's answer is the answer.
      if (git.some((line) => line.startsWith('import'))) return checkStderr(played.stderr);
      const listed = /^(?!\?|[0-9a-f]{40}|@\S+ |:).+$/m.test(reply) ? undefined : checkAnswers(said, played);
      return listed ?? checkStderr(played.stderr);
    },
  };
}
