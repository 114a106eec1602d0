import { countOf } from '../report/progress.ts';
import type { DataState, Lack } from '../transfer/inspect.ts';

/** Numbers and bytes of a kind of object. */
export interface Amount {
  readonly objects: number;
  readonly bytes: number;
}

/** What is missing where, and what a push or fetch would move. */
export interface Balance {
  readonly missingHere: number;
  /** undefined: storage was not asked. */
  readonly missingThere: number | undefined;
  /** In the cache and not in storage. */
  readonly toPush: Amount;
  /** In storage and not in the cache. */
  readonly toFetch: Amount;
  /** In neither. */
  readonly lost: number;
}

/** @param asked storage was meant to be asked */
export function balanceOf(lacks: readonly Lack[], asked: boolean): Balance {
  const missingHere = lacks.filter(({ here }) => here === undefined);
  const missingThere = lacks.filter((lack) => lack.asked && lack.there === undefined);
  return {
    missingHere: missingHere.length,
    missingThere: asked ? missingThere.length : undefined,
    toPush: amountOf(missingThere.flatMap(({ here }) => here ?? [])),
    toFetch: amountOf(missingHere.flatMap(({ there }) => there ?? [])),
    lost: asked ? missingThere.filter(({ here }) => here === undefined).length : 0,
  };
}

function amountOf(sizes: readonly number[]): Amount {
  return { objects: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

/** `data complete`, `3 objects not in the cache`, `2 objects not in storage`: what one line of a list says. */
export function dataInWords(state: DataState | undefined): string {
  if (state === undefined) return 'not here';
  const { lacks, unknown, problems, objects, asked } = state;
  const { missingHere, missingThere = 0 } = balanceOf(lacks, asked);
  const more = unknown.length > 0 ? ' or more' : '';
  const parts = [
    ...(missingHere > 0 ? [`${countOf(missingHere, 'object')}${more} not in the cache`] : []),
    ...(missingThere > 0 ? [`${countOf(missingThere, 'object')}${more} not in storage`] : []),
    ...(missingHere + missingThere === 0 && unknown.length > 0 ? ['files of a directory unknown'] : []),
    ...problems,
  ];
  if (parts.length > 0) return parts.join(', ');
  if (objects === 0) return 'no data';
  return asked ? 'data in cache and storage' : 'data in the cache';
}

/** The state of one commit's data as git-dvcexp(1) describes it under JSON. */
export function dataToJson(state: DataState): Record<string, unknown> {
  const { missingHere, missingThere, toPush, toFetch, lost } = balanceOf(state.lacks, state.asked);
  return {
    objects: state.objects,
    missingInCache: missingHere,
    missingInStorage: missingThere ?? null,
    missingInBoth: state.asked ? lost : null,
    toPush: state.asked ? toPush : null,
    toFetch: state.asked ? toFetch : null,
    unknownDirectories: state.unknown,
    problems: state.problems,
  };
}
