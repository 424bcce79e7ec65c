import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DEFAULT_ARCHIVE_LAG_SECONDS, readLimits } from '../../src/alert/limits.js';
import { readOptions } from '../../src/archive/options.js';
import { parseDuration } from '../../src/cli/archive/amounts.js';
import { DEFAULT_SHARDS } from '../../src/environment.js';
import { temporaryDirectory } from '../support/directory.js';
import { cli } from './run.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** A row of the table in docs/settings.md. */
interface Row {
  readonly flag: string;
  readonly variable: string;
  readonly key: string;
  /** Undefined where it depends on the machine. */
  readonly fallback: string | undefined;
}

const cellsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
const codeIn = (cell = ''): string => /^`([^`]+)`$/.exec(cell)?.[1] ?? '';
const lines = read('docs/settings.md')
  .split('\n')
  .filter((line) => line.startsWith('|'));
const rows = lines.flatMap((line): Row[] => {
  const cells = cellsOf(line);
  const [flag, variable, key, fallback] = cells.map(codeIn);
  if (cells.length !== 5 || !variable) return [];
  return [{ flag: flag!, variable, key: key!, fallback: fallback! === '' ? undefined : fallback! }];
});
const variablesOnly = lines.flatMap((line) => {
  const cells = cellsOf(line);
  return cells.length === 3 && codeIn(cells[0]) !== '' ? [codeIn(cells[0])] : [];
});

/** Variables after sourcing the shell file in an environment. */
function sourced(env: Record<string, string> = {}): Record<string, string> {
  const { stdout, stderr } = spawnSync(
    'bash',
    ['--norc', '-euc', '. "$1"; env', '-', join(root, 'config/metrics-config.sh')],
    {
      env: { PATH: process.env['PATH'], ...env },
      encoding: 'utf8',
    },
  );
  expect(stderr).toBe('');
  const pairs = stdout.split('\n').map((line) => /^(CFN_\w+)=(.*)$/.exec(line));
  return Object.fromEntries(pairs.flatMap((pair) => (pair === null ? [] : [[pair[1], pair[2]]]))) as Record<
    string,
    string
  >;
}

const yaml = parse(read('config/cfn-metrics.config.yaml')) as Record<string, unknown>;

/** What `doctor` shows: value and source by name. */
function shown(
  env: Record<string, string>,
  files: Record<string, string> = {},
  args: readonly string[] = [],
) {
  const cwd = temporaryDirectory();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  const home = { HOME: cwd, XDG_STATE_HOME: join(cwd, 'state') };
  const { stdout, stderr } = cli(['doctor', '--json', ...args], { env: { ...home, ...env }, cwd });
  expect(stderr).toBe('');
  const { settings } = JSON.parse(stdout) as { settings: { name: string; value: unknown; source: string }[] };
  const relative = (text: unknown): string => String(text).replaceAll(cwd, 'CWD');
  return Object.fromEntries(
    settings.map(({ name, value, source }) => [name, [relative(value), relative(source)]]),
  );
}

/** A value of each that is not its default. */
const OTHER: Readonly<Record<string, string>> = {
  directory: '/tmp',
  shards: '8',
  agent: 'agent-7',
  archive: '/nowhere/archive',
  syncInterval: '7m',
  rotate: 'hourly',
  retentionDays: '90',
  maxArchiveBytes: '64MiB',
  hotRetention: '2h',
  maxHotBytes: '16MiB',
  healthPort: '8080',
  alertState: '/nowhere/alert',
  alertCoordinationTimeMs: '5000',
  alertDeliveryRate: '0.99',
  alertMemoryMb: '512',
};

describe('the settings', () => {
  it('are the same in the table, in the shell file and in the config file, with the same defaults', () => {
    expect(rows.length).toBeGreaterThanOrEqual(15);
    const fixed = (name: 'variable' | 'key') =>
      Object.fromEntries(rows.map((row) => [row[name], row.fallback ?? '']));
    expect(sourced()).toEqual(fixed('variable'));
    const written = Object.entries(yaml).map(([key, value]) => [
      key,
      value === null ? '' : String(value as string | number),
    ]);
    expect(Object.fromEntries(written)).toEqual(fixed('key'));
  });

  it('have the defaults that the code has', () => {
    const fallback = (key: string): string => rows.find((row) => row.key === key)!.fallback!;
    const archiver = readOptions({ archive: '/x' });
    expect(Number(fallback('shards'))).toBe(DEFAULT_SHARDS);
    expect(parseDuration('', fallback('syncInterval'))).toBe(archiver.intervalMs);
    expect(fallback('rotate')).toBe(archiver.rotate);
    expect(Number(fallback('retentionDays'))).toBe(archiver.retentionDays);
    expect(parseDuration('', fallback('hotRetention'))).toBe(archiver.hotRetentionMs);
    expect(readLimits({})).toEqual({
      archiveLagSeconds: DEFAULT_ARCHIVE_LAG_SECONDS,
      coordinationTimeMs: Number(fallback('alertCoordinationTimeMs')),
      deliveryRate: Number(fallback('alertDeliveryRate')),
      memoryMb: Number(fallback('alertMemoryMb')),
    });
  });

  it('are all shown by doctor, with the default, wherever nothing was said', () => {
    const all = shown({});
    expect(Object.keys(all)).toEqual([...rows.map(({ key }) => key), ...variablesOnly]);
    for (const [, source] of Object.values(all)) expect(source).toBe('default');
    for (const { key, fallback } of rows) if (fallback !== undefined) expect(all[key]![0]).toBe(fallback);
  });

  it('mean by the files what they mean without them', () => {
    const values = (all: Record<string, string[]>) =>
      Object.fromEntries(Object.entries(all).map(([key, [value]]) => [key, value]));
    const none = values(shown({}));
    expect(values(shown(sourced()))).toEqual(none);
    const text = read('config/cfn-metrics.config.yaml');
    expect(values(shown({}, { 'cfn-metrics.config.yaml': text }))).toEqual(none);
  });

  it('come from the variable, else from the config file', () => {
    expect(Object.keys(OTHER)).toEqual(rows.map(({ key }) => key));
    const env = Object.fromEntries(rows.map(({ variable, key }) => [variable, OTHER[key]!]));
    const file = {
      'cfn-metrics.config.json': JSON.stringify(OTHER, (key, value: unknown) =>
        key.startsWith('alert') && !Number.isNaN(Number(value)) ? Number(value) : value,
      ),
    };
    const fromVariables = shown(env, { 'cfn-metrics.config.json': '{}' });
    const fromFile = shown({}, file);
    const fromBoth = shown(env, file);
    for (const { key, variable } of rows) {
      expect({ key, shown: fromVariables[key] }).toEqual({ key, shown: [OTHER[key], variable] });
      expect({ key, shown: fromFile[key] }).toEqual({
        key,
        shown: [OTHER[key], 'CWD/cfn-metrics.config.json'],
      });
      expect({ key, shown: fromBoth[key] }).toEqual({ key, shown: [OTHER[key], variable] });
    }
  });

  it('are left as they are by the shell file where they are set', () => {
    const env = Object.fromEntries(rows.map(({ variable, key }) => [variable, OTHER[key]!]));
    expect(sourced(env)).toEqual(env);
  });

  it('have the flags that commands know', () => {
    const help = ['archive', 'alert', 'doctor'].map((command) => cli([command, '--help']).stdout).join('');
    for (const { flag } of rows) if (flag !== '') expect(help).toContain(`  ${flag} `);
  });

  it('are all in the table: no code reads a variable that is not', () => {
    const sources = ['src', 'adapters'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8')),
    );
    const used = new Set(
      sources.flatMap((text) => text.match(/\bCFN_(?:METRICS|AGENT)_[A-Z_]*[A-Z]\b/g) ?? []),
    );
    // How up tells a companion which it is, and the beginning of variables of one backend, which have a page of their own.
    for (const name of used) if (/^CFN_METRICS_(COMPANION$|REMOTE_WRITE_)/.test(name)) used.delete(name);
    used.delete('CFN_METRICS_REMOTE_WRITE');
    const told = [...rows.map(({ variable }) => variable), ...variablesOnly];
    expect([...used].sort()).toEqual(told.sort());
  });

  it('of the environment alone are shown where they are set, and a token never', () => {
    const all = shown({ CFN_METRICS_LOCK: 'flock', CFN_METRICS_PROMETHEUS_TOKEN: 'hush' });
    expect(all['CFN_METRICS_LOCK']).toEqual(['flock', 'CFN_METRICS_LOCK']);
    expect(all['CFN_METRICS_PROMETHEUS_TOKEN']).toEqual(['(set)', 'CFN_METRICS_PROMETHEUS_TOKEN']);
    expect(JSON.stringify(all)).not.toContain('hush');
  });
});

describe('the limits of the rules out of the box', () => {
  it('in the config file count, and what is wrong with them is one line', () => {
    const cwd = temporaryDirectory();
    mkdirSync(join(cwd, 'shards'));
    const check = (text: string, env: Record<string, string> = {}) => {
      writeFileSync(join(cwd, 'cfn-metrics.config.json'), text);
      return cli(['alert', '--check'], { cwd, env });
    };
    expect(check('{"alertMemoryMb": 5}')).toMatchObject({ status: 0, stderr: '' });
    for (const [text, problem] of [
      ['{"alertMemoryMb": 0}', 'a number above 0, got 0'],
      ['{"alertMemoryMb": "much"}', 'a number above 0, got "much"'],
      ['{"alertDeliveryRate": 90}', 'a number above 0 and at most 1, got 90'],
      ['{"alertDeliveryRate": true}', 'a number above 0 and at most 1, got true'],
    ] as const) {
      const { status, stderr } = check(text);
      expect({ text, status }).toEqual({ text, status: 2 });
      expect(stderr).toMatch(new RegExp(`^cfn-metrics: alert\\w+ in [^\\n]* must be ${problem}\\n$`));
    }
  });
});
