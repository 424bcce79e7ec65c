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
    expect(settings({ args: ['--dir', flag, '--shards', '32'], env, config }).settings).toMatchObject({
      directory: [flag, '--dir'],
      shards: [32, '--shards'],
      agent: ['agent-42', 'CFN_AGENT_ID'],
    });
    expect(settings({ env, config }).settings).toMatchObject({
      directory: [variable, 'CFN_METRICS_DIR'],
      shards: [8, 'CFN_METRICS_SHARDS'],
      agent: ['agent-42', 'CFN_AGENT_ID'],
    });
    const { cwd, settings: fromFile } = settings({ config });
    expect(fromFile).toMatchObject({
      directory: [file, join(cwd, JSON_FILE)],
      shards: [4, join(cwd, JSON_FILE)],
      agent: ['agent-7', join(cwd, JSON_FILE)],
    });
    expect(settings({}).settings).toMatchObject({
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
    [
      { [JSON_FILE]: '{"dir":"/x"}' },
      /has an unknown setting "dir"; there are directory, shards, agent, [^\n]*archive, syncInterval, [^\n]*\n$/,
    ],
    [{ [JSON_FILE]: '{"archive":""}' }, /archive in CWD\/.*json must be a path, got ""\n$/],
    [
      { [JSON_FILE]: '{"syncInterval":300}' },
      /syncInterval in CWD\/.*json must be a time such as 30s, 5m or 1h30m, got 300\n$/,
    ],
    [
      { [JSON_FILE]: '{"rotate":["daily","weekly"]}' },
      /rotate in CWD\/.*json must be daily, hourly or a size such as 64MiB, got "weekly"\n$/,
    ],
    [
      { [YAML_FILE]: 'retentionDays: 1.5' },
      /retentionDays in CWD\/.*yaml must be a whole number from 1 to 100000, got 1.5\n$/,
    ],
    [
      { [JSON_FILE]: '{"maxHotBytes":"much"}' },
      /maxHotBytes in CWD\/.*json must be a size such as 512MiB or 1G, got "much"\n$/,
    ],
    [
      { [JSON_FILE]: '{}', [YAML_FILE]: '{}' },
      /config\.yaml and .*config\.json both exist; remove one of them\n$/,
    ],
  ])('that is bad is one line: %j', (config, message) => {
    expect(complaint(config)).toMatch(message);
  });
});

describe('a setting of the archive', () => {
  const FILE = [
    'archive: /srv/metrics',
    'syncInterval: 1m',
    'rotate: [hourly, 64MiB]',
    'retentionDays: 90',
    'maxArchiveBytes: 10GiB',
    'hotRetention: 2h',
    'maxHotBytes: 1048576',
    'healthPort: 8089',
  ].join('\n');

  it('may stand in the config file, or in the environment, which goes before it', () => {
    const config = { [YAML_FILE]: FILE };
    const { cwd, settings: fromFile } = settings({ config });
    const source = join(cwd, YAML_FILE);
    expect(fromFile).toMatchObject({
      archive: ['/srv/metrics', source],
      syncInterval: ['1m', source],
      rotate: ['hourly, 64MiB', source],
      retentionDays: [90, source],
      maxArchiveBytes: ['10GiB', source],
      hotRetention: ['2h', source],
      maxHotBytes: [1048576, source],
      healthPort: [8089, source],
    });
    const env = {
      ...{ CFN_METRICS_ARCHIVE_DIR: '/srv/other', CFN_METRICS_SYNC_INTERVAL: '2m' },
      ...{ CFN_METRICS_ROTATE: 'daily,1G', CFN_METRICS_RETENTION_DAYS: '7', CFN_METRICS_MAX_HOT_BYTES: '2G' },
      ...{
        CFN_METRICS_MAX_ARCHIVE_BYTES: '20G',
        CFN_METRICS_HOT_RETENTION: '3h',
        CFN_METRICS_HEALTH_PORT: '1',
      },
    };
    expect(settings({ config, env }).settings).toMatchObject({
      archive: ['/srv/other', 'CFN_METRICS_ARCHIVE_DIR'],
      syncInterval: ['2m', 'CFN_METRICS_SYNC_INTERVAL'],
      rotate: ['daily,1G', 'CFN_METRICS_ROTATE'],
      retentionDays: ['7', 'CFN_METRICS_RETENTION_DAYS'],
      maxArchiveBytes: ['20G', 'CFN_METRICS_MAX_ARCHIVE_BYTES'],
      hotRetention: ['3h', 'CFN_METRICS_HOT_RETENTION'],
      maxHotBytes: ['2G', 'CFN_METRICS_MAX_HOT_BYTES'],
      healthPort: ['1', 'CFN_METRICS_HEALTH_PORT'],
    });
  });

  it('is shown with its default', () => {
    expect(settings({ env: { XDG_STATE_HOME: '/state' } }).settings).toMatchObject({
      archive: [expect.stringMatching(/^(\/metrics\/archive|\/state\/cfn-metrics\/archive)$/), 'default'],
      syncInterval: ['5m', 'default'],
      rotate: ['daily', 'default'],
      retentionDays: [30, 'default'],
      maxArchiveBytes: ['no bound', 'default'],
      hotRetention: ['24h', 'default'],
      maxHotBytes: ['half of the RAM disk, at most 512MiB', 'default'],
      healthPort: ['none', 'default'],
    });
  });
});
