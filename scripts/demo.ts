// The main job, played with plain Git in a folder of its own: no server, no DVC, nothing outside that folder.
//
//   npm run demo [-- FOLDER]
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { damaged, filesBelow, type Recorded, readRecorded } from './demo/recorded.ts';
import { DemoFailure, openTerminal, type Terminal } from './demo/terminal.ts';

const programs = fileURLToPath(new URL('../bin', import.meta.url));

/** Everything the chapters share. */
interface Stage {
  readonly folder: string;
  readonly team: string;
  readonly storage: string;
  readonly alice: string;
  readonly bob: string;
  readonly recorded: Recorded;
  readonly terminal: Terminal;
  /** Output of a Git command that is not part of the story. */
  git(folder: string, ...args: readonly string[]): string;
}

const main = 'refs/heads/main';
const pictures = 'refs/heads/more-pictures';

function openFolder(wanted: string | undefined): string {
  if (wanted === undefined) return mkdtempSync(join(tmpdir(), 'dvcexp-demo-'));
  // npm starts us at the top of the project; a relative name is meant from where the person stands.
  const folder = resolve(process.env.INIT_CWD ?? '.', wanted);
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new DemoFailure(`'${folder}' is not empty; name a folder that is, or one that does not exist yet`);
  }
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** A world in which the user's own Git configuration, prompts and variables play no part. */
function environmentOf(folder: string): Record<string, string> {
  const kept = ['TERM', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'PATHEXT', 'NO_COLOR'];
  return {
    ...Object.fromEntries(kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
    PATH: [programs, process.env.PATH].join(delimiter),
    HOME: join(folder, '.home'),
    XDG_CONFIG_HOME: join(folder, '.home/.config'),
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_PAGER: 'cat',
  };
}

function openStage(folder: string): Stage {
  const environment = environmentOf(folder);
  mkdirSync(join(folder, '.home'));
  writeFileSync(join(folder, '.home/.gitconfig'), '[user]\n\tname = Demo\n\temail = demo@example.com\n');
  return {
    folder,
    team: join(folder, 'team.git'),
    storage: join(folder, 'storage'),
    alice: join(folder, 'alice'),
    bob: join(folder, 'bob'),
    recorded: readRecorded(),
    terminal: openTerminal(environment, folder),
    git: (cwd, ...args) => execFileSync('git', args, { cwd, env: environment, encoding: 'utf8' }),
  };
}

/** Server, storage and Alice's clone as they are before the story starts. */
function prepare({ folder, team, storage, alice, recorded, terminal, git }: Stage): void {
  mkdirSync(storage);
  git(folder, 'init', '--quiet', '--bare', '--initial-branch=main', team);
  // A witness: Git's server runs this before it moves a ref, and it writes down how much data is there by then.
  const hook = '#!/bin/sh\nfind ../storage -type f 2>/dev/null | wc -l | tr -d " " >../witness.txt\n';
  writeFileSync(join(team, 'hooks/pre-receive'), hook, { mode: 0o755 });
  git(folder, 'init', '--quiet', '--initial-branch=main', alice);
  git(alice, 'fetch', '--quiet', '--update-head-ok', recorded.bundle, 'refs/*:refs/*');
  git(alice, 'reset', '--quiet', '--hard');
  git(alice, 'config', 'user.name', 'Alice');
  git(alice, 'config', 'user.email', 'alice@example.com');
  recorded.fillCache(join(alice, '.dvc/cache'));
  recorded.checkOut(main, alice);
  terminal.say(
    'Plain Git commands move experiments and their data.',
    '',
    `This happens in ${folder}:`,
    "  team.git/  the team's Git remote, a bare repository, still empty",
    "  storage/   the team's DVC storage, a directory, still empty",
    '  alice/     a project that the real DVC recorded, with its cache',
    '             and two experiments, quare-zips and cnn-32',
  );
}

function aliceShares({ storage, team, alice, folder, recorded, terminal, git }: Stage): void {
  const refs = [main, recorded.experiment('quare-zips'), recorded.experiment('cnn-32')];
  const expected = recorded.objects(...refs);
  terminal.chapter('1. Alice shares her work');
  terminal.say('One setting hands this Git remote to git-remote-dvcexp. Its URL stays', 'as it is.');
  terminal.type(alice, 'git remote add origin ../team.git');
  terminal.type(alice, 'git config remote.origin.vcs dvcexp');
  terminal.say('', 'Then she pushes as always: a branch, a tag, and the experiments that', 'grow from it.');
  terminal.type(alice, `git push origin main v1.0 '${globOf(refs[1])}'`);
  terminal.say('');
  terminal.check(
    `storage/ has the ${expected.length} objects that these refs need, and nothing else`,
    same(filesBelow(storage), expected),
  );
  terminal.check(
    "each of them hashes to its name, and equals the one in Alice's cache",
    equal(storage, alice, expected),
  );
  terminal.check(
    `when the refs arrived at team.git, all ${expected.length} were there already`,
    readFileSync(join(folder, 'witness.txt'), 'utf8').trim() === String(expected.length),
  );
  const arrived = [...refs, 'refs/tags/v1.0'].every((ref) => tip(git, team, ref) === tip(git, alice, ref));
  terminal.check('team.git has the branch, the tag and both experiments', arrived);
}

function bobClones({ folder, alice, bob, recorded, terminal, git }: Stage): void {
  const expected = recorded.objects(main);
  terminal.chapter('2. Bob clones');
  // As from a server: of a plain path Git would copy every object, and fetch nothing later.
  terminal.type(folder, 'git clone -c remote.origin.vcs=dvcexp "file://$PWD/team.git" bob');
  git(bob, 'config', 'user.name', 'Bob');
  git(bob, 'config', 'user.email', 'bob@example.com');
  terminal.say('');
  terminal.check(
    `his cache has the ${expected.length} objects of main, and none of an experiment's own`,
    same(filesBelow(cacheOf(bob)), expected),
  );
  terminal.check("each of them hashes to its name, and equals Alice's", equal(cacheOf(bob), alice, expected));
}

function bobFetches({ alice, bob, recorded, terminal, git }: Stage): void {
  const ref = recorded.experiment('cnn-32');
  const expected = recorded.objects(main, ref);
  terminal.chapter('3. Bob fetches one experiment');
  terminal.say('Which ones are there?');
  terminal.type(bob, "git ls-remote origin 'refs/exps/*'");
  terminal.say('', 'He wants cnn-32.');
  terminal.type(bob, "git fetch origin 'refs/exps/*/cnn-32:refs/exps/*/cnn-32'");
  terminal.say('');
  terminal.check('the ref is the commit that Alice pushed', tip(git, bob, ref) === tip(git, alice, ref));
  terminal.check(
    `its data came along: he has ${expected.length} objects, each as in Alice's cache`,
    same(filesBelow(cacheOf(bob)), expected) && equal(cacheOf(bob), alice, expected),
  );
  terminal.say('', 'What does the experiment change?');
  terminal.type(bob, 'git diff --unified=0 main FETCH_HEAD -- params.yaml metrics.json');
}

function storageGoesAway({ folder, team, storage, alice, bob, terminal, git }: Stage): void {
  terminal.chapter('4. Storage is out of reach');
  terminal.say('Somebody moves it away and leaves a note in its place:');
  terminal.type(folder, "mv storage elsewhere && echo 'moved, ask Carol' >storage");
  terminal.say('', 'Bob changed text only. No data has to move, so his push does not care:');
  terminal.type(bob, "echo 'Run it with: dvc repro' >>README.md");
  terminal.type(bob, "git commit --quiet --all --message 'Say how to run it'");
  terminal.type(bob, 'git push');
  terminal.say('');
  terminal.check('team.git has his commit', tip(git, team, main) === tip(git, bob, main));
  terminal.say('', 'Alice has a branch with new pictures. Without their data it must not appear:');
  const before = refsOf(git, team);
  terminal.type(alice, 'git push origin more-pictures', 'failure');
  terminal.say('');
  terminal.check('no ref moved in team.git', refsOf(git, team) === before);
  terminal.say('', 'Back it comes:');
  terminal.type(folder, 'rm storage && mv elsewhere storage');
  terminal.check('storage/ is as it was', damaged(storage).length === 0);
}

function objectIsLost(stage: Stage): void {
  const { team, storage, alice, bob, recorded, terminal, git } = stage;
  const lost = recorded.files(pictures)['data/labels.csv'];
  if (lost === undefined) throw new DemoFailure('the fixture has no data/labels.csv');
  terminal.chapter('5. One object is lost');
  terminal.say("The new labels vanish from Alice's cache, before anybody else has them:");
  terminal.type(alice, `mv .dvc/cache/${lost} ../lost`);
  const before = refsOf(git, team);
  terminal.type(alice, 'git push origin more-pictures', 'failure');
  terminal.say('');
  terminal.check('no ref moved in team.git', refsOf(git, team) === before);
  terminal.say('', 'She finds them again:');
  terminal.type(alice, `mv ../lost .dvc/cache/${lost}`);
  terminal.type(alice, 'git push origin more-pictures');
  const expected = recorded.objects(main, pictures, recorded.experiment('quare-zips'), recorded.experiment('cnn-32'));
  terminal.say('');
  terminal.check('team.git has the branch', tip(git, team, pictures) === tip(git, alice, pictures));
  terminal.check(
    `storage/ has all ${expected.length} objects of the project, whole`,
    same(filesBelow(storage), expected) && equal(storage, alice, expected),
  );
  terminal.say(
    '',
    'A fetch brings data for what Bob works on, not for every branch. When',
    'he wants it all, he says so:',
  );
  terminal.type(bob, 'git -c dvcexp.fetchData=all fetch origin');
  terminal.say('');
  const his = recorded.objects(main, pictures, recorded.experiment('cnn-32'));
  terminal.check(
    'the pictures are in his cache',
    same(filesBelow(cacheOf(bob)), his) && equal(cacheOf(bob), alice, his),
  );
}

function sayGoodbye({ folder, recorded, terminal }: Stage): void {
  const model = recorded.files(recorded.experiment('cnn-32'))['model.bin'];
  terminal.chapter('All of it worked. The folder is yours to play with');
  terminal.say(
    '',
    `  export PATH="${programs}:$PATH"`,
    `  cd ${join(folder, 'bob')}`,
    '',
    'The first line puts git-remote-dvcexp where Git finds it. Then try:',
    '',
    "  git fetch origin 'refs/exps/*/quare-zips:refs/exps/*/quare-zips'",
    '  rm -rf .dvc/cache && git dvcexp fetch    brings the data of HEAD again',
    '  GIT_TRACE_DVCEXP=1 git fetch             says what goes on',
    '',
    'With DVC installed, the data is put in place as ever:',
    '',
    '  dvc checkout                             data/, model.bin and the rest',
    '  dvc exp list --all-commits               which experiments are here',
    '  dvc exp apply cnn-32                     one of them, data and all',
    '',
    'Without DVC, each file is in the cache under the MD5 of its bytes. The',
    'model of cnn-32:',
    '',
    `  .dvc/cache/${model}`,
    '',
    `When you are done: rm -rf '${folder}'`,
  );
}

const cacheOf = (workTree: string): string => join(workTree, '.dvc/cache');

/** `refs/exps/ae/f07f…/cnn-32` → a refspec for every experiment whose baseline starts with `ae`. */
function globOf(ref: string | undefined): string {
  const glob = `${ref?.split('/').slice(0, 3).join('/')}/*`;
  return `${glob}:${glob}`;
}

function same(found: readonly string[], expected: readonly string[]): boolean {
  return found.join('\n') === expected.join('\n');
}

/** True when every object is undamaged and has the bytes of the one in Alice's cache. */
function equal(directory: string, alice: string, objects: readonly string[]): boolean {
  return (
    damaged(directory).length === 0 &&
    objects.every((path) => readFileSync(join(directory, path)).equals(readFileSync(join(cacheOf(alice), path))))
  );
}

function tip(git: Stage['git'], repository: string, ref: string): string {
  return git(repository, 'rev-parse', '--verify', ref);
}

function refsOf(git: Stage['git'], repository: string): string {
  return git(repository, 'for-each-ref');
}

function play(): void {
  let folder: string | undefined;
  try {
    folder = openFolder(process.argv[2]);
    const stage = openStage(folder);
    for (const chapter of [prepare, aliceShares, bobClones, bobFetches, storageGoesAway, objectIsLost, sayGoodbye]) {
      chapter(stage);
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const missing = 'code' in error && error.code === 'ENOENT' && 'path' in error && error.path === 'git';
    const reason = missing ? "cannot find the program 'git'" : error.message;
    process.stderr.write(`\ndemo failed: ${reason}\n`);
    if (folder !== undefined) process.stderr.write(`What is there so far stays in ${folder}\n`);
    process.exitCode = 1;
  }
}

play();
