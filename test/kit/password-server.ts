// An ssh server that lets in by password, which OpenSSH does for accounts of the machine only. It has an empty root.
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import ssh2, { type Prompt } from 'ssh2';

export interface PasswordServer {
  readonly port: number;
  /** Every password that was tried; answers of keyboard-interactive joined by commas. */
  readonly given: string[];
  close(): void;
}

export async function startPasswordServer(
  hostKey: string,
  method: 'password' | 'keyboard-interactive',
  prompts: readonly Prompt[] = [],
): Promise<PasswordServer> {
  const given: string[] = [];
  const server = new ssh2.Server({ hostKeys: [readFileSync(hostKey)] }, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (context) => {
      const judge = (answer: string): void => {
        given.push(answer);
        if (answer === 'secret') context.accept();
        else context.reject([method]);
      };
      if (context.method === 'password' && method === 'password') judge(context.password);
      else if (context.method === 'keyboard-interactive' && method === context.method) {
        context.prompt([...prompts], (all) => judge(all.join()));
      } else context.reject([method]);
    });
    client.on('session', (accept) => {
      accept().on('sftp', (ready) => {
        const sftp = ready();
        sftp.on(
          'STAT',
          (id, path) => void (path === '/' ? sftp.attrs(id, { mode: 0o40755 } as never) : sftp.status(id, 2)),
        );
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, given, close: () => void server.close() };
}
