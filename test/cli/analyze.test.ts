import { appendFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatRecord } from '../../src/record.js';
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
      rate: null,
      avg: 305 / 9,
      stddev: expect.closeTo(22.825, 3),
      min: 5,
      max: 80,
      p50: 30,
      p90: expect.closeTo(64, 9),
      p95: 72,
      p99: 78.4,
      quantiles: {},
      first: expect.any(Number),
      last: 5,
      delta: expect.any(Number),
      exact: true,
      error: 0,
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
      'metric                unit       count  sum  rate       avg       min       max       p50       p90       p95       p99    ±',
      'broken                               0    -     -         -         -         -         -         -         -         -    -',
      'coordination_time_ms  ms             8    -     -      37.5        10        80        35        66        73      78.6',
      'endless                              1    -     -  Infinity  Infinity  Infinity  Infinity  Infinity  Infinity  Infinity',
      'latency                              3    6  0.75         2         1         3      ~1.5      ~2.7     ~2.85     ~2.97  50%',
      'messages              {message}      1    5  1.25         5         5         5         5         5         5         5',
      '',
      '12 records in 3 files, 0 lines skipped, 7 dropped by writers',
      '1 value NaN, counted nowhere else',
      '~ estimated from the buckets of a histogram, at most ± off',
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

  it('says what is ahead of the clock, and left out', () => {
    const directory = temporaryDirectory();
    const now = Date.now();
    store(directory, 0, [{ time: now - 1000 }, { time: now + 7_200_000 }, { time: now + 7_200_001 }]);
    const notes = (...args: string[]): string => cli(['analyze', '--dir', directory, ...args]).stdout;
    const left = '2 records more than a minute ahead of this clock, left out; a later --until takes them';
    expect(notes('--since', '1m').split('\n')).toEqual(
      expect.arrayContaining([expect.stringMatching(/^1 record in 1 file,/), left]),
    );
    expect(JSON.parse(notes('--since', '1m', '--json'))).toMatchObject({ records: 1, ahead: 2 });
    expect(cli(['analyze', '--dir', directory, '--since', '1m', '--csv']).stderr).toBe(
      `cfn-metrics: ${left}\n`,
    );
    expect(notes()).not.toContain('ahead');
    // who asks for what is ahead gets it
    expect(notes('--since', new Date(now + 7_100_000).toISOString())).toContain('2 records');
    expect(notes('--since', '1m', '--until', new Date(now + 7_300_000).toISOString())).toContain('3 records');
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
      mixed: [],
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
    expect(stdout).toContain('\n1 file not read whole; see above\n');
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

describe('analyze, asked for more', () => {
  const query = (...more: string[]) => cli(['analyze', '--dir', shards(), ...more]);
  const json = (...more: string[]): { groups: Record<string, unknown>[]; [key: string]: unknown } =>
    JSON.parse(query('--json', ...more).stdout);

  it('cuts groups into buckets of time', () => {
    const { groups } = json('--metric', 'coord*', '--step', '2s');
    expect(groups.map(({ time, count, max }) => [time, count, max])).toEqual([
      ['2026-11-21T20:00:00.000Z', 2, 20],
      ['2026-11-21T20:00:02.000Z', 4, 60],
      ['2026-11-21T20:00:04.000Z', 2, 80],
    ]);
    const lines = query('--metric', 'coord*', '--step', '2s', '--group-by', 'agent').stdout.split('\n');
    expect(lines[2]).toMatch(/^metric +agent +time +unit +count +avg/);
    expect(lines[3]).toMatch(/^coordination_time_ms +agent-1 +20:00:00Z +ms +1 +10 /);
    expect(lines).toHaveLength(12);
  });

  it('shows any quantile, and the columns that were asked for', () => {
    const { stdout } = query('--metric', 'coord*', '--quantile', '0.999', '--quantile', '0.25');
    expect(stdout).toMatch(/p99 +p99.9 +p25\n/);
    expect(json('--metric', 'coord*', '--quantile', '0.25').groups[0]!['quantiles']).toEqual({ 0.25: 20 });
    const columns = ['--columns', 'stddev,p12.5,last', '--columns', 'nan'];
    expect(
      query('--metric', 'coord*', ...columns)
        .stdout.split('\n')
        .slice(2, 4),
    ).toEqual([
      'metric                unit  stddev  p12.5  last  nan',
      'coordination_time_ms  ms     21.65  18.75    80    0',
    ]);
  });

  it('ranks groups, and says how many are over a limit', () => {
    const args = ['--metric', 'coord*', '--group-by', 'agent', '--by', 'max'];
    expect(json(...args, '--top', '1').groups.map(({ agent }) => agent)).toEqual(['agent-2']);
    const answer = json(...args, '--over', '50');
    expect(answer.groups).toHaveLength(2);
    const metric = { metric: 'coordination_time_ms', type: 'gauge', unit: 'ms' };
    expect(answer['over']).toEqual([{ ...metric, by: 'max', limit: 50, groups: 2, over: 1, percent: 50 }]);
    expect(query(...args, '--over', '50').stdout).toContain(
      '\ncoordination_time_ms: 1 of 2 groups (50 %) with max over 50 ms\n',
    );
  });

  it('groups by the shard of an agent', () => {
    const { groups } = json('--metric', 'coord*', '--group-by', 'shard');
    expect(groups.map(({ shard, count }) => [shard, count])).toEqual([
      [1, 4],
      [2, 4],
    ]);
  });

  it('keeps kinds of one name apart, and says so', () => {
    const directory = shards();
    store(directory, 4, [{ time: T + 5000, agent: 'agent-4', metric: 'latency', value: 2, type: 'counter' }]);
    const { stdout } = cli(['analyze', '--dir', directory, '--metric', 'latency']);
    expect(stdout).toMatch(/\nlatency +counter +1 /);
    expect(stdout).toMatch(/\nlatency +histogram +3 /);
    expect(stdout).toContain('\nlatency: in several types or units, which are kept apart\n');
    expect(JSON.parse(cli(['analyze', '--dir', directory, '--json']).stdout).mixed).toEqual(['latency']);
  });

  it('says where quantiles are no longer exact, and how far they can be off', () => {
    const directory = temporaryDirectory();
    for (let i = 0; i < 4; i += 1) {
      const records = Array.from({ length: 40_000 }, (_, j) => ({ time: T + j, value: 1 + (j % 1000) }));
      store(directory, i, records);
    }
    const args = ['analyze', '--dir', directory, '--max-memory', '1MiB'];
    const { stdout } = cli(args);
    expect(stdout).toMatch(/ ~(499|50\d)(\.\d+)? .* 0.28%\n/);
    expect(stdout).toContain(
      '\n~ of 1 group not exact but at most ± off: more values than --max-memory has room for\n',
    );
    const [group] = JSON.parse(cli([...args, '--json']).stdout).groups;
    expect(group).toMatchObject({ count: 160_000, sum: 80_080_000, avg: 500.5, exact: false });
    expect(group.error).toBeCloseTo(2 ** (1 / 256) - 1, 9);
  });

  it('finds the same with threads, where there is so much that they read', () => {
    const directory = temporaryDirectory();
    const lines = Array.from({ length: 10_000 }, (_, i) =>
      formatRecord({ time: T + i, agent: `agent-${i % 50}`, metric: 'm_ms', value: i, unit: 'ms' }),
    ).join('');
    const times = Math.ceil(272_000_000 / lines.length);
    writeFileSync(join(directory, 'cfn-metrics-0.jsonl'), lines.repeat(times), { mode: 0o600 });
    const answer = (threads: string): unknown =>
      JSON.parse(cli(['analyze', '--dir', directory, '--json', '--threads', threads]).stdout);
    const together = answer('2') as { groups: { count: number; p50: number }[] };
    expect(together.groups).toMatchObject([{ count: 10_000 * times, p50: 4999.5 }]);
    expect(together).toEqual(answer('1'));
  });

  it.each([
    [['--threads', '0'], '--threads must be a whole number from 1 to 64, got "0"'],
    [['--step', '0s'], '--step must be from 1ms to 100000d, got "0s"'],
    [['--step', 'soon'], '--step must be a time such as 30s, 5m or 1h30m, got "soon"'],
    [['--quantile', '99'], '--quantile must be a number from 0 to 1, got "99"'],
    [['--top', '0'], '--top must be a whole number from 1 to 1000000, got "0"'],
    [['--over', 'much'], '--over must be a number, got "much"'],
    [['--by', 'p99'], '--by says what --top or --over is about; give one of them'],
    [['--top', '1', '--by', 'p101'], '--by must be one of count, sum'],
    [['--columns', 'speed'], '--columns must be one of count, sum'],
    [['--max-memory', '1K'], '--max-memory must be at least 1MiB, got "1K"'],
    [['--group-by', 'host'], '--group-by must list metric, agent, shard or attr:NAME, got "host"'],
  ])('refuses %j', (args, message) => {
    const { status, stdout, stderr } = query(...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^cfn-metrics: [^\n]*\n$/);
    expect(stderr).toContain(message);
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
      'metric,attr:phase,type,unit,count,sum,rate,avg,stddev,min,max,p50,p90,p95,p99,first,last,delta,exact,error,nan\r\n' +
        "coordination_time_ms,'=cmd|calc,gauge,ms,4,120,,30,18.7,10,60,25,51.0,55.5,59.1,10,60,50,true,0,0\r\n" +
        'coordination_time_ms,plan,gauge,ms,4,180,,45,21.8,20,80,40,68,74.0,78.8,20,80,60,true,0,0\r\n',
    );
  });
});
