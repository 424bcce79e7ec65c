import { appendFileSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { cli, store } from './run.js';

const T = Date.parse('2026-11-21T20:00:00.000Z');

function shards(): string {
  const directory = temporaryDirectory();
  for (const agent of [1, 2]) {
    store(
      directory,
      agent,
      [1, 2, 3, 4].map((i) => ({
        time: T + i * 1000,
        agent: `agent-${agent}`,
        metric: 'coordination_time_ms',
        value: i * 10 * agent,
        unit: 'ms',
        attributes: { phase: i % 2 === 0 ? 'plan' : '=cmd|calc' },
      })),
    );
  }
  store(directory, 3, [
    { time: T + 5000, agent: 'agent-3', metric: 'messages', value: 5, type: 'counter', unit: '{message}' },
    {
      time: T + 5000,
      agent: 'agent-3',
      metric: 'latency',
      value: 2,
      type: 'histogram',
      start: T,
      count: 3,
      sum: 6,
      min: 1,
      max: 3,
      bounds: [1, 2, 4],
      counts: [1, 1, 1, 0],
      writer: 'w',
    },
    {
      time: T + 5000,
      metric: 'cfn.metrics.dropped',
      value: 7,
      type: 'counter',
      attributes: { reason: 'full' },
    },
    { time: T + 5000, metric: 'target_info', value: 1, attributes: { 'service.name': 'x' } },
    { time: T + 5000, metric: 'broken', value: NaN },
    { time: T + 5000, metric: 'endless', value: Infinity },
  ]);
  return directory;
}

describe('analyze --json', () => {
  it('is one object with everything the shards say', () => {
    const directory = shards();
    appendFileSync(join(directory, 'cfn-metrics-1.jsonl'), 'hello\n');
    appendFileSync(
      join(directory, 'cfn-metrics-2.jsonl'),
      '{"timestamp":"2026-11-21T20:00:09.000Z","agent":"ag',
    );
    store(directory, 2, [
      { time: T + 9000, agent: 'agent-2', metric: 'coordination_time_ms', value: 5, unit: 'ms' },
    ]);
    const { status, stdout, stderr } = cli(['analyze', '--dir', directory, '--json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^\{.*\}\n$/);
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({
      since: '2026-11-21T20:00:01.000Z',
      until: '2026-11-21T20:00:09.000Z',
      directory,
      records: 13,
      skipped: 2,
      torn: 1,
      foreign: 1,
      dropped: 7,
      files: 3,
      unreadable: [],
    });
    expect(answer.groups.map(({ metric }: { metric: string }) => metric)).toEqual([
      'broken',
      'coordination_time_ms',
      'endless',
      'latency',
      'messages',
    ]);
    expect(answer.groups[1]).toEqual({
      metric: 'coordination_time_ms',
      type: 'gauge',
      unit: 'ms',
      count: 9,
      sum: 305,
      avg: 305 / 9,
      min: 5,
      max: 80,
      p50: 30,
      p95: 72,
      p99: 78.4,
      exact: true,
      nan: 0,
    });
    expect(answer.groups[0]).toMatchObject({ count: 0, avg: null, nan: 1 });
    expect(answer.groups[2]).toMatchObject({ avg: 'Infinity', min: 'Infinity', p99: 'Infinity' });
    expect(answer.groups[3]).toMatchObject({ type: 'histogram', count: 3, exact: false });
  });

  it('counts what was asked for', () => {
    const args = ['analyze', '--json', '--dir', shards()];
    const query = (...more: string[]): { records: number; groups: Record<string, unknown>[] } =>
      JSON.parse(cli([...args, ...more]).stdout);
    expect(query('--metric', 'coordination_*').records).toBe(8);
    expect(query('--metric', 'mess*', '--metric', 'latenc?').records).toBe(2);
    expect(query('--agent', '2').records).toBe(4);
    expect(query('--agent', 'agent-2', '--agent', '3').records).toBe(6);
    expect(query('--since', '2026-11-21T20:00:02Z', '--until', '2026-11-21T20:00:04Z').records).toBe(4);
    expect(query('--since', '5m').records).toBe(0);
    const groups = query(
      '--metric',
      'coord*',
      '--group-by',
      'metric,agent',
      '--group-by',
      'attr:phase',
    ).groups;
    expect(groups.map(({ agent, attributes, count }) => [agent, attributes, count])).toEqual([
      ['agent-1', { phase: '=cmd|calc' }, 2],
      ['agent-1', { phase: 'plan' }, 2],
      ['agent-2', { phase: '=cmd|calc' }, 2],
      ['agent-2', { phase: 'plan' }, 2],
    ]);
  });
});

describe('analyze', () => {
  it('prints a plain table where there is no terminal', () => {
    const { stdout } = cli(['analyze', '--dir', shards()]);
    expect(stdout.split('\n').slice(1)).toEqual([
      '',
      'metric                unit       count  sum       avg       min       max       p50       p95       p99',
      'broken                               0    -         -         -         -         -         -         -',
      'coordination_time_ms  ms             8    -      37.5        10        80        35        73      78.6',
      'endless                              1    -  Infinity  Infinity  Infinity  Infinity  Infinity  Infinity',
      'latency                              3    6         2         1         3      ~1.5     ~2.85     ~2.97',
      'messages              {message}      1    5         5         5         5         5         5         5',
      '',
      '12 records in 3 files, 0 lines skipped, 7 dropped by writers',
      '1 value NaN, counted nowhere else',
      '~ estimated from the buckets of a histogram',
      '',
    ]);
    expect(stdout).toMatch(
      /^Everything in .*: 2026-11-21 20:00:01Z to 2026-11-21 20:00:05Z, 4 s \(--since 5m for less\)\n/,
    );
  });

  it('says from when to when', () => {
    const headline = (...args: string[]): string =>
      cli(['analyze', '--dir', shards(), ...args])
        .stdout.split('\n')[0]!
        .replace(/ in .*/, '');
    expect(headline('--since', '2026-11-21')).toBe('Since 2026-11-21 00:00:00Z,');
    expect(headline('--until', '2026-11-22')).toBe('Up to 2026-11-22 00:00:00Z,');
    expect(headline('--since', '2026-11-21', '--until', '2026-11-22')).toBe(
      'Since 2026-11-21 00:00:00Z until 2026-11-22 00:00:00Z,',
    );
  });

  it('of an empty directory says where it looked', () => {
    const directory = temporaryDirectory();
    expect(cli(['analyze', '--dir', directory])).toEqual({
      status: 0,
      stdout: `No shard was found: looked for cfn-metrics-*.jsonl in ${directory}\n`,
      stderr: '',
    });
    expect(JSON.parse(cli(['analyze', '--dir', directory, '--json']).stdout)).toEqual({
      since: null,
      until: null,
      directory,
      groups: [],
      records: 0,
      skipped: 0,
      torn: 0,
      foreign: 0,
      dropped: 0,
      files: 0,
      unreadable: [],
    });
  });

  it('looks into /dev/shm by default', () => {
    const used = readdirSync('/dev/shm').some((name) => /^cfn-metrics-.*jsonl$/.test(name));
    const { status, stdout } = cli(['analyze']);
    expect(status).toBe(0);
    expect(stdout).toContain(
      used ? ' in /dev/shm' : 'No shard was found: looked for cfn-metrics-*.jsonl in /dev/shm\n',
    );
  });

  it('names what it could not read, and answers from the rest', () => {
    const directory = shards();
    symlinkSync('/etc/passwd', join(directory, 'cfn-metrics-9.jsonl'));
    const { status, stdout, stderr } = cli(['analyze', '--dir', directory]);
    expect(status).toBe(0);
    expect(stderr).toBe(`cfn-metrics: ${directory}/cfn-metrics-9.jsonl was not read: ELOOP\n`);
    expect(stdout).toContain('\n1 file not read; see above\n');
    expect(JSON.parse(cli(['analyze', '--dir', directory, '--json']).stdout)).toMatchObject({
      records: 12,
      unreadable: [{ file: join(directory, 'cfn-metrics-9.jsonl'), reason: 'ELOOP' }],
    });
  });

  it('lets no record give orders to the terminal', () => {
    const directory = temporaryDirectory();
    store(directory, 0, [{ unit: '\x1b]0;owned\x07', attributes: { a: '\x1b[2J\u202e' } }]);
    const { stdout } = cli(['analyze', '--dir', directory, '--group-by', 'attr:a']);
    expect(stdout).not.toMatch(/[^\n\x20-\x7e]/);
    expect(stdout).toContain('\\x1b[2J\\u{202e}');
  });
});

describe('analyze --csv', () => {
  it('is RFC 4180, without formulas', () => {
    const { stdout } = cli([
      'analyze',
      '--dir',
      shards(),
      '--csv',
      '--metric',
      'coord*',
      '--group-by',
      'attr:phase',
    ]);
    expect(stdout.replace(/\d+\.\d{9,}/g, (number) => Number(number).toFixed(1))).toBe(
      'metric,attr:phase,type,unit,count,sum,avg,min,max,p50,p95,p99,exact\r\n' +
        "coordination_time_ms,'=cmd|calc,gauge,ms,4,120,30,10,60,25,55.5,59.1,true\r\n" +
        'coordination_time_ms,plan,gauge,ms,4,180,45,20,80,40,74.0,78.8,true\r\n',
    );
  });
});
