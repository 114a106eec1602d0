import ignore from 'ignore';

/** What the `.dvcignore` files of a project leave out, as far down as they have been read. */
export interface IgnoreRules {
  /** @param path from the root of the DVC project, without a slash at its end */
  ignores(path: string, isFolder: boolean): boolean;
  /** The rules below a folder that has a `.dvcignore` of its own, whose patterns win over those from above. */
  below(folder: string, text: string): IgnoreRules;
}

/** `folder` is '' for the root of the project. */
export function createIgnoreRules(patterns: readonly string[] = []): IgnoreRules {
  if (patterns.length === 0) return { ignores: () => false, below: belowOf(patterns) };
  const matcher = ignore({ ignorecase: false }).add([...patterns]);
  return { ignores: (path, isFolder) => matcher.ignores(isFolder ? `${path}/` : path), below: belowOf(patterns) };
}

function belowOf(patterns: readonly string[]): IgnoreRules['below'] {
  return (folder, text) => {
    // DVC drops blanks at both ends of a line, unlike gitignore(5).
    const lines = text.split(/\r?\n/).map((line) => line.trim());
    const own = lines.filter((line) => line !== '' && !line.startsWith('#'));
    return createIgnoreRules([...patterns, ...own.map((line) => rebase(line, folder))]);
  };
}

/** A pattern of the folder's file as one of the project's root, so that one list of patterns decides (dvc/pathspec_math). */
function rebase(pattern: string, folder: string): string {
  if (folder === '') return pattern;
  const negated = pattern.startsWith('!');
  const rule = negated ? pattern.slice(1) : pattern;
  const anchored = rule.slice(0, -1).includes('/') && !rule.startsWith('**/');
  // An escaped first character is first no more.
  const rest = rule.replace(anchored ? /^\// : /^\*\*\//, '').replace(/^\\/, '');
  return `${negated ? '!' : ''}/${folder}/${anchored ? '' : '**/'}${rest}`;
}
