import { isAbort } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import type { Settings } from '../model/settings.ts';
import { isCloudVersioned } from '../model/storage-config.ts';
import { displayUrl, printable } from '../report/printable.ts';
import { countOf } from '../report/progress.ts';
import { word } from './commands.ts';
import type { CommandContext } from './context.ts';
import { error, type Finding, failed, warn } from './finding.ts';
import type { CommandRepository } from './repository.ts';
import { type Survey, type SurveyedProject, surveyRepository } from './survey.ts';

/** What a push will do from now on: lines to show, and what is to be known beside them. */
export interface Outlook {
  readonly lines: readonly string[];
  readonly findings: readonly Finding[];
}

/** Tells where data of the next push goes. What cannot be told is a finding, never a failure. */
export async function nextPush(
  repository: CommandRepository,
  settings: Settings,
  remote: string,
  context: CommandContext,
  operation: Operation,
): Promise<Outlook> {
  const others = [...pushesElsewhere(repository, remote), ...switchedOff(settings)];
  try {
    const survey = await surveyRepository(repository, settings, context, operation);
    const lines = survey.storages.map((storage) => {
      const which = `${displayUrl(storage.url)} (storage remote '${printable(storage.name)}')`;
      return isCloudVersioned(storage)
        ? `git push wants the data of new commits in ${which} before, by 'dvc push' and a commit of the versions`
        : `git push first uploads the data of new commits to ${which}`;
    });
    return { lines: settings.noCache ? [] : lines, findings: [...others, ...judgeSurvey(survey, repository)] };
  } catch (thrown) {
    if (isAbort(thrown)) throw thrown;
    return { lines: [], findings: [...others, failed(thrown, 'cannot tell where data will go: ')] };
  }
}

/** `git push` may have another default than `git fetch` (git-config(1), remote.pushDefault). */
function pushesElsewhere({ configuration }: CommandRepository, remote: string): readonly Finding[] {
  const elsewhere = configuration.get('remote.pushdefault');
  if (elsewhere === undefined || elsewhere === remote) return [];
  const text = `a bare 'git push' goes to '${printable(elsewhere)}' (remote.pushDefault), which is set up by itself`;
  return [warn(text, `git dvcexp setup ${word(elsewhere)}`)];
}

/** The setting that makes a push one of refs only. */
export function switchedOff({ noCache }: Settings): readonly Finding[] {
  if (!noCache) return [];
  return [
    warn('dvcexp.noCache is on: refs move without data', 'git config --unset dvcexp.noCache, or unset DVCEXP_NO_CACHE'),
  ];
}

/** What in HEAD and its configuration keeps data from moving. */
export function judgeSurvey(survey: Survey, { location }: CommandRepository): readonly Finding[] {
  const { projects, problems, homeless, warnings } = survey;
  if (projects.length === 0) {
    const text = 'there is no DVC project here, neither in HEAD nor in the work tree: git moves refs as before';
    return [warn(text, 'start one: dvc init')];
  }
  return [
    ...projects.flatMap(judgeProject),
    ...problems.map((problem) => failed(problem)),
    ...(homeless === 0 ? [] : [judgeHomeless(homeless)]),
    ...warnings.map((text) => warn(text)),
    ...(location.workTree === undefined ? [bare] : []),
  ];
}

const bare: Finding = warn(
  'a bare repository has no DVC cache of its own, so no data moves here',
  'configure one for this machine: dvc cache dir --global <directory>',
);

function judgeHomeless(count: number): Finding {
  const have = `${countOf(count, 'output')} of HEAD ${count === 1 ? 'has' : 'have'}`;
  return error(`${have} no storage remote to go to: the data stays on this machine`, addStorage);
}

const addStorage = 'dvc remote add --default storage <url>, then commit .dvc/config';

function judgeProject({ root, state, storage, uncommitted }: SurveyedProject): readonly Finding[] {
  const folder = root === '' ? '.dvc' : `${root}/.dvc`;
  const at = root === '' ? '' : ` in '${printable(root)}'`;
  // A configuration that cannot be used is told as a problem.
  const without =
    storage === undefined
      ? [error(`no default storage remote is configured${at}: data stays on this machine, and refs go`, addStorage)]
      : [];
  if (state === 'new') {
    const text = `the DVC project${at} is not committed yet, and data goes where the commit says`;
    return [warn(text, `git add ${word(folder)} && git commit`), ...without];
  }
  if (uncommitted === undefined) return without;
  const text = `storage remote '${printable(uncommitted.name)}' (${displayUrl(uncommitted.url)}) is in the work tree's .dvc/config${at} and not in HEAD's, which counts`;
  const finding = storage === undefined ? error : warn;
  return [finding(text, `git add ${word(`${folder}/config`)} && git commit`)];
}
