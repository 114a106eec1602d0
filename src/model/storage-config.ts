/** A storage remote as DVC's configuration describes it, all layers merged. */
export interface StorageConfig {
  /** Name in the configuration, lower case as DVC reads it. */
  readonly name: string;
  /** `local` for a path, else the URL's scheme in lower case: `s3`, `ssh`, … */
  readonly scheme: string;
  /** Absolute path for `local`, else the URL as written, `remote://` chains resolved. */
  readonly url: string;
  /** Every other option, as text, keys in lower case. File options are absolute paths. */
  readonly options: Readonly<Record<string, string>>;
  /** Keys of `options` (and `url`) whose value was committed to the repository: data from a stranger. */
  readonly committed: ReadonlySet<string>;
}

/**
 * True for a cloud-versioned storage remote (`version_aware`, `worktree`): files lie there under their own paths, and
 * the metafiles name the versions that count.
 */
export function isCloudVersioned({ options }: StorageConfig): boolean {
  return ['version_aware', 'worktree'].some((key) => options[key] === 'true');
}
