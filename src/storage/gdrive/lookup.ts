import type { About } from './failure.ts';
import { type DriveFile, type Files, type FolderRef, quote } from './files.ts';
import { byDrive, type Folders } from './folders.ts';
import { isDamaged, splitKey } from './name.ts';

/** A file that has the name of an object and lies where it belongs. */
export interface Candidate {
  readonly id: string;
  readonly size: number;
  readonly md5: string | undefined;
  /** Google's checksum is not the one in the object's name: these are other bytes. */
  readonly damaged: boolean;
}

export interface Lookup {
  /** Every file of this key, the best first: whole ones, then the newest. Questions that come together become one. */
  find(about: About, key: string, signal: AbortSignal): Promise<readonly Candidate[]>;
  /** As `find`, for what ought to be there: a question about several that brought nothing is asked again alone. */
  findSurely(about: About, key: string, signal: AbortSignal): Promise<readonly Candidate[]>;
  /** A file that was just made, which Google may not list for some seconds. */
  note(key: string, id: string): void;
}

interface Question {
  readonly about: About;
  readonly name: string;
  readonly folders: readonly FolderRef[];
}

interface Waiting extends Question {
  readonly settle: (found: readonly DriveFile[]) => void;
  readonly fail: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** Names in one question. Each takes some sixty bytes of its URL, and the folder it lies in as many. */
const mostNames = 40;
/** Files that were just made; older ones are listed. */
const mostNoted = 1000;

export function openLookup(files: Files, folders: Folders): Lookup {
  let waiting: Waiting[] = [];
  const noted = new Map<string, string>();
  const flush = (): void => {
    const all = waiting;
    waiting = [];
    for (let at = 0; at < all.length; at += mostNames) answer(files, all.slice(at, at + mostNames));
  };
  const ask = async (question: Question, signal: AbortSignal): Promise<readonly DriveFile[]> => {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const leave = (): void => reject(signal.reason);
      const done = (): void => signal.removeEventListener('abort', leave);
      signal.addEventListener('abort', leave, { once: true });
      // What is asked in this turn of the event loop goes together.
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({
        ...question,
        signal,
        settle(found) {
          done();
          resolve(found);
        },
        fail(error) {
          done();
          reject(error);
        },
      });
    });
  };

  const find = async (about: About, key: string, alone: boolean, signal: AbortSignal): Promise<Candidate[]> => {
    const [folder, name] = splitKey(key);
    const within = await folders.find(about, folder, signal);
    if (within.length === 0) return [];
    const question = { about, name, folders: within };
    const found = alone ? await search(files, about, [question], signal) : await ask(question, signal);
    const listed = choose(found, question);
    const own = noted.get(key);
    if (own === undefined || listed.some(({ id }) => id === own)) return rank(key, listed);
    const unlisted = await files.get(about, own, signal);
    const there = unlisted === undefined || unlisted.trashed ? [] : choose([unlisted], question);
    return rank(key, [...listed, ...there]);
  };
  return {
    find: (about, key, signal) => find(about, key, false, signal),
    async findSurely(about, key, signal) {
      const found = await find(about, key, false, signal);
      return found.length > 0 ? found : find(about, key, true, signal);
    },
    note(key, id) {
      noted.delete(key);
      noted.set(key, id);
      const [oldest] = noted.keys();
      if (noted.size > mostNoted && oldest !== undefined) noted.delete(oldest);
    },
  };
}

/** Settles them all. Goes on until the last one who asked has left. */
function answer(files: Files, asked: readonly Waiting[]): void {
  const stop = new AbortController();
  let left = 0;
  const leave = (): void => {
    left -= 1;
    if (left === 0) stop.abort(new Error('nobody wants to know any more'));
  };
  const here = asked.filter(({ signal }) => !signal.aborted);
  const [first] = here;
  if (first === undefined) return;
  left = here.length;
  for (const { signal } of here) signal.addEventListener('abort', leave, { once: true });
  search(files, first.about, here, stop.signal)
    .then(
      (found) => {
        for (const question of here) question.settle(choose(found, question));
      },
      (error: unknown) => {
        for (const question of here) question.fail(error);
      },
    )
    .finally(() => {
      for (const { signal } of here) signal.removeEventListener('abort', leave);
    });
}

/** Files that have one of the names and lie in one of the folders: whichever pair was asked for is among them. */
async function search(
  files: Files,
  about: About,
  questions: readonly Question[],
  signal: AbortSignal,
): Promise<readonly DriveFile[]> {
  const names = [...new Set(questions.map(({ name }) => `name = '${quote(name)}'`))].join(' or ');
  const folders = new Map(questions.flatMap((question) => question.folders.map((each) => [each.id, each])));
  const found: DriveFile[] = [];
  for (const group of byDrive([...folders.values()])) {
    for await (const page of files.list(about, group, `(${names})`, signal)) found.push(...page);
  }
  return found;
}

/** Google takes upper and lower case for one. */
function choose(found: readonly DriveFile[], { name, folders }: Question): readonly DriveFile[] {
  return found.filter((file) => file.name === name && folders.some(({ id }) => file.parents.includes(id)));
}

function rank(key: string, found: readonly DriveFile[]): Candidate[] {
  return [...found]
    .sort((left, right) => (left.modified > right.modified ? -1 : 1))
    .flatMap(({ id, size, md5 }) => (size === undefined ? [] : [{ id, size, md5, damaged: isDamaged(key, md5) }]))
    .sort((left, right) => Number(left.damaged) - Number(right.damaged));
}
