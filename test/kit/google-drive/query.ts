// The search language of files.list ("Search query terms and operators"). Names of version 2 and 3 do not mix.
import { invalid } from './failure.ts';
import type { Item } from './store.ts';

export interface Query {
  matches(item: Item): boolean;
  /** Ids of folders that every match lies in; undefined when the query does not tell. */
  readonly parents: ReadonlySet<string> | undefined;
}

/** What a query cannot see in the item alone. */
export interface Surroundings {
  resolve(id: string): string;
  isTrashed(item: Item): boolean;
  isSharedWithMe(item: Item): boolean;
  roles(item: Item): { readonly owner: string | undefined; readonly writers: string[]; readonly readers: string[] };
}

const words = /\s*(?:(<=|>=|!=|[<>=()])|'((?:[^'\\]|\\.)*)'|([A-Za-z.]+))/y;

type Token = { readonly text: string; readonly quoted: boolean };

function tokens(q: string): Token[] {
  const found: Token[] = [];
  words.lastIndex = 0;
  while (q.slice(words.lastIndex).trim() !== '') {
    const match = words.exec(q);
    if (match === null) throw invalid('q');
    const [, sign, text, word] = match;
    if (text === undefined) found.push({ text: sign ?? word ?? '', quoted: false });
    else found.push({ text: text.replace(/\\(.)/g, '$1'), quoted: true });
  }
  return found;
}

export function parseQuery(q: string, version: 2 | 3, around: Surroundings): Query {
  const left = tokens(q);
  const next = (): Token => left.shift() ?? stop();
  const word = (): string | undefined => (left[0]?.quoted === false ? left[0].text.toLowerCase() : undefined);

  function take(text: string): boolean {
    if (word() !== text) return false;
    left.shift();
    return true;
  }
  function either(): Query {
    let query = both();
    while (take('or')) query = or(query, both());
    return query;
  }
  function both(): Query {
    let query = one();
    while (take('and')) query = and(query, one());
    return query;
  }
  function one(): Query {
    if (take('not')) return not(one());
    if (!take('(')) return term(next(), next, version, around);
    const query = either();
    return take(')') ? query : stop();
  }
  const query = either();
  return left.length === 0 ? query : stop();
}

function stop(): never {
  throw invalid('q');
}

const plain = (matches: (item: Item) => boolean): Query => ({ matches, parents: undefined });

const not = (query: Query): Query => plain((item) => !query.matches(item));

const and = (a: Query, b: Query): Query => ({
  matches: (item) => a.matches(item) && b.matches(item),
  parents: a.parents ?? b.parents,
});

const or = (a: Query, b: Query): Query => ({
  matches: (item) => a.matches(item) || b.matches(item),
  parents: a.parents && b.parents && new Set([...a.parents, ...b.parents]),
});

type Field = 'name' | 'mimeType' | 'created' | 'modified' | 'trashed' | 'starred' | 'sharedWithMe';

const shared: readonly (readonly [string, Field])[] = (['mimeType', 'trashed', 'starred', 'sharedWithMe'] as const).map(
  (name) => [name, name],
);
const fields = {
  2: new Map<string, Field>([...shared, ['title', 'name'], ['createdDate', 'created'], ['modifiedDate', 'modified']]),
  3: new Map<string, Field>([...shared, ['name', 'name'], ['createdTime', 'created'], ['modifiedTime', 'modified']]),
};

function term(first: Token, next: () => Token, version: 2 | 3, around: Surroundings): Query {
  if (first.quoted) return next().text.toLowerCase() === 'in' ? member(first.text, next().text, around) : stop();
  const field = fields[version].get(first.text) ?? stop();
  if (field === 'sharedWithMe') return plain((item) => around.isSharedWithMe(item));
  const operator = next().text;
  const value = next();
  if (field === 'trashed' || field === 'starred') {
    const wanted = /^(true|false)$/i.test(value.text) ? value.text.toLowerCase() === 'true' : stop();
    const is = (item: Item): boolean => field === 'trashed' && around.isTrashed(item);
    if (operator === '=') return plain((item) => is(item) === wanted);
    return operator === '!=' ? plain((item) => is(item) !== wanted) : stop();
  }
  if (!value.quoted) return stop();
  if (field === 'name') return named(operator, value.text);
  return field === 'mimeType' ? typed(operator, value.text) : dated(field, operator, value.text);
}

/** The service ignores case here: who wants an exact name has to compare again. */
function named(operator: string, value: string): Query {
  const wanted = value.toLowerCase();
  if (operator === '=') return plain(({ name }) => name.toLowerCase() === wanted);
  if (operator === '!=') return plain(({ name }) => name.toLowerCase() !== wanted);
  if (operator !== 'contains') return stop();
  // Only beginnings of words are found: 'Hello' in HelloWorld, 'World' not.
  return plain(({ name }) => {
    const text = name.toLowerCase();
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1))
      if (at === 0 || !/[\p{L}\p{N}]/u.test(text[at - 1] ?? '')) return true;
    return false;
  });
}

function typed(operator: string, value: string): Query {
  if (operator === '=') return plain(({ mimeType }) => mimeType === value);
  if (operator === '!=') return plain(({ mimeType }) => mimeType !== value);
  return operator === 'contains' ? plain(({ mimeType }) => mimeType.startsWith(value)) : stop();
}

function dated(field: 'created' | 'modified', operator: string, value: string): Query {
  const at = Date.parse(value);
  const compare = comparisons[operator];
  if (Number.isNaN(at) || compare === undefined) return stop();
  return plain((item) => compare(Date.parse(item[`${field}Time`]), at));
}

const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '=': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>=': (a, b) => a >= b,
  '>': (a, b) => a > b,
};

function member(value: string, collection: string, around: Surroundings): Query {
  if (collection === 'parents') {
    const id = around.resolve(value);
    return { matches: (item) => item.parent === id, parents: new Set([id]) };
  }
  if (collection === 'owners') return plain((item) => around.roles(item).owner === value);
  if (collection === 'writers') return plain((item) => around.roles(item).writers.includes(value));
  if (collection === 'readers') return plain((item) => around.roles(item).readers.includes(value));
  return stop();
}
