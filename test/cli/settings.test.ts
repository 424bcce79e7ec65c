import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { cli } from './run.js';

interface Given {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly config?: Readonly<Record<string, string>>;
}

/** Settings as doctor shows them: name, value and source, in a working directory with these files. */
function settings({ args = [], env = {}, config = {} }: Given): { cwd: string; settings: unknown } {
  const cwd = temporaryDirectory();
  for (const [name, text] of Object.entries(config)) writeFileSync(join(cwd, name), text);
  const { stdout, stderr } = cli(['doctor', '--json', ...args], { env, cwd });
  if (stderr !== '') throw new Error(stderr);
  const list: { name: string; value: unknown; source: string }[] = JSON.parse(stdout).settings;
  return {
    cwd,
    settings: Object.fromEntries(list.map(({ name, value, source }) => [name, [value, source]])),
  };
}

/** The one line that is said about bad settings. */
function complaint(config: Readonly<Record<string, string>>): string {
  const cwd = temporaryDirectory();
  for (const [name, text] of Object.entries(config)) writeFileSync(join(cwd, name), text);
  const { status, stderr } = cli(['analyze'], { cwd });
  expect(status).toBe(2);
  expect(stderr).toMatch(/^[^\n]*\n$/);
  return stderr.replace(cwd, 'CWD').replace(cwd, 'CWD');
}

const JSON_FILE = 'cfn-metrics.config.json';
const YAML_FILE = 'cfn-metrics.config.yaml';

describe('a setting', () => {
  const a = temporaryDirectory;

  it('is what the flag says, then the environment, then the config file, then the default', () => {
    const [flag, variable, file] = [a(), a(), a()];
    const config = { [JSON_FILE]: JSON.stringify({ directory: file, shards: 4, agent: 7 }) };
    const env = { CFN_METRICS_DIR: variable, CFN_METRICS_SHARDS: '8', CFN_AGENT_ID: '42' };
    expect(settings({ args: ['--dir', flag, '--shards', '32'], env, config }).settings).toEqual({
      directory: [flag, '--dir'],
      shards: [32, '--shards'],
      agent: ['agent-42', 'CFN_AGENT_ID'],
    });
    expect(settings({ env, config }).settings).toEqual({
      directory: [variable, 'CFN_METRICS_DIR'],
      shards: [8, 'CFN_METRICS_SHARDS'],
      agent: ['agent-42', 'CFN_AGENT_ID'],
    });
    const { cwd, settings: fromFile } = settings({ config });
    expect(fromFile).toEqual({
      directory: [file, join(cwd, JSON_FILE)],
      shards: [4, join(cwd, JSON_FILE)],
      agent: ['agent-7', join(cwd, JSON_FILE)],
    });
    expect(settings({}).settings).toEqual({
      directory: ['/dev/shm', 'default'],
      shards: [16, 'default'],
      agent: ['host name and pid of each', 'default'],
    });
  });

  it('may come from YAML', () => {
    const { cwd, settings: found } = settings({
      config: { [YAML_FILE]: '# ours\nshards: 4\nagent: coder-7a\n' },
    });
    expect(found).toMatchObject({
      shards: [4, join(cwd, YAML_FILE)],
      agent: ['coder-7a', join(cwd, YAML_FILE)],
    });
    expect(settings({ config: { [YAML_FILE]: '# nothing yet\n' } }).settings).toMatchObject({
      shards: [16, 'default'],
    });
  });

  it('is unset where the variable is empty', () => {
    const env = { CFN_METRICS_DIR: '', CFN_METRICS_SHARDS: '', CFN_AGENT_ID: '' };
    expect(settings({ env }).settings).toEqual(settings({}).settings);
  });

  it.each([
    [{ [JSON_FILE]: '{"shards":' }, /^cfn-metrics: CWD\/cfn-metrics\.config\.json is no JSON: /],
    [{ [JSON_FILE]: '[]' }, /CWD\/cfn-metrics\.config\.json must be a mapping of settings\n$/],
    [{ [YAML_FILE]: 'shards: [1\n' }, /CWD\/cfn-metrics\.config\.yaml is no YAML: /],
    [{ [YAML_FILE]: 'just text' }, /config\.yaml must be a mapping of settings\n$/],
    [
      { [JSON_FILE]: '{"shards":0}' },
      /shards in CWD\/.*json must be a whole number from 1 to 1024, got 0\n$/,
    ],
    [{ [JSON_FILE]: '{"directory":5}' }, /directory in CWD\/.*json must be a path, got 5\n$/],
    [{ [JSON_FILE]: '{"agent":{}}' }, /agent in CWD\/.*json: agent must be 1 to 128 characters/],
    [{ [JSON_FILE]: '{"dir":"/x"}' }, /has an unknown setting "dir"; there are directory, shards, agent\n$/],
    [
      { [JSON_FILE]: '{}', [YAML_FILE]: '{}' },
      /config\.yaml and .*config\.json both exist; remove one of them\n$/,
    ],
  ])('that is bad is one line: %j', (config, message) => {
    expect(complaint(config)).toMatch(message);
  });
});
