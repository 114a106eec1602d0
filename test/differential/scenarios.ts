// What plain Git does, in one entry each. `run` is played with plain Git and in both of our forms, and all must agree.
import type { Scenario } from './scenario.ts';
import { clone } from './scenarios/clone.ts';
import { companions } from './scenarios/companions.ts';
import { data } from './scenarios/data.ts';
import { fetch } from './scenarios/fetch.ts';
import { foreign } from './scenarios/foreign.ts';
import { hooks } from './scenarios/hooks.ts';
import { list } from './scenarios/list.ts';
import { protocol } from './scenarios/protocol.ts';
import { push } from './scenarios/push.ts';
import { refused } from './scenarios/refused.ts';
import { remotes } from './scenarios/remotes.ts';
import { repositories } from './scenarios/repositories.ts';
import { ssh } from './scenarios/ssh.ts';
import { submodules } from './scenarios/submodules.ts';
import { overWeb } from './scenarios/web.ts';

export const themes: Readonly<Record<string, readonly Scenario[]>> = {
  clone,
  fetch,
  list,
  push,
  refused,
  remotes,
  hooks,
  protocol,
  repositories,
  submodules,
  ssh,
  web: overWeb,
  foreign,
  companions,
  data,
};
