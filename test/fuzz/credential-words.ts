// The credential protocol in both directions: what helpers of Git's answer, what is told to Git, what Git asks us.
import type { Machine } from '../../src/credential-helper/local-layers.ts';
import { parseRequest } from '../../src/credential-helper/request.ts';
import { respond } from '../../src/credential-helper/respond.ts';
import { type CredentialQuestion, parseAnswer, serialize } from '../../src/git/credential.ts';
import { originUrl } from '../../src/model/origin.ts';
import type { Campaign } from './campaign.ts';
import { control, textOf, words } from './text.ts';

const lines = (...texts: readonly string[]): Buffer[] => words(...texts.map((text) => `${text}\n`));

/** The last value of a field, as Git's own reader takes it (credential.c, credential_read). */
function fieldOf(text: string, name: string): string | undefined {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}=`))
    .at(-1)
    ?.slice(name.length + 1);
}

const questions: readonly CredentialQuestion[] = [
  { protocol: 'https', host: 's3.amazonaws.com', path: 'bucket' },
  { protocol: 'https', host: 'share.example:8443', path: 'dav', username: 'ada' },
  { protocol: 'ssh-key', host: '', path: 'home/ada/.ssh/id_ed25519', username: '' },
];

const answers: Campaign = {
  name: "answers of Git's credential helpers",
  honest: [
    lines('protocol=https', 'host=s3.amazonaws.com', 'path=bucket', 'username=AKIAX', 'password=se=cr/et+'),
    lines('username=ada', 'password={"v":1,"secret":"x","token":"y"}', 'password_expiry_utc=99999999999'),
    lines('username=', 'password=pass phrase'),
  ],
  dictionary: [
    ...lines('host=evil.example', 'quit=1', 'username=eve', 'password=', 'username=', 'password=other', 'x', '=', ''),
    ...lines(
      'password_expiry_utc=1',
      'password_expiry_utc=1e9',
      'capability[]=authtype',
      'password=\u0085',
      'username=a\rb',
    ),
    ...words('\u001b[31m', '\u0000', '\u009b', '\u202e', 'password=', '\r\n'),
  ],
  cpuMs: 1_000,
  judge: async (pieces, _honest, dice) => {
    const text = textOf(pieces);
    const question = dice.pick(questions);
    const answer = parseAnswer(text, question);
    if (answer === undefined) return undefined;
    const { username, password } = answer;
    if (username !== (fieldOf(text, 'username') ?? '')) return `made up the user '${username}'`;
    if (password !== fieldOf(text, 'password') || password === '') return 'made up the password';
    if (question.username !== undefined && question.username !== username) return `took '${username}' for another user`;
    if (control.test(username + password)) return 'control characters';
    if (answer.expiresSeconds !== undefined && answer.expiresSeconds * 1_000 < Date.now()) return 'an expired password';
    // What was given can be approved and rejected, or a wrong password would stay for ever.
    return serialize({ ...question, username }, password) === undefined ? 'Git cannot be told of it' : undefined;
  },
};

const told: Campaign = {
  name: 'what Git is told of a secret',
  honest: [
    words('https', 's3.amazonaws.com', 'bucket/prefix', 'AKIAX', '{"v":1,"secret":"x","token":"y"}'),
    words('ssh-key', '', 'home/ada/.ssh/id', '', 'pass phrase'),
    words('http', '127.0.0.1:9000', '', 'ädä', 'wörd:"\\1'),
  ],
  dictionary: words(
    '\n',
    '\nhost=evil.example',
    '\r',
    '\u0000',
    '\u001b[2J',
    '\u0085',
    '',
    '=',
    'https',
    'evil.example',
    '\u2028',
  ),
  cpuMs: 1_000,
  judge: async (pieces) => {
    const [protocol = '', host = '', path = '', username = '', password = ''] = pieces.map((piece) => piece.toString());
    const text = serialize({ protocol, host, path, username }, password);
    if (text === undefined) return undefined;
    const values = { protocol, host, path, username, password };
    const expected = Object.entries(values).filter(([name, value]) => name !== 'path' || value !== '');
    const read = text.split('\n');
    if (read.pop() !== '' || read.pop() !== '') return 'no blank line at the end';
    if (read.length !== expected.length) return 'other lines than were meant';
    const wrong = expected.findIndex(([name, value], index) => read[index] !== `${name}=${value}`);
    if (wrong >= 0) return `'${read[wrong]}' is not what was meant`;
    if (read.some((line) => control.test(line) || Buffer.byteLength(line) > 65_535))
      return 'a line that Git must not get';
    const asked = parseRequest(text);
    if (asked === undefined) return undefined;
    return asked.origin.protocol === protocol ? undefined : `read back as ${originUrl(asked.origin)}`;
  },
};

const tokens: Readonly<Record<string, string>> = {
  'github.com': 'x-access-token gh-token',
  'gitlab.corp:8443': 'gitlab-ci-token job-token',
  'dev.azure.com': 'azure-devops az-token',
  'git.corp': 'ci own',
};
const machine: Machine = {
  cwd: '/nonexistent/project',
  env: {
    ...{ GITHUB_ACTIONS: 'true', GITHUB_SERVER_URL: 'https://github.com', GITHUB_TOKEN: 'gh-token' },
    ...{ CI_SERVER_HOST: 'gitlab.corp', CI_SERVER_PORT: '8443', CI_JOB_TOKEN: 'job-token' },
    ...{ SYSTEM_COLLECTIONURI: 'https://dev.azure.com/team/', SYSTEM_ACCESSTOKEN: 'az-token' },
    ...{ DVCEXP_GIT_HOST: 'git.corp', DVCEXP_GIT_USERNAME: 'ci', DVCEXP_GIT_PASSWORD: 'own' },
  },
  platform: 'linux',
  home: '/nonexistent/home',
  uid: undefined,
  isTracked: async () => false,
};

const requests: Campaign = {
  name: 'questions of Git to git-credential-dvcexp',
  honest: Object.keys(tokens).flatMap((host) => [
    lines('protocol=https', `host=${host}`, ''),
    lines(
      'capability[]=authtype',
      'protocol=https',
      `host=${host}`,
      'path=team/x.git',
      'wwwauth[]=Basic realm="x"',
      '',
    ),
  ]),
  dictionary: [
    ...lines(
      '',
      'host=evil.example',
      'host=github.com',
      'protocol=http',
      'protocol=https',
      'username=eve',
      'password=x',
    ),
    ...lines('url=https://evil.example', 'host=github.com.evil.example', 'host=GitHub.com.', 'host=github.com:443'),
    ...words(
      '\0',
      '\r',
      '.',
      ':443',
      '@',
      '.evil.example',
      'evil.example/',
      '%2e',
      '\u3002',
      'ｇ',
      '\u00ad',
      '#',
      'host=',
    ),
  ],
  cpuMs: 1_000,
  judge: async (pieces, honest) => {
    const text = textOf(pieces);
    const said = await respond('get', text, machine);
    const unchanged = text === textOf(requests.honest[honest] ?? []);
    if (said === '') return unchanged ? 'no answer to an honest question' : undefined;
    const [, username, password] = /^username=([^\n]+)\npassword=([^\n]+)\n$/.exec(said) ?? [];
    if (username === undefined || control.test(`${username}${password}`)) return `answered ${JSON.stringify(said)}`;
    const asked = text.split('\n');
    const end = asked.indexOf('');
    const request = asked.slice(0, end < 0 ? undefined : end).join('\n');
    const [protocol, host = ''] = ['protocol', 'host'].map((name) => fieldOf(request, name));
    // Another reading of which spellings are the same host.
    const url = `https://${host}/`;
    const name =
      /^[\w.\u0080-\uffff:-]+$/.test(host) && URL.canParse(url) ? new URL(url).host.replace(/\.(?=$|:)/, '') : '';
    if (protocol !== 'https' || tokens[name] !== `${username} ${password}`)
      return `gave ${username} to ${protocol}://${host}`;
    const wanted = fieldOf(request, 'username') ?? '';
    return wanted === '' || wanted === username ? undefined : `gave ${username} to somebody who wants ${wanted}`;
  },
};

export const credentialWords: readonly Campaign[] = [answers, told, requests];
