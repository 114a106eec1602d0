import { shortId } from '../experiments/experiment.ts';
import type { Paint } from '../report/color.ts';
import { printable } from '../report/printable.ts';
import { countOf, formatBytes } from '../report/progress.ts';
import type { Checked, Fault, FsckReport } from '../upkeep/fault.ts';
import type { Sample } from '../upkeep/sample.ts';

/** Nothing is wrong any more, and all could be checked. */
export function isSound({ faults, problems }: FsckReport): boolean {
  return problems.length === 0 && faults.every(({ repaired }) => repaired);
}

interface FsckStyle {
  readonly sample: Sample;
  /** Repair was asked for. */
  readonly repair: boolean;
  /** Every fault, not only some. */
  readonly all: boolean;
  readonly paint: Paint;
}

const fewLines = 30;

/** A line for each place, one for each fault, and at the end what is to be done. */
export function* fsckLines(report: FsckReport, { sample, repair, all, paint }: FsckStyle): Generator<string> {
  const { caches, storages, faults, leftovers, writable, problems } = report;
  for (const each of caches) yield `cache ${each.place}: ${amounts(each)}`;
  for (const each of storages) yield `storage ${each.place}: ${amounts(each)}`;
  if (sample.share < 1)
    yield `    of a sample of ${percentOf(sample)}%; the same one again: --seed ${printable(sample.seed)}`;
  if (leftovers.files > 0) {
    yield `    ${countOf(leftovers.files, 'file')} in the cache ${leftovers.files === 1 ? 'is' : 'are'} no object, ${formatBytes(leftovers.bytes)}`;
  }
  if (writable > 0) {
    const does = repair ? 'could not be made read-only' : 'can be written to; --repair makes them read-only';
    yield `    ${countOf(writable, 'object')} in the cache ${does}`;
  }
  const shown = all ? faults : faults.slice(0, fewLines);
  for (const fault of shown) yield* linesOf(fault, paint);
  if (shown.length < faults.length) yield `... and ${faults.length - shown.length} more (-v shows all)`;
  for (const problem of problems) yield paint('bad', printable(problem));
  yield conclusion(report, repair, paint);
}

function amounts({ objects, hashed, bytes, vouched, elsewhere }: Checked): string {
  return [
    countOf(objects, 'object'),
    `${hashed} read and hashed (${formatBytes(bytes)})`,
    ...(vouched > 0 ? [`${vouched} hashed by the service`] : []),
    ...(elsewhere > 0 ? [`${elsewhere} not here, and need not be`] : []),
  ].join(', ');
}

function* linesOf(fault: Fault, paint: Paint): Generator<string> {
  const { side, kind, key, path, commit, reason, repaired, obstacle } = fault;
  const what = path === undefined ? 'needed by no commit' : `${printable(path)}, ${nameOf(commit)}`;
  const verdict = repaired ? paint('good', `${kind}, repaired`) : paint('bad', kind);
  yield `${verdict} in ${side}: ${what} (${key}): ${printable(reason)}`;
  if (!repaired && obstacle !== undefined) yield `    not repaired: ${printable(obstacle)}`;
}

function nameOf(commit: Fault['commit']): string {
  if (commit === undefined) return '';
  const id = shortId(commit.id);
  return commit.name === id ? id : `${printable(commit.name)} (${id})`;
}

function conclusion(report: FsckReport, repair: boolean, paint: Paint): string {
  const { faults, problems } = report;
  const left = faults.filter(({ repaired }) => !repaired);
  const mended = faults.length - left.length;
  if (isSound(report))
    return paint('good', mended === 0 ? 'all is right' : `${countOf(mended, 'object')} repaired, all is right`);
  const parts = [
    ...(mended > 0 ? [`${countOf(mended, 'object')} repaired`] : []),
    ...(left.length > 0 ? [`${countOf(left.length, 'object')} ${left.length === 1 ? 'is' : 'are'} wrong`] : []),
    ...(problems.length > 0 ? ['not all could be checked'] : []),
  ];
  return (
    paint('bad', parts.join(', ')) +
    (left.length > 0 && !repair ? '; --repair gets right bytes from the other side' : '')
  );
}

const percentOf = ({ share }: Sample): number => Number((share * 100).toFixed(6));

/** As git-dvcexp(1) describes it under JSON. */
export function fsckToJson(report: FsckReport, sample: Sample): unknown {
  const { caches, storages, faults, leftovers, writable, problems } = report;
  return {
    sound: isSound(report),
    sample: sample.share < 1 ? { percent: percentOf(sample), seed: sample.seed } : null,
    caches,
    storages,
    faults: faults.map(({ side, kind, key, path, commit, reason, place, bytes, repaired, obstacle }) => ({
      side,
      kind,
      object: key,
      path: path ?? null,
      commit: commit ?? null,
      place,
      bytes: bytes ?? null,
      reason,
      repaired,
      obstacle: obstacle ?? null,
    })),
    leftovers,
    writable,
    problems,
  };
}
