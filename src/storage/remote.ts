import type { Readable, Writable } from 'node:stream';
import type { HelperError } from '../model/error.ts';
import type { Content, Operation, TransferOperation } from '../model/operation.ts';
import type { Origin } from '../model/origin.ts';
import type { StorageConfig } from '../model/storage-config.ts';

/** What a listing or a stat tells of one stored object. */
export interface Entry {
  /** Path below the storage remote's URL, `/` between its parts, no leading slash. */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** When it was last written, milliseconds since 1970; of a listing only, and where the service tells. */
  readonly modified?: number;
}

/**
 * A place where DVC data lives: five verbs, no delete. Keys are relative to the remote's URL. A backend speaks its
 * service's language only: hashing, layout, order, progress and retries are above it, but only it knows which bytes have moved. Errors are HelperError:
 * `auth` refused, `missing` an absent key was `read` (and nothing else), `unavailable` the service or the base folder
 * cannot be reached, `full` it has no room, `io` the local side failed, `config` the options cannot work (no such bucket among them),
 * `corrupt` the content is not what it announced. All verbs may be called at the same time. What `content` throws and
 * the reason of an abort come through unchanged.
 */
export interface Storage {
  /** Safe to print: no user information, no query. */
  readonly displayUrl: string;
  /** How many small requests at once the service bears; a hint, the limit lives in transfer/. */
  readonly concurrency: number;
  /** False where `list` throws `unsupported` and objects have to be asked for one by one. */
  readonly canList: boolean;
  /** The service hashes what it keeps: `stat` and `list` leave out objects whose MD5 is not what their name says. */
  readonly vouches?: boolean;
  /** undefined is absent; throwing is broken. */
  stat(key: string, operation: Operation): Promise<Entry | undefined>;
  /**
   * Every object whose key starts with `prefix` (which ends in `/` or inside a name), in any order. An entry may
   * come twice when a listing had to start again.
   */
  list(prefix: string, operation: Operation): AsyncIterable<Entry>;
  /**
   * The object's bytes from `start`, in order. A chunk holds them until the next one is asked for: whoever needs it
   * longer copies it. Stopping early frees the connection.
   */
  read(key: string, operation: ReadOperation): AsyncIterable<Uint8Array>;
  /**
   * Resolves only when the object is whole and visible under its key; until then nobody sees any of it. When
   * `content` throws, nothing stays behind; when the operation is aborted or the service fails, only parts that
   * `StorageContext.uploads` knows of, for the next write of the same key to go on with. Overwrites.
   */
  write(key: string, content: Content, operation: TransferOperation): Promise<void>;
  /** Frees connections. Safe to call twice. */
  close(): Promise<void>;
}

/** What a `read` may ask for beside the whole object. */
export interface ReadOperation extends TransferOperation {
  /** The first byte wanted, 0 unless told. Behind the object's end: nothing comes, or `corrupt` is thrown. */
  readonly start?: number | undefined;
  /**
   * DVC's `version_id` of a cloud-versioned object; undefined: the current one. Asked only of services that keep
   * versions (`isCloudVersioned`). One that is gone, or never was, is `missing` like an absent key.
   */
  readonly version?: string | undefined;
}

/**
 * Uploads in parts that did not end, kept by this clone from one run to the next. What is noted is the backend's own
 * text (an upload ID, a session URL) and as secret as a key. Never trusted: the service is asked what it has, and the
 * content is read again and compared.
 */
export interface UploadMemory {
  /** What was last noted for the key; undefined when nothing was, or long ago. */
  recall(key: string): string | undefined;
  note(key: string, text: string): void;
  forget(key: string): void;
  /**
   * What `recall` no longer answers, for a service that keeps the parts of an unfinished upload until somebody tells it:
   * tell it, then `forget` the key. Whoever need not leaves it alone, and it is dropped some days later.
   */
  expired(): readonly (readonly [key: string, text: string])[];
}

/** What the user's machine says about any storage remote. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home directory. */
  readonly home: string;
  /** Last value of a key of Git's configuration, undefined when unset; for proxies and certificate authorities. */
  readonly configuration?: (key: string) => string | undefined;
}

/** What a backend may know of the outside world. */
export interface StorageContext extends Surroundings {
  /**
   * We are about to write: a base folder that is not there is an empty one and the first `write` makes it. Without
   * it such a folder is `unavailable`, since a share that is not mounted must not look like lost objects.
   */
  readonly createBase?: boolean;
  /** Left out, no upload is continued and none leaves parts behind. */
  readonly uploads?: UploadMemory;
  /** How patient to be; what is left out has its default. */
  readonly retry?: Partial<RetryPolicy>;
  /** Starts a program of this machine. Left out, a backend does without. */
  readonly start?: StartProgram;
  /** To be asked before a secret is shown to the service, whatever it is and wherever it comes from. */
  readonly guard: Guard;
  /** Secrets that Git's credential helpers keep, or the user gives. Left out, there are none. */
  readonly credentials?: CredentialSource;
  /** Tells the user something that does not stop the work. */
  readonly warn?: (message: string) => void;
}

