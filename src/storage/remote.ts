import type { Readable, Writable } from 'node:stream';
import type { HelperError } from '../model/error.ts';
import type { Content, Operation, TransferOperation } from '../model/operation.ts';
import type { StorageConfig } from '../model/storage-config.ts';

/** What a listing or a stat tells of one stored object. */
export interface Entry {
  /** Path below the storage remote's URL, `/` between its parts, no leading slash. */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
}

/**
 * A place where DVC data lives: five verbs, no delete. Keys are relative to the remote's URL. A backend speaks its
 * service's language only: hashing, layout, order, progress and retries are above it, but only it knows which bytes have moved. Errors are HelperError:
 * `auth` refused, `missing` an absent key was `read` (and nothing else), `unavailable` the service or the base folder
 * cannot be reached, `io` the local side failed, `config` the options cannot work (no such bucket among them),
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

/** What a backend may know of the outside world. */
export interface StorageContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home directory. */
  readonly home: string;
  /** Last value of a key of Git's configuration, undefined when unset; for proxies and certificate authorities. */
  readonly configuration?: (key: string) => string | undefined;
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
  /** Tells the user something that does not stop the work. */
  readonly warn?: (message: string) => void;
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
