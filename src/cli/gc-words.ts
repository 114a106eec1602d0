import type { Paint } from '../report/color.ts';
import { countOf, formatBytes } from '../report/progress.ts';
import type { GcPlace, GcReport } from '../upkeep/gc.ts';
import type { Amount } from '../upkeep/stocktaking.ts';

interface GcStyle {
  /** How old has to be what goes. */
  readonly days: number;
  readonly yes: boolean;
  readonly paint: Paint;
}

/** What stays and what goes, of each place; of a dry run the biggest, and what to type. */
export function* gcLines({ commits, places }: GcReport, style: GcStyle): Generator<string> {
  yield `${countOf(commits, 'commit')} and the work tree were looked at`;
  for (const place of places) yield* linesOf(place, style);
  const unneeded = places.reduce((sum, place) => sum + place.unneeded.objects, 0);
  if (!style.yes && unneeded > 0) yield 'nothing was removed; --yes removes it';
}

function* linesOf(
  { place, kept, young, unneeded, removed, biggest }: GcPlace,
  { days, yes, paint }: GcStyle,
): Generator<string> {
  yield place;
  yield `    needed: ${amountIn(kept)}`;
  if (young.objects > 0)
    yield `    not needed, kept for now (younger than ${countOf(days, 'day')}, or needed by such): ${amountIn(young)}`;
  if (removed !== undefined) {
    yield `    ${paint('good', 'removed')}: ${amountIn(removed)}`;
    const left = unneeded.objects - removed.objects;
    if (left > 0) yield `    changed meanwhile, and kept: ${countOf(left, 'object')}`;
    return;
  }
  yield `    not needed: ${amountIn(unneeded)}`;
  if (yes) return;
  for (const { key, size, changed } of biggest) {
    yield `        ${formatBytes(size).padStart(12)}  ${dateOf(changed)}  ${key}`;
  }
  if (unneeded.objects > biggest.length) yield `        ... and ${unneeded.objects - biggest.length} smaller ones`;
}

const amountIn = ({ objects, bytes }: Amount): string => `${countOf(objects, 'object')}, ${formatBytes(bytes)}`;

function dateOf(changed: number): string {
  return Number.isNaN(changed) ? 'unknown   ' : new Date(changed).toISOString().slice(0, 10);
}

/** As git-dvcexp(1) describes it under JSON. */
export function gcToJson(
  { commits, places }: GcReport,
  { yes, storage }: { yes: boolean; storage: string | undefined },
): unknown {
  return {
    dryRun: !yes,
    storage: storage ?? null,
    commits,
    places: places.map(({ place, kept, young, unneeded, removed, biggest }) => ({
      place,
      kept,
      young,
      unneeded,
      removed: removed ?? null,
      biggest: biggest.map(({ key, size, changed }) => ({
        object: key,
        bytes: size,
        changed: Number.isNaN(changed) ? null : new Date(changed).toISOString(),
      })),
    })),
  };
}
