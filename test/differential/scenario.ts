// The words of the differential tests: what a scenario is, what it is played on, and what comes of it.
import type { MoverNote, MoverScript } from '../kit/mover-script.ts';
import type { Ran } from '../kit/world.ts';

export const transports = ['path', 'file', 'ssh', 'git', 'http', 'https'] as const;
export type Transport = (typeof transports)[number];
/** `vcs`: `remote.<name>.vcs` is set; `prefix`: the URL begins with `dvcexp::`. */
export type Form = 'plain' | 'vcs' | 'prefix';

export const credentials = { user: 'ada', password: 'right' };

/** What the http and https servers ask of whoever wants to reach this run's repositories. */
export interface Demand {
  readonly credentials?: { readonly user: string; readonly password: string };
  /** A request header, in small letters, and its value. */
  readonly header?: readonly [name: string, value: string];
  /** A certificate that the test's authority has signed. */
  readonly certificate?: boolean;
  /** Variables of the server programs. */
  readonly environment?: NodeJS.ProcessEnv;
}

export interface Bench {
  readonly transport: Transport;
  readonly form: Form;
  /** The Git remote's URL in this form. */
  readonly url: string;
  /** The same without our prefix. */
  readonly address: string;
  readonly client: string;
  readonly server: string;
  /** A directory that belongs to no repository. */
  readonly outside: string;
  /** A file for hooks and other programs to tell what they saw; compared line by line. */
  readonly log: string;
  /** Commits of the clone's main branch when it began, oldest first. */
  readonly commits: readonly string[];
  /** The experiment that the Git remote has, and one that only the clone has. */
  readonly experiments: { readonly shared: string; readonly local: string };
  /** A certificate for clients with its key, as files. */
  readonly certificate: { readonly cert: string; readonly key: string };
  /** In this form, the URL of a repository beside the Git remote. Where that is on the server: `besides`. */
  urlBeside(name: string): string;
  beside(name: string): string;
  /** Runs git in the clone and notes what is seen of it. */
  git(...args: readonly string[]): Promise<Ran>;
  gitIn(directory: string, ...args: readonly string[]): Promise<Ran>;
  /** Another program, noted in the same way. */
  run(directory: string, program: string, ...args: readonly string[]): Promise<Ran>;
  /** `git clone` in this form, into `name` beside the clone. Answers where, '' when it failed. */
  clone(name: string, ...args: readonly string[]): Promise<string>;
  /** Another Git remote of the clone, beside the first one on the server, in this form. */
  remote(name: string, repository: string): void;
  /** Compares this repository too. Clones are without being told. */
  watch(name: string, directory: string): void;
  /** Environment of all that runs from now on. */
  environment(variables: NodeJS.ProcessEnv): void;
  demand(demand: Demand): void;
  /** Prepares the ground, with plain Git, unseen. Throws when it fails. */
  local(...args: readonly string[]): string;
  localIn(directory: string, ...args: readonly string[]): string;
  commit(text: string): string;
  /** A hook of the clone, and of the Git remote, as a shell script. */
  clientHook(name: string, script: string): void;
  serverHook(name: string, script: string): void;
  /** A program for the front of PATH, as a shell script. Answers its path. */
  program(name: string, script: string): string;
  /** From now on the data side does this; plain Git has none. */
  script(script: MoverScript): void;
  /** What the data side was asked. */
  notes(): readonly MoverNote[];
}

/** What was seen of one command. */
export interface Seen {
  /** With the run's own names made neutral, and told from an equal one before by a number. */
  readonly command: string;
  readonly code: number;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

export interface Outcome {
  readonly seen: readonly Seen[];
  /** `<oid> <ref>` of the Git remote and of the clone, after all. */
  readonly serverRefs: readonly string[];
  readonly clientRefs: readonly string[];
  /** Everything that is compared: what it is, and its lines. */
  readonly sections: ReadonlyMap<string, readonly string[]>;
}

/** Lines of one section that only one of the two has. */
export interface Difference {
  readonly where: string;
  readonly plain: readonly string[];
  readonly ours: readonly string[];
}

/** What is not as with plain Git and cannot be. The test fails when it is any other, and when it is gone. */
export interface Accepted {
  readonly reason: string;
  /** Everywhere unless told. */
  readonly on?: readonly Transport[];
  readonly forms?: readonly Form[];
  differences(bench: Bench): readonly Difference[];
}

export interface Scenario {
  readonly name: string;
  /** Where it makes sense; everywhere unless told. */
  readonly on?: readonly Transport[];
  /** Only through us: plain Git has nothing to compare with. */
  readonly oursOnly?: boolean;
  /** Played in both forms on every transport; the others in the prefix form only where processes are cheap. */
  readonly bothForms?: boolean;
  /** Some lines of stderr come from two processes at a time: their order is not compared. */
  readonly unordered?: boolean;
  /** Lines of stderr that come or not, with plain Git too: somebody is stopped while about to say them. */
  readonly racing?: RegExp;
  readonly accepted?: readonly Accepted[];
  run(bench: Bench): Promise<void>;
  /** More to be true of our runs. */
  check?(bench: Bench, outcome: Outcome): void;
}