/** Which secrets may go to the origin of one storage remote, as src/trust judges it. */
export interface Guard {
  /**
   * Answers undefined when the secret may be shown. Else the error (`trust`) that says how to allow it: a reader may
   * go on without the secret, and throws this error when the service then refuses. Throws it where we are about to
   * write.
   */
  admit(use: SecretUse): Promise<HelperError | undefined>;
}

export interface SecretUse {
  /**
   * - `repository`: committed beside the place it is for.
   * - `options`: options of the storage remote in the user's own layers.
   * - `credential`: kept for this origin by Git, or for this host by ssh.
   * - `ambient`: there for any service of the kind: environment, profile, sign-on, the machine's role.
   */
  readonly from: 'repository' | 'options' | 'credential' | 'ambient';
  /** `proof`: a signature, good for one request. `secret`: the secret itself, or what can be used again (bearer, SAS). */
  readonly shows: 'proof' | 'secret';
}

/** What a secret is filed under: the wire origin (gitcredentials(7)). */
export interface CredentialPlace {
  /** `https`, `http`, `ssh`; `ssh-key` for the passphrase of a key. */
  readonly protocol: string;
  readonly host: string;
  /** As in Origin. For `ssh-key` the path of the key. */
  readonly path: string;
}

export interface Credential {
  /** Key ID, user, account; '' for `ssh-key`. */
  readonly username: string;
  readonly password: string;
}

/**
 * Git's credential system as a backend sees it. One lookup for each place in a process, whoever asks; nothing here
 * ever fails, but for an abort, whose reason comes through.
 */
export interface CredentialSource {
  /**
   * What the helpers have for the place. Nobody is asked. undefined: nothing, or only what was rejected.
   *
   * @param username takes only that user's; undefined: any
   */
  find(place: CredentialPlace, username: string | undefined, operation: Operation): Promise<Credential | undefined>;
  /**
   * Has Git ask the user, where somebody can be asked: for when the service has refused (401, 403) whatever there
   * was. undefined: nobody can, or nobody answered.
   *
   * @param need one line for people, printed first: which storage needs what
   */
  ask(
    place: CredentialPlace,
    username: string | undefined,
    need: string,
    operation: Operation,
  ): Promise<Credential | undefined>;
  /** Could `ask` reach somebody? */
  readonly canAsk: boolean;
  /** The service has taken it: helpers may remember. To be called whenever it is proven; only the first time counts. */
  approve(place: CredentialPlace, credential: Credential): void;
  /** The service says that it is wrong, not only that it may not do something: helpers forget it. */
  reject(place: CredentialPlace, credential: Credential): void;
}

/** Judges a storage remote before it is opened. */
export interface Judge {
  /** Throws `trust` when nothing may go there, with or without a secret. */
  guardFor(config: StorageConfig, origin: Origin): Promise<Guard>;
}

/** Never through a shell, and with nothing in its environment that names a repository. */
export type StartProgram = (program: string, args: readonly string[]) => Program;

/** A running program. Whoever started it stops it. */
export interface Program {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** The last 64 KiB of what it wrote to stderr so far. */
  stderrText(): string;
  /** The exit code. Rejects with `config` when the program cannot be started. */
  readonly ended: Promise<number>;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

export interface RetryPolicy {
  /** How often one request is tried in all. */
  readonly tries: number;
  /** How often one that the service was too busy for; `tries` unless told. */
  readonly busyTries?: number;
  /** Shortest wait between two tries. */
  readonly shortestMs: number;
  /** Upper bound of the first wait; it doubles with every try. */
  readonly firstMs: number;
  /** No wait is longer, unless the service asks for it. */
  readonly longestMs: number;
  /** How much of a service's own wish (`Retry-After`) is heeded. */
  readonly longestWishMs: number;
  /** Told of every failure that is tried again; whoever chooses how much runs at once may want to slow down. */
  readonly onRetry?: (retry: Retry) => void;
}

export interface Retry {
  readonly error: HelperError;
  /** How often this request has failed by now. */
  readonly tried: number;
  /** The service itself asked for less. */
  readonly throttled: boolean;
  readonly delayMs: number;
}

/** Opens without asking the service anything: the first verb meets the first error. */
export type OpenStorage = (config: StorageConfig, context: StorageContext) => Promise<Storage>;

/** Where the storage remote's requests will go, told without asking anybody. Throws `config` as opening would. */
export type LocateStorage = (config: StorageConfig, surroundings: Surroundings) => Origin;
