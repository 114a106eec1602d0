/** What the outside world gives a command. */
export interface CommandContext {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  /** Version of Node, `20.19.0`. */
  readonly nodeVersion: string;
  readonly home: string;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** stderr is a terminal. */
  readonly terminal: boolean;
  /** stdout is a terminal. */
  readonly stdoutTerminal: boolean;
  /** Folder with our manual pages, as man(1) wants them. */
  readonly manual: string;
  /** Folder with what completes our words in shells. */
  readonly completion: string;
  /** Columns of that terminal; undefined: unknown. */
  readonly columns?: number | undefined;
  /** Folder of what the pages of `show --html` run and look like; undefined: there are no pages. */
  readonly pageAssets?: string | undefined;
}
