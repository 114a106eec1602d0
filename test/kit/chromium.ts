// A real browser: Chromium without a window, spoken to in its DevTools protocol over a pipe, so that it needs no port and no network.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** One page in a tab of its own. */
export interface Tab {
  /** What an expression is on the page, as JSON can carry it. Throws what it throws. */
  evaluate<T>(expression: string): Promise<T>;
  /** Presses and releases the mouse in the middle of the first element that a selector finds. */
  click(selector: string): Promise<void>;
  /** Types into what has the focus. */
  type(text: string): Promise<void>;
  press(key: string): Promise<void>;
  /** The visible part as PNG, or all of the page. */
  screenshot(whole?: boolean): Promise<Buffer>;
  /** What went wrong on the page: errors, complaints on its console, each address that it asked for beside its own. */
  readonly complaints: readonly string[];
}

export interface Browser {
  readonly version: string;
  /** Opens a file, waits until it is loaded. */
  open(path: string, look: { readonly dark: boolean; readonly width: number; readonly height: number }): Promise<Tab>;
  close(): Promise<void>;
}

type Message = Readonly<Record<string, unknown>>;
interface Event {
  readonly method: string;
  readonly params: Message;
  readonly sessionId: string | undefined;
}

const names = ['chromium', 'chromium-browser', 'google-chrome'];
const patienceMs = 60_000;

/** Throws when there is no Chromium: what is not looked at is not tested. */
export async function openBrowser(): Promise<Browser> {
  const program = process.env.DVCEXP_TEST_CHROMIUM ?? names.find((name) => spawnSync(name, ['--version']).status === 0);
  assert.ok(program, `these tests need one of ${names.join(', ')} (Debian: chromium), or DVCEXP_TEST_CHROMIUM`);
  const profile = mkdtempSync(join(tmpdir(), 'dvcexp-chromium-'));
  const args = ['--headless=new', '--remote-debugging-pipe', '--no-first-run', '--disable-gpu', '--hide-scrollbars'];
  // Below root its sandbox does not start; what it is shown is our own.
  const root = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
  const child = spawn(program, [...args, ...root, ...quiet, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOME: profile },
  });
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const protocol = speak(child.stdio[3] as Writable, child.stdio[4] as Readable);
  child.once('close', () => protocol.end());
  const { product } = await protocol.ask('Browser.getVersion');
  return {
    version: String(product),
    open: (path, look) => openTab(protocol, `file://${path}`, look),
    async close() {
      child.kill('SIGKILL');
      await gone;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

interface Protocol {
  ask(method: string, params?: Message, sessionId?: string): Promise<Message>;
  listen(listener: (event: Event) => void): void;
  end(): void;
}

/** Messages are JSON, each ended by a zero byte. */
function speak(to: Writable, from: Readable): Protocol {
  const waiting = new Map<number, { readonly done: (answer: Message) => void; readonly fail: (why: Error) => void }>();
  const listeners: ((event: Event) => void)[] = [];
  let serial = 0;
  let rest = '';
  to.on('error', () => undefined);
  from.setEncoding('utf8').on('data', (text: string) => {
    const messages = (rest + text).split('\0');
    rest = messages.pop() ?? '';
    for (const each of messages) {
      const { id, result, error, ...event } = JSON.parse(each);
      if (id === undefined) for (const listener of listeners) listener(event);
      else if (error === undefined) waiting.get(id)?.done(result);
      else waiting.get(id)?.fail(new Error(JSON.stringify(error)));
      waiting.delete(id);
    }
  });
  return {
    ask(method, params = {}, sessionId) {
      serial += 1;
      const id = serial;
      return new Promise((done, fail) => {
        const late = setTimeout(() => fail(new Error(`the browser does not answer ${method}`)), patienceMs);
        const over =
          <T>(end: (value: T) => void) =>
          (value: T): void => {
            clearTimeout(late);
            end(value);
          };
        waiting.set(id, { done: over(done), fail: over(fail) });
        to.write(`${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`);
      });
    },
    listen: (listener) => void listeners.push(listener),
    end() {
      for (const { fail } of waiting.values()) fail(new Error('the browser has ended'));
    },
  };
}

async function openTab(
  protocol: Protocol,
  url: string,
  { dark, width, height }: Parameters<Browser['open']>[1],
): Promise<Tab> {
  const { targetId } = await protocol.ask('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await protocol.ask('Target.attachToTarget', { targetId, flatten: true });
  const ask = (method: string, params?: Message): Promise<Message> => protocol.ask(method, params, String(sessionId));
  const complaints: string[] = [];
  let loaded: () => void = () => undefined;
  const loading = new Promise<void>((resolve) => {
    loaded = resolve;
  });
  protocol.listen(({ method, params, sessionId: from }) => {
    if (from !== sessionId) return;
    if (method === 'Page.loadEventFired') loaded();
    const asked = method === 'Network.requestWillBeSent' ? (params.request as { readonly url: string }).url : url;
    if (asked !== url && !asked.startsWith('data:')) complaints.push(`asks for ${asked}`);
    if (/^(?:Log\.entryAdded|Runtime\.exceptionThrown|Runtime\.consoleAPICalled)$/.test(method))
      complaints.push(JSON.stringify(params));
  });
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await ask(`${domain}.enable`);
  await ask('Network.emulateNetworkConditions', {
    offline: true,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: -1,
  });
  const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
  await ask('Emulation.setEmulatedMedia', { features });
  await ask('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
  await ask('Page.navigate', { url });
  await loading;
  const evaluate = async <T>(expression: string): Promise<T> => {
    const answer = await ask('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    if (answer.exceptionDetails !== undefined) throw new Error(JSON.stringify(answer.exceptionDetails));
    return (answer.result as { readonly value: T }).value;
  };
  return {
    complaints,
    evaluate,
    async click(selector) {
      const found = `document.querySelector(${JSON.stringify(selector)})`;
      await evaluate(`${found}.scrollIntoView({ block: 'center', inline: 'center' })`);
      const place = `(({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 }))(${found}.getBoundingClientRect())`;
      const at = await evaluate<Message>(place);
      for (const type of ['mousePressed', 'mouseReleased'])
        await ask('Input.dispatchMouseEvent', { type, ...at, button: 'left', clickCount: 1 });
    },
    type: async (text) => void (await ask('Input.insertText', { text })),
    async press(key) {
      for (const type of ['keyDown', 'keyUp']) await ask('Input.dispatchKeyEvent', { type, key, code: key });
    },
    async screenshot(whole = false) {
      const { data } = await ask('Page.captureScreenshot', { format: 'png', captureBeyondViewport: whole });
      return Buffer.from(String(data), 'base64');
    },
  };
}
