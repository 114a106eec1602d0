import { HelperError } from '../model/error.ts';
import { isExperiment, type RefName } from '../model/git.ts';
import type { Settings } from '../model/settings.ts';
import { displayUrl, printable } from '../report/printable.ts';
import { countOf } from '../report/progress.ts';
import type { Voice } from '../report/voice.ts';
import { noStorageFor, storageHint } from './homeless.ts';
import type { Edge, Unrecorded } from './plan.ts';

/** Outputs without a storage remote: told, and refused where that is asked for. Adds the refs that must not move. */
export function reportHomeless(
  homeless: readonly Edge[],
  settings: Settings,
  voice: Voice,
  failed: Map<RefName, string>,
): void {
  if (homeless.length === 0) return;
  const message = `${noStorageFor(homeless.map(({ path }) => path))}: the data stays on this machine`;
  if (!settings.requireStorage) {
    voice.warn(message, storageHint);
    return;
  }
  voice.fail(new HelperError('config', message, { hints: [storageHint] }));
  for (const ref of homeless.flatMap(({ refs }) => refs)) failed.set(ref, 'dvc: no storage remote configured');
}

/**
 * Data that only DVC can bring to a cloud-versioned storage remote, since the commit has to name the versions that the
 * upload makes. Adds the refs that must not move.
 */
export function reportUnrecorded(
  unrecorded: readonly Unrecorded[],
  settings: Settings,
  voice: Voice,
  failed: Map<RefName, string>,
): void {
  const [first] = unrecorded;
  if (first === undefined) return;
  const paths = [...new Set(unrecorded.map(({ edge }) => edge.path))];
  const count = `${countOf(paths.length, 'output')} ${paths.length === 1 ? 'has' : 'have'}`;
  const { name, url } = first.storage;
  const where = `storage remote '${printable(name)}' (${displayUrl(url)})`;
  const message = `${count} no version recorded in the cloud-versioned ${where}`;
  if (settings.allowMissing) {
    voice.warn(`${message}, the first is '${paths[0]}'`);
    return;
  }
  voice.fail(`${message}:`);
  voice.list(paths);
  const refs = unrecorded.flatMap(({ edge }) => edge.refs);
  voice.say("hint: upload with 'dvc push', commit the .dvc files and dvc.lock that it changed, and push again");
  if (refs.some(isExperiment))
    voice.say('hint: an experiment needs a branch for that: dvc exp branch <experiment> <branch>');
  voice.say('hint: to use another storage remote: git push -o dvcexp.remote=<name> ...');
  for (const ref of refs) failed.set(ref, 'dvc: data without a recorded version');
}
