// A Git that misbehaves, towards a real repository as the Git remote.
import type { Campaign } from './campaign.ts';
import type { Grounds } from './grounds.ts';
import { checkAnswers, checkStderr, play } from './play.ts';
import { both, fetchOf, lsRefs } from './transcripts.ts';

const lines = (...texts: readonly string[]): Buffer[] => texts.map((text) => Buffer.from(`${text}\n`));
const flush = Buffer.from('0000');
const start = lines('capabilities', 'option progress false', 'option verbosity 1');

const pushes = [
  [...start, ...lines('list for-push', 'push refs/heads/main:refs/heads/main', '', '')],
  [
    ...start,
    ...lines('option push-option "dvcexp.jobs=2"', 'option atomic true', 'connect git-receive-pack', 'list for-push'),
    ...lines('push +refs/heads/main:refs/heads/new', 'push :refs/heads/main', 'push HEAD~1:refs/tags/t', '', ''),
  ],
  [
    ...start,
    ...lines('option object-format true', `option cas refs/heads/main:${both}`, 'option dry-run true'),
    ...lines('list for-push', 'push refs/heads/main:refs/heads/b', '', 'list for-push', ''),
  ],
];
const fetches = [
  [...start, ...lines('connect git-upload-pack'), lsRefs(), flush],
  [...start, ...lines('option cloning true', 'connect git-upload-pack'), lsRefs('refs/heads/'), fetchOf(both), flush],
  [...start, ...lines('list', `fetch ${both} refs/heads/main`, '', '')],
];

const dictionary = [
  ...lines(
    'capabilities',
    'list',
    'list for-push',
    '',
    'option',
    'option ',
    'option push-option "a\\000b"',
    'push',
    'push a',
  ),
  ...lines(
    'push :',
    'push +:',
    'push a:b c',
    'push refs/heads/main:refs/heads/ä',
    'push HEAD:HEAD',
    'push :refs/exps/stash',
  ),
  ...lines('push refs/heads/nothing:refs/heads/x', 'push -x:refs/heads/-y', 'push refs/heads/main:refs/heads/.lock'),
  ...lines('fetch', 'fetch x', `fetch ${both} HEAD`, 'import x', 'export', 'connect', 'connect git-upload-archive'),
  ...lines(
    'connect x',
    'stateless-connect git-upload-pack',
    'option family all',
    'option verbosity 99',
    'option verbosity x',
  ),
  ...lines(
    'option servpath',
    'option servpath git-receive-pack',
    'option pushcert if-asked',
    'option cas x',
    'get a b',
  ),
  ...lines('option push-option dvcexp.jobs=0', 'option push-option dvcexp.nonsense', 'option object-format sha256'),
  ...lines('option depth 1', 'option filter blob:none', 'option __proto__ x', 'option constructor x'),
  Buffer.from('push refs/heads/main:refs/heads/\xff\xfe\n', 'latin1'),
];

/** Refs of the bare repository, as `<ref>` → object. */
function refsOf({ world, bare }: Grounds): ReadonlyMap<string, string> {
  const text = world.run(bare, 'git', ['for-each-ref', '--format=%(refname) %(objectname)']).stdout;
  return new Map(text.split('\n').map((line) => line.split(' ') as [string, string]));
}

/** `ok` is said of refs that stand where they were sent, and nothing else has moved without its data. */
function checkRefs(
  grounds: Grounds,
  before: ReadonlyMap<string, string>,
  played: Awaited<ReturnType<typeof play>>,
  dry: boolean,
): string | undefined {
  const after = refsOf(grounds);
  const uploaded = new Set(played.uploads.flatMap(({ refs }) => refs.map(({ destination }) => destination as string)));
  for (const [ref, now] of after) {
    if (before.get(ref) === now || ref === '') continue;
    if (!uploaded.has(ref)) return `'${ref}' moved without its data`;
    if (dry) return `'${ref}' moved in a dry run`;
  }
  for (const ref of before.keys()) {
    if (!after.has(ref) && !played.stdout.includes(`ok ${ref}\n`)) return `'${ref}' is gone, and nobody was told`;
  }
  return undefined;
}

export function outerGit(grounds: () => Grounds): Campaign {
  return {
    name: 'Git',
    honest: [...pushes, ...fetches],
    dictionary,
    judge: async (pieces) => {
      const place = grounds();
      place.reset();
      const said = Buffer.from(Buffer.concat(pieces).toString('latin1').replaceAll(both, place.shared), 'latin1');
      const before = refsOf(place);
      const played = await play(place.stage(place.bare), [said]);
      if (!Number.isInteger(played.code) || played.code < 0 || played.code > 255) return `exit code ${played.code}`;
      const [first = ''] = said.toString('latin1').split('\npush ');
      const dry = first.includes('\noption dry-run true\n');
      return checkAnswers(said, played) ?? checkStderr(played.stderr) ?? checkRefs(place, before, played, dry);
    },
  };
}
