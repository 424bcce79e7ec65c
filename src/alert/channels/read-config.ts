import { integerOption, shown } from '../../options.js';
import { CHANNEL_TYPES, type ChannelConfig } from './config.js';
import { isAddress } from './endpoint.js';
import { ALERT_VARIABLES, NOTIFICATION_VARIABLES } from './message.js';
import { templateProblem } from '../template.js';

/**
 * Hears what is wrong with a setting.
 *
 * @param path - Where it is, from the channel's settings down; empty for the channel itself.
 * @param message - What was expected, to stand behind the setting's name. Never holds what may be a secret.
 */
export type ProblemListener = (path: readonly (string | number)[], message: string) => void;

type Check = (value: unknown, problem: ProblemListener) => void;
type Fields = Readonly<Record<string, Check>>;

/** Longer templates are no templates. */
const MAX_TEMPLATE = 4096;

/** What a header is called (RFC 9110, 5.6.2). */
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;

/** Headers that the request itself needs as they are. */
const OWN_HEADERS = ['connection', 'content-length', 'content-type', 'host', 'transfer-encoding'];

const http: Fields = { timeoutMs: whole(100, 10_000) };

const TYPES: Readonly<
  Record<ChannelConfig['type'], { readonly fields: Fields; readonly needs: readonly string[] }>
> = {
  console: { fields: {}, needs: [] },
  file: { fields: { path: text, maxBytes: whole(1024) }, needs: [] },
  webhook: { fields: { ...http, url: address, secret, headers }, needs: ['url'] },
  slack: {
    fields: {
      ...http,
      url: address,
      title: template(NOTIFICATION_VARIABLES),
      text: template(ALERT_VARIABLES),
    },
    needs: ['url'],
  },
  pagerduty: {
    fields: {
      ...http,
      routingKey: secret,
      url: address,
      source: text,
      summary: template(NOTIFICATION_VARIABLES),
    },
    needs: ['routingKey'],
  },
  alertmanager: {
    fields: { ...http, urls: addresses, headers, resendMs: whole(1000, 3_600_000) },
    needs: ['urls'],
  },
};

/**
 * Checks what a file or a caller says of a channel. Reads no secret: rules can be checked where there are none.
 *
 * @returns The settings, where nothing is wrong with them.
 */
export function readChannelConfig(value: unknown, problem: ProblemListener): ChannelConfig | undefined {
  let problems = 0;
  const found: ProblemListener = (path, message) => {
    problems += 1;
    problem(path, message);
  };
  if (!isMapping(value)) {
    found([], 'must be a mapping with a type');
    return undefined;
  }
  const type = CHANNEL_TYPES.find((known) => known === value['type']);
  if (type === undefined) {
    found(['type'], `must be one of ${CHANNEL_TYPES.join(', ')}, got ${shown(value['type'])}`);
    return undefined;
  }
  const { fields, needs } = TYPES[type];
  for (const name of needs) {
    if (value[name] === undefined || value[name] === null)
      found([name], `is missing: a ${type} channel needs it`);
  }
  for (const [name, setting] of Object.entries(value)) {
    if (name === 'type' || setting === undefined) continue;
    const check = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (check !== undefined) check(setting, (path, message) => found([name, ...path], message));
    else found([name], `is unknown: a ${type} channel has ${['type', ...Object.keys(fields)].join(', ')}`);
  }
  return problems === 0 ? (value as unknown as ChannelConfig) : undefined;
}

function whole(min: number, max?: number): Check {
  return (value, problem) => {
    try {
      integerOption('', value, min, max === undefined ? { min } : { min, max });
    } catch (error) {
      problem([], (error as Error).message.trim());
    }
  };
}

function text(value: unknown, problem: ProblemListener): void {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) {
    problem([], `must be a text, got ${shown(value)}`);
  }
}

function template(roots: readonly string[]): Check {
  return (value, problem) => {
    if (typeof value !== 'string' || value.length > MAX_TEMPLATE) {
      problem([], `must be a text of at most ${MAX_TEMPLATE} characters`);
      return;
    }
    const wrong = templateProblem(value, roots);
    if (wrong !== undefined) problem([], wrong);
  };
}

function secret(value: unknown, problem: ProblemListener): void {
  if (typeof value === 'string' && value.trim() !== '') return;
  const [entry, ...others] = isMapping(value) ? Object.entries(value) : [];
  const [source = '', name] = entry ?? [];
  if (['env', 'file'].includes(source) && typeof name === 'string' && name !== '' && others.length === 0)
    return;
  problem([], 'must be {env: NAME}, {file: PATH} or a text');
}

function address(value: unknown, problem: ProblemListener): void {
  secret(value, problem);
  if (typeof value === 'string' && value.trim() !== '' && !isAddress(value)) {
    problem([], 'must be an http or https URL');
  }
}

function addresses(value: unknown, problem: ProblemListener): void {
  if (!Array.isArray(value) || value.length < 1 || value.length > 10) {
    problem([], 'must be a list of 1 to 10 URLs');
    return;
  }
  value.forEach((one, index) => address(one, (path, message) => problem([index, ...path], message)));
}

function headers(value: unknown, problem: ProblemListener): void {
  if (!isMapping(value)) {
    problem([], 'must be a mapping of names to texts');
    return;
  }
  for (const [name, one] of Object.entries(value)) {
    if (!HEADER.test(name)) problem([], `has ${shown(name)}, which is no name of a header`);
    else if (OWN_HEADERS.includes(name.toLowerCase())) problem([name], 'cannot be set');
    secret(one, (path, message) => problem([name, ...path], message));
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
