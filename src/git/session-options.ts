/** What Git told with `option` commands (gitremote-helpers(7), "OPTIONS"), before it asked for anything. */
export interface SessionOptions {
  readonly progress: boolean;
  /** 0 = `-q`, 1, 2 and more = `-v`. */
  readonly verbosity: number;
  readonly dryRun: boolean;
  readonly atomic: boolean;
  readonly cloning: boolean;
  /** Push options of the user's, for the server. */
  readonly pushOptions: readonly string[];
  /** Push options that begin with `dvcexp.`: ours, never sent on. */
  readonly ownPushOptions: readonly string[];
  /** `--force-with-lease`, each `<ref>:<oid>` or `<ref>:`. */
  readonly leases: readonly string[];
  readonly forceIfIncludes: boolean;
  readonly certificate: 'no' | 'yes' | 'if-asked';
  /** `--upload-pack` or `--receive-pack`; undefined for the usual program. */
  readonly servicePath: string | undefined;
  readonly family: 'ipv4' | 'ipv6' | undefined;
  /**
   * Options of the `fetch` command, by name, as Git said them. They count only where Git does not talk to the server
   * itself: what passes through us has them already.
   */
  readonly fetchOptions: ReadonlyMap<string, readonly string[]>;
  /** Git wants to be told the hash algorithm in `list`. */
  readonly objectFormat: boolean;
}

export const defaultOptions: SessionOptions = {
  progress: false,
  verbosity: 1,
  dryRun: false,
  atomic: false,
  cloning: false,
  pushOptions: [],
  ownPushOptions: [],
  leases: [],
  forceIfIncludes: false,
  certificate: 'no',
  servicePath: undefined,
  family: undefined,
  fetchOptions: new Map(),
  objectFormat: false,
};

const escapes: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** Git's C-style quoting undone (`quote.c`); text without a leading quote is itself. */
export function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  const bytes = Buffer.from(text.replace(/^"|"$/g, '')).toString('latin1');
  const plain = bytes.replace(/\\(?:([0-7]{3})|(.))/gs, (_, octal?: string, letter = '') =>
    octal === undefined ? (escapes[letter] ?? letter) : String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(plain, 'latin1').toString();
}

/** True for a push option that is for this program. */
export function isOwnPushOption(value: string): boolean {
  return value.startsWith('dvcexp.');
}

type Change = Partial<{ -readonly [Key in keyof SessionOptions]: SessionOptions[Key] }>;

const fetchOptionNames: readonly string[] = [
  ...['depth', 'deepen-since', 'deepen-not', 'deepen-relative', 'followtags', 'update-shallow'],
  ...['check-connectivity', 'from-promisor', 'refetch', 'filter'],
];

/** The last one counts, but of `deepen-not` all do. */
function fetchOption(name: string): (value: string, known: SessionOptions) => Change {
  return (value, { fetchOptions }) => {
    const before = name === 'deepen-not' ? (fetchOptions.get(name) ?? []) : [];
    return { fetchOptions: new Map([...fetchOptions, [name, [...before, value]]]) };
  };
}

const changes: Readonly<Record<string, (value: string, known: SessionOptions) => Change>> = {
  progress: (value) => ({ progress: value === 'true' }),
  verbosity: (value) => ({ verbosity: /^-?[0-9]{1,3}$/.test(value) ? Math.max(0, Number(value)) : 1 }),
  'dry-run': (value) => ({ dryRun: value === 'true' }),
  atomic: (value) => ({ atomic: value === 'true' }),
  cloning: (value) => ({ cloning: value === 'true' }),
  'push-option': (value, { pushOptions, ownPushOptions }) =>
    isOwnPushOption(value) ? { ownPushOptions: [...ownPushOptions, value] } : { pushOptions: [...pushOptions, value] },
  cas: (value, { leases }) => ({ leases: [...leases, value] }),
  'force-if-includes': (value) => ({ forceIfIncludes: value === 'true' }),
  pushcert: (value) => ({ certificate: value === 'true' ? 'yes' : value === 'if-asked' ? 'if-asked' : 'no' }),
  servpath: (value) => ({ servicePath: value }),
  family: (value) => ({ family: value === 'ipv4' || value === 'ipv6' ? value : undefined }),
  ...Object.fromEntries(fetchOptionNames.map((name) => [name, fetchOption(name)])),
  // `true`, or the algorithm itself: Git has sent both.
  'object-format': () => ({ objectFormat: true }),
};

/** The options after `option <name> <value>`; undefined for a name that is not ours to know. */
export function withOption(options: SessionOptions, name: string, value: string): SessionOptions | undefined {
  if (!Object.hasOwn(changes, name)) return undefined;
  return { ...options, ...changes[name]?.(unquote(value), options) };
}
