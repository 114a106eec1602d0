import { HelperError } from '../model/error.ts';
import { type ChannelContext, type ChannelRequest, openChannel, type Service } from './channel.ts';
import type { InnerGit } from './inner-git.ts';
import type { Address } from './policy.ts';
import { openPushBridge } from './push-bridge.ts';
import type { SessionOptions } from './session-options.ts';

const services: readonly string[] = ['git-upload-pack', 'git-receive-pack', 'git-upload-archive'];

/** Local paths, ssh and git://, where we are the transport ourselves. Connects when Git asks for something. */
export function openNativeGit(address: Address, context: ChannelContext): InnerGit {
  const { url } = address;
  if (url.kind === 'helper') throw new HelperError('unsupported', `'${url.helper}' is not a native transport`);
  const request = (service: Service, options: SessionOptions): ChannelRequest => ({
    url,
    service,
    program: options.servicePath,
    family: options.family,
  });
  const bridge = openPushBridge({
    open: (options, operation) => openChannel(request('git-receive-pack', options), context, operation),
    url: address.text,
    env: context.env,
  });
  const misplaced = (what: string): HelperError =>
    new HelperError('unsupported', `'${what}' was not offered for this transport`);
  return {
    capabilities: async () => ['connect', 'option', 'push', 'object-format'],
    option: async (_line, known) => (known ? 'ok' : 'unsupported'),
    connect: async (line, options, operation) => {
      const service = line.replace(/^(?:stateless-)?connect /, '');
      if (service === 'git-receive-pack' || !services.includes(service)) return 'fallback';
      return await openChannel(request(service as Service, options), context, operation);
    },
    list: async (forPush, options, operation) => {
      if (!forPush) throw misplaced('list');
      const { refs, objectFormat } = await bridge.list(options, operation);
      return [...(options.objectFormat ? [Buffer.from(`:object-format ${objectFormat}`)] : []), ...refs];
    },
    fetch: async () => {
      throw misplaced('fetch');
    },
    push: (refspecs, options, operation) => bridge.push(refspecs, options, operation),
    handOver: async (line) => {
      throw misplaced(line.toString());
    },
    finish: () => bridge.finish(),
  };
}
