/** Requests by method; where the server counts none, empty. */
export type Requests = ReadonlyMap<string, number>;

export interface Stored {
  readonly sizeBytes: number;
  /** MD5 of the object; has a dash in it where the service does not know it. */
  readonly etag: string;
}

/** The benchmark's own view of the storage, through no contestant. A bucket is a place for one round. */
export interface Store {
  /** Makes a bucket that has stored and dropped something already, so that the first contestant finds it as the last. */
  makeBucket(name: string): Promise<void>;
  /** With all that is in it. */
  dropBucket(name: string): Promise<void>;
  /** Uploads files below a directory under their paths. */
  fill(bucket: string, prefix: string, directory: string, paths: readonly string[]): Promise<void>;
  /** Key below the prefix → what is stored there. */
  list(bucket: string, prefix: string): Promise<ReadonlyMap<string, Stored>>;
  /** MD5 of the bytes that the server hands out, in hex. */
  md5(bucket: string, key: string): Promise<string>;
  close(): void;
}

/** Where contestants that know nothing of DVC's configuration find the server and its key. */
export interface SshAccess {
  readonly port: string;
  readonly user: string;
  readonly keyfile: string;
  readonly knownHosts: string;
}

/** A storage server that was started for the benchmark. */
export interface Service {
  readonly store: Store;
  /** What every contestant finds in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Options of a DVC storage remote for this place. */
  options(bucket: string, prefix: string): Readonly<Record<string, string>> & { readonly url: string };
  /** Of a server over ssh. */
  readonly access?: SshAccess;
  /** All requests answered so far. */
  countRequests(): Promise<Requests>;
  /** CPU seconds that the server has used so far; undefined where the system does not tell. */
  cpuS(): number | undefined;
  close(): Promise<void>;
}

/** `after` less `before`, without the methods that did not occur. */
export function requestsBetween(before: Requests, after: Requests): Record<string, number> {
  const grown = [...after].map(([method, count]) => [method, count - (before.get(method) ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, count]) => count > 0).sort());
}
