import diagnostics from 'node:diagnostics_channel';
import { withoutSecrets } from './conceal.ts';

const channel = diagnostics.channel('dvcexp:trace');

/** Publishes one line for GIT_TRACE_DVCEXP. The text is only built when somebody listens. Never put a secret in it. */
export function trace(line: () => string): void {
  if (channel.hasSubscribers) channel.publish(withoutSecrets(line()));
}

/** Hands every traced line to `write`; src/main subscribes when GIT_TRACE_DVCEXP asks for it. */
export function onTrace(write: (line: string) => void): void {
  channel.subscribe((line) => write(String(line)));
}
