import type { GitOid, RefName } from '../model/git.ts';
import type { Key } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { type DataMoverContext, openSession } from './context.ts';
import { markLive } from './live.ts';
import { type Group, planShare } from './plan.ts';
import { pushWay, uploadPlan } from './upload-plan.ts';

/**
 * Brings all data of named commits to storage, whatever Git has or has not to push: of each commit as a whole, so that
 * whoever gets it finds everything. Answers the names whose data is not whole there afterwards, with a short reason each;
 * already explained on stderr. What this clone saw in storage lately is not asked about again.
 */
export async function shareData(
  context: DataMoverContext,
  commits: readonly { readonly commit: GitOid; readonly name: RefName }[],
  options: { readonly dryRun: boolean },
  operation: Operation,
): Promise<ReadonlyMap<RefName, string>> {
  const session = openSession(context, operation);
  const unmark = markLive(session.directory);
  try {
    const plan = await planShare(commits, session.projects);
    const tips = commits.map(({ commit, name }) => ({ ref: name, source: commit }));
    const way = await pushWay(session, tips);
    const groups = new Map<string, Group>();
    for (const [identity, group] of plan.groups) {
      const { ledger } = await session.toolsFor(group, way);
      const isSettled = (key: Key): boolean => !context.settings.forceUpload && ledger.has(key);
      const needs = [...group.needs].filter(([key]) => !isSettled(key));
      if (needs.length > 0) groups.set(identity, { ...group, needs: new Map(needs) });
    }
    // That there is no storage remote is part of the answer, and not told here.
    const told = { ...plan, groups, homeless: [] };
    const failed = new Map(await uploadPlan(session, told, { ...options, atomic: false, tips }, operation));
    for (const { refs } of plan.homeless) {
      for (const ref of refs) failed.set(ref, 'dvc: no storage remote configured');
    }
    return failed;
  } finally {
    unmark();
    await session.close();
  }
}
