import {
  type CacheObject,
  formatDirectoryEntry,
  formatFileEntry,
  type Listing,
  type ObjectWriter,
  objectPath,
} from './objects.ts';
import type { Contestant, WorkloadName } from './options.ts';

export type Phase = 'push' | 'push again' | 'fetch';

/** What ours should reach at most. */
export interface Goal {
  readonly phase: Phase;
  /** Wall time as a part of that of a peer. */
  readonly ratioTo?: Readonly<Partial<Record<Contestant, number>>>;
  readonly peakRssMib?: number;
}

/** Content of a DVC project: metafiles for Git, objects for the cache and the storage. */
export interface Content {
  /** Path in the work tree → text, on the baseline. */
  readonly baseline: ReadonlyMap<string, string>;
  /** Name of an experiment → what it has other than its baseline. */
  readonly experiments: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Path below the storage → size: what the experiments need. */
  readonly required: ReadonlyMap<string, number>;
  /** What else may go along: objects that the baseline alone names. */
  readonly optional: ReadonlyMap<string, number>;
}

export interface Workload {
  readonly name: WorkloadName;
  readonly title: string;
  readonly phases: readonly Phase[];
  readonly goals: readonly Goal[];
  make(writer: ObjectWriter): Content;
}

const mib = 1 << 20;
const none: ReadonlyMap<string, number> = new Map();

/** @param quick a tenth of the size, where starting counts for more than working, and no goal is set */
export function workloads(quick: boolean): readonly Workload[] {
  const part = (count: number): number => (quick ? Math.ceil(count / 10) : count);
  const all = [
    directory('small', part(10_001), 4096, {
      phases: ['push', 'push again', 'fetch'],
      goals: [
        { phase: 'push', ratioTo: { dvc: 0.3, s5cmd: 1.2 } },
        { phase: 'push again', ratioTo: { dvc: 0.1 } },
        { phase: 'fetch', ratioTo: { dvc: 0.3, s5cmd: 1.2 } },
      ],
    }),
    file('large', part(1024) * mib),
    directory('medium', part(200), 4 * mib, { phases: ['push'], goals: [] }),
    experiments(part(100), part(1000), 4096),
  ];
  return quick ? all.map((workload) => ({ ...workload, goals: [] })) : all;
}

/** One experiment that adds a directory. */
function directory(
  name: WorkloadName,
  count: number,
  sizeBytes: number,
  rest: Pick<Workload, 'phases' | 'goals'>,
): Workload {
  return {
    name,
    title: `a directory of ${count} files of ${inBytes(sizeBytes)}`,
    ...rest,
    make(writer) {
      const entries = makeEntries(writer, count, sizeBytes);
      const listing = writer.listing(entries);
      return {
        baseline: new Map(),
        experiments: new Map([['bench', new Map([['data.dvc', formatDirectoryEntry('data', listing, entries)]])]]),
        required: sizes([...entries.values(), listing]),
        optional: none,
      };
    },
  };
}

/** One experiment that adds a file. */
function file(name: WorkloadName, sizeBytes: number): Workload {
  return {
    name,
    title: `one file of ${inBytes(sizeBytes)}`,
    phases: ['push', 'fetch'],
    goals: [
      { phase: 'push', ratioTo: { dvc: 0.75 }, peakRssMib: 200 },
      { phase: 'fetch', ratioTo: { dvc: 0.75 }, peakRssMib: 200 },
    ],
    make(writer) {
      const leaf = writer.leaf(sizeBytes);
      return {
        baseline: new Map(),
        experiments: new Map([['bench', new Map([['model.bin.dvc', formatFileEntry('model.bin', leaf)]])]]),
        required: sizes([leaf]),
        optional: none,
      };
    },
  };
}

/** Many experiments on a baseline that has the directory; each changes one file of it. */
function experiments(count: number, files: number, sizeBytes: number): Workload {
  return {
    name: 'experiments',
    title: `${count} experiments, each with one changed file in a directory of ${files} files of ${inBytes(sizeBytes)}`,
    phases: ['push', 'push again', 'fetch'],
    goals: [
      { phase: 'push', ratioTo: { dvc: 0.1 } },
      { phase: 'push again', ratioTo: { dvc: 0.1 } },
      { phase: 'fetch', ratioTo: { dvc: 0.1 } },
    ],
    make(writer) {
      const before = makeEntries(writer, files, sizeBytes);
      const paths = [...before.keys()];
      const listing = writer.listing(before);
      const objects: CacheObject[] = [...before.values()];
      const made = new Map<string, ReadonlyMap<string, string>>();
      for (let index = 0; index < count; index++) {
        const changed = writer.leaf(sizeBytes);
        const entries = new Map(before).set(paths[index % paths.length] ?? '', changed);
        const changedListing = writer.listing(entries);
        objects.push(changed, changedListing);
        const name = `bench-${String(index).padStart(3, '0')}`;
        made.set(name, new Map([['data.dvc', formatDirectoryEntry('data', changedListing, entries)]]));
      }
      return {
        baseline: new Map([['data.dvc', formatDirectoryEntry('data', listing, before)]]),
        experiments: made,
        required: sizes(objects),
        optional: sizes([listing]),
      };
    },
  };
}

function makeEntries(writer: ObjectWriter, count: number, sizeBytes: number): Listing {
  return new Map(
    Array.from({ length: count }, (_, index) => {
      const folder = String(Math.floor(index / 100)).padStart(3, '0');
      return [`part-${folder}/${String(index).padStart(5, '0')}.bin`, writer.leaf(sizeBytes)] as const;
    }),
  );
}

function sizes(objects: readonly CacheObject[]): ReadonlyMap<string, number> {
  return new Map(objects.map(({ name, sizeBytes }) => [objectPath(name), sizeBytes]));
}

function inBytes(size: number): string {
  return size >= 1 << 30 ? `${size / (1 << 30)} GiB` : size >= mib ? `${size / mib} MiB` : `${size / 1024} KiB`;
}
