import { HelperError } from '../model/error.ts';
import { isBundle, openBundle } from './bundle.ts';
import { type ChannelContext, type ChannelRequest, openChannel, type Service } from './channel.ts';
import { openFetchBridge } from './fetch-pack.ts';
import type { InnerGit } from './inner-git.ts';
import type { Address } from './policy.ts';
import { openPushBridge } from './push-bridge.ts';
import type { SessionOptions } from './session-options.ts';

const services: readonly string[] = ['git-upload-pack', 'git-receive-pack', 'git-upload-archive'];

interface NativeContext extends ChannelContext {
  /** Fetch by `list` and `fetch`: see `fetchBy` in docs/configuration.md. */
  readonly byFetch: boolean;
}

/** Local paths (also of a bundle), ssh and git://, where we are the transport ourselves. Connects when Git asks for something. */
export function openNativeGit(address: Address, context: NativeContext): InnerGit {
  const { url } = address;
  if (url.kind === 'helper') throw new HelperError('unsupported', `'${url.helper}' is not a native transport`);
  // Git takes a bundle by its path and not by a `file://`.
  if (url.kind === 'local' && url.path === address.text && isBundle(url.path)) return openBundle(url.path, context.env);
  const request = (service: Service, options: SessionOptions): ChannelRequest => ({
    url,
    service,
    program: options.servicePath,
    family: options.family,
    verbose: options.verbosity > 1,
  });
  const bridge = openPushBridge({
    open: (options, operation) => openChannel(request('git-receive-pack', options), context, operation),
    url: address.text,
    env: context.env,
  });
  const fetchBridge = openFetchBridge({
    open: (options, operation) =>
      openChannel({ ...request('git-upload-pack', options), version: 0 }, context, operation),
    url: address.text,
    env: context.env,
  });
  const misplaced = (what: string): HelperError =>
    new HelperError('unsupported', `'${what}' was not offered for this transport`);
  return {
    capabilities: async () => [
      ...['connect', 'option', 'push', 'object-format'],
      ...(context.byFetch ? ['fetch', 'check-connectivity'] : []),
    ],
    option: async (_line, known) => (known ? 'ok' : 'unsupported'),
    connect: async (line, options, operation) => {
      const service = line.replace(/^(?:stateless-)?connect /, '');
      if (service === 'git-receive-pack' || !services.includes(service)) return 'fallback';
      if (service === 'git-upload-pack' && context.byFetch) return 'fallback';
      return await openChannel(request(service as Service, options), context, operation);
    },
    list: async (forPush, options, operation) => {
      if (!forPush && !context.byFetch) throw misplaced('list');
      if (!forPush) return await fetchBridge.list(options, operation);
      const { refs, objectFormat } = await bridge.list(options, operation);
      return [...(options.objectFormat ? [Buffer.from(`:object-format ${objectFormat}`)] : []), ...refs];
    },
    fetch: async (batch, options, operation) => {
      if (!context.byFetch) throw misplaced('fetch');
      return await fetchBridge.fetch(batch, options, operation);
    },
    push: (refspecs, options, operation) => bridge.push(refspecs, options, operation),
    handOver: async (line) => {
      throw misplaced(line.toString());
    },
    finish: (how) => bridge.finish(how),
  };
}
