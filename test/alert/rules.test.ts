import { describe, expect, it } from 'vitest';
import { defaultAlerts, readAlerts } from '../../src/alert/index.js';
import { alertsOf, checkAlerts } from '../../src/alert/rules.js';
import { parseSamples } from '../../src/alert/series.js';
import { readRuleTests } from '../../src/alert/read-rule-test.js';
import { runRuleTest } from '../../src/alert/rule-test.js';

async function problems(yaml: string): Promise<readonly string[]> {
  return (await checkAlerts(yaml, 'a.yaml')).problems;
}

const rule = (text: string): string =>
  `defaults: false\nrules:\n  - name: R\n    ${text.split('\n').join('\n    ')}\n`;

describe('rules that are wrong', () => {
  it.each([
    [
      'metric: load',
      'a.yaml:3: rules[0] must be a condition with exactly one of above, below, atLeast, atMost',
    ],
    ['metric: load\nabove: lots', 'a.yaml:5: rules[0].above must be a number, got "lots"'],
    ['metric: 7up\nabove: 1', 'a.yaml:4: rules[0].metric must be the name of a metric'],
    ['metric: load\nabove: 1\nbelow: 2', 'a.yaml:3: rules[0] must be a condition with exactly one of above'],
    ['metric: load\nabove: 1\nwindow: 5', 'a.yaml:6: rules[0].window must be a time such as 30s'],
    ['metric: load\nbelow: 1\nrecover: 0.5', 'a.yaml:6: rules[0].recover must be at least 1'],
    [
      'metric: load\nabsent: load\nabove: 1',
      'a.yaml:3: rules[0] must be a condition: exactly one of metric, ratio',
    ],
    ['absent: load\nabove: 1', 'a.yaml:5: rules[0].above must be left out beside absent'],
    [
      'metric: load\nabove: 1\nnoData: maybe',
      'a.yaml:6: rules[0].noData must be one of ok, alert, keepLast, got "maybe"',
    ],
    ['metric: load\nlevels:\n  warning: { abov: 1 }', 'a.yaml:6: rules[0].levels.warning.abov is unknown'],
    [
      'metric: load\nlevels: { warning: { above: 1 }, fatal: { above: 2 } }',
      'a.yaml:5: rules[0].levels.fatal is unknown',
    ],
    [
      'metric: load\nabove: 1\ngroupBy: [host]',
      'a.yaml:6: rules[0].groupBy[0] must be agent or attr:NAME, got "host"',
    ],
    [
      'metric: load\nabove: 1\nlabels: { severity: x }',
      'a.yaml:6: rules[0].labels.severity must be left out',
    ],
    [
      'metric: load\nabove: 1\nchannels: [ops]',
      'a.yaml:6: rules[0].channels[0] must be a channel, and none is defined',
    ],
    [
      'metric: load\nabove: 1\nsummary: "{{ agent }} is slow"',
      'a.yaml:6: rules[0].summary has {{ agent }}, and there are labels, value, limit, severity, status, reason, rule',
    ],
    [
      'metric: load\nabove: 1\ndescription: "{{ labels.agent is slow"',
      'a.yaml:6: rules[0].description has {{ without }}',
    ],
    [
      'metric: load\nabove: 1\nannotations:\n  runbook: x\n  team: "{{ $labels.team }}"',
      'a.yaml:8: rules[0].annotations.team has {{ $labels.team }}, and there are labels',
    ],
    [
      'all: [{ metric: a, above: 1 }, { metric: b }]',
      'a.yaml:4: rules[0].all[1] must be a condition with exactly one',
    ],
  ])('%s', async (text, message) => {
    expect((await problems(rule(text)))[0]).toContain(message);
  });

  it('are all told of, with the line of each', async () => {
    const found = await problems(
      'rules:\n  - { name: A, metric: a }\n  - { name: B, metric: b, above: 1 }\n  - { name: B }\n',
    );
    expect(found.map((text) => text.slice(0, 8))).toEqual(['a.yaml:2', 'a.yaml:4']);
    await expect(readAlerts('rules: [{ name: A }, { name: B }]', 'a.yaml')).rejects.toThrow('(and 1 more)');
  });

  it('never show a secret', async () => {
    const found = await problems(
      'channels: { ops: { type: slack, url: [secret], urll: secret }, b: secret }\n',
    );
    expect(found.length).toBeGreaterThan(1);
    expect(found.join()).not.toContain('secret');
  });

  it('are no YAML', async () => {
    expect((await problems('rules: [\n  - a: {'))[0]).toMatch(/^a\.yaml:\d+: /);
    expect(await problems('rules: 3')).toEqual(['a.yaml:1: rules must be a list, got 3']);
  });
});

describe('rules', () => {
  it('are JSON too', async () => {
    const rules = await readAlerts(
      '{"rules":[{"name":"A","metric":"a","above":1}],"defaults":false}',
      'a.json',
    );
    expect(rules.names).toEqual(['A']);
  });

  it('replace those out of the box by name, and keep the others', async () => {
    const rules = await readAlerts('rules: [{ name: HighMemoryUsage, metric: rss, above: 1 }]', 'a.yaml');
    expect(rules.names.filter((name) => name === 'HighMemoryUsage')).toHaveLength(1);
    expect(rules.names).toContain('CoordinationTimeElevated');
  });

  it('out of the box have limits that can be set, and no others', () => {
    const [coordination] = alertsOf(defaultAlerts({ coordinationTimeMs: 500 })).rules;
    expect(coordination!.levels[0]!.condition).toMatchObject({ limit: { limit: 500, recover: 450 } });
    const lag = alertsOf(defaultAlerts({ archiveLagSeconds: 3660 })).rules.find(
      ({ name }) => name === 'ArchiverLag',
    );
    expect(lag!.levels[0]!.condition).toMatchObject({ limit: { limit: 3660 } });
    expect(() => defaultAlerts({ deliveryRate: 90 })).toThrow(
      'deliveryRate must be a number above 0 and at most 1, got 90',
    );
  });
});

describe('samples', () => {
  it.each([
    ['1 2 3', [1, 2, 3]],
    ['1x2', [1, 1, 1]],
    ['1+2x3', [1, 3, 5, 7]],
    ['10-5x2', [10, 5, 0]],
    ['_ 1 _x2 stale', [null, 1, null, null, null]],
    ['-1.5e3', [-1500]],
    ['1xx', undefined],
    ['a', undefined],
    ['1x999999', undefined],
  ])('%s', (text, samples) => {
    expect(parseSamples(text)).toEqual(samples);
  });
});

/** What alerts a rule has, by a test as users write it. */
async function failures(rules: string, test: string): Promise<string[]> {
  const { tests } = await readRuleTests(
    `interval: 30s\ntests:\n  - ${test.trim().split('\n').join('\n    ')}\n`,
    't.yaml',
  );
  return runRuleTest(tests[0]!, alertsOf(await readAlerts(rule(rules), 'a.yaml')));
}

describe('conditions', () => {
  const fires = (samples: string, at: string, fire = true): string => `
series: [{ metric: m, agent: 7, values: '${samples}' }]
expect: [{ at: ${at}, rule: R, alerts: [${fire ? '{}' : ''}] }]`;

  it.each([
    ['metric: m\nstatistic: avg\nwindow: 1m\nabove: 10', '5 16', '30s', true],
    ['metric: m\nstatistic: avg\nwindow: 1m\nabove: 10', '5 15', '30s', false],
    ['metric: m\nstatistic: p99\nwindow: 2m\natLeast: 8.8', '1 9 1', '1m', true],
    ['metric: m\nstatistic: p12.5\nwindow: 2m\natMost: 1', '1 9 9', '1m', false],
    ['metric: m\nstatistic: count\nwindow: 2m\natLeast: 3', '1 9 9', '1m', true],
    ['metric: m\nstatistic: delta\nwindow: 2m\nabove: 7', '1 9 9', '1m', true],
    ['metric: m\nstatistic: growth\nwindow: 2m\nabove: 49', '100 120 150', '1m', true],
    ['metric: m\nstatistic: growth\nwindow: 2m\nabove: 51', '100 120 150', '1m', false],
    ['metric: m\nstatistic: stddev\nwindow: 2m\nabove: 0.9', '1 3', '30s', true],
    ['metric: m\nstatistic: min\nwindow: 2m\nbelow: 2', '5 1 5', '1m', true],
    ['metric: m\nminCount: 4\nwindow: 2m\nabove: 0', '5 1 5', '1m', false],
    // few values are no missing data
    ['metric: m\nminCount: 4\nnoData: alert\nwindow: 2m\nabove: 9', '5 5', '30s', false],
    // a window shorter than the interval reaches back to the evaluation before
    ['metric: m\nstatistic: count\nwindow: 10s\natLeast: 2', '5 5', '30s', true],
    ['absent: m\nwindow: 1m', '5 _x9', '30s', false],
    ['absent: m\nwindow: 1m', '5 _x9', '2m', true],
    ['absent: m\nwindow: 1m\ngroupBy: [agent]', '5 _x9', '2m', true],
    ['metric: m\nstatistic: last\nabove: 3\nfor: 1m', '1 5x9', '1m', false],
    ['metric: m\nstatistic: last\nabove: 3\nfor: 1m', '1 5x9', '90s', true],
    ['metric: m\nstatistic: last\nwindow: 30s\nabove: 3\nkeepFiringFor: 1m', '5 1x9', '1m', true],
    ['metric: m\nstatistic: last\nwindow: 30s\nabove: 3\nkeepFiringFor: 1m', '5 1x9', '2m', false],
    ['all: [{ metric: m, above: 3 }, { metric: m, below: 9 }]', '5', '0s', true],
    ['all: [{ metric: m, above: 3 }, { metric: m, above: 9 }]', '5', '0s', false],
    ['any: [{ metric: m, above: 3 }, { metric: other, above: 9 }]', '5', '0s', true],
    ['metric: m\nabove: 3\nnoData: alert\nwindow: 30s', '1 _x9', '2m', true],
    ['metric: m\nabove: 3\nnoData: ok\nwindow: 30s', '5 _x9', '2m', false],
    ['metric: m\nabove: 3\nwindow: 30s', '5 _x9', '2m', true],
  ])('%s with %s at %s: %s', async (rules, samples, at, expected) => {
    expect(await failures(rules, fires(samples, at, expected))).toEqual([]);
    expect(await failures(rules, fires(samples, at, !expected))).toHaveLength(1);
  });

  it('of counters: rate, increase, growth against the window before, and ratios with a minimum', async () => {
    const counters = (at: string, alerts: string): string => `
series:
  - { metric: sent, agent: 1, type: counter, values: '60x3 120x5' }
  - { metric: delivered, agent: 1, type: counter, values: '60x3 60x5' }
expect: [{ at: ${at}, rule: R, alerts: [${alerts}] }]`;
    const cases: [string, string, boolean][] = [
      ['metric: sent\nstatistic: increase\nwindow: 1m\natLeast: 120', '30s', true],
      ['metric: sent\nstatistic: rate\nwindow: 1m\nabove: 3.9', '4m', true],
      ['metric: sent\nstatistic: growth\nwindow: 1m\nabove: 99', '150s', true],
      ['metric: sent\nstatistic: growth\nwindow: 1m\nabove: 1', '4m', false],
      ['ratio: { of: delivered, to: sent }\nminCount: 100\nwindow: 1m\nbelow: 0.9', '1m', false],
      ['ratio: { of: delivered, to: sent }\nminCount: 100\nwindow: 1m\nbelow: 0.9', '4m', true],
      ['ratio: { of: delivered, to: sent }\nminCount: 1000\nwindow: 1m\nbelow: 0.9', '4m', false],
    ];
    for (const [rules, at, expected] of cases) {
      expect([rules, await failures(rules, counters(at, expected ? '{}' : ''))]).toEqual([rules, []]);
    }
  });

  it('render templates; what is missing renders as nothing', async () => {
    const rules =
      'metric: m\nabove: 3\ngroupBy: [agent]\nsummary: "{{ labels.agent }} at {{value}}{{ labels.nobody }}{{ labels.y.z }}, {{ labels.__proto__ }}"';
    const test = `
series: [{ metric: m, agent: 7, values: '4.56789' }]
expect: [{ at: 0s, rule: R, alerts: [{ severity: warning, labels: { agent: agent-7 }, annotations: { summary: "agent-7 at 4.568, " } }] }]`;
    expect(await failures(rules, test)).toEqual([]);
  });

  it('say what was expected and what was', async () => {
    const [failure] = await failures(
      'metric: m\nabove: 3',
      fires('5', '0s').replace('{}', '{ severity: critical }'),
    );
    expect(failure).toMatch(
      /^t\.yaml:4: tests\[0\]\.expect\[0\]: expected firing critical R \{\}, got firing warning .*value 5$/,
    );
  });
});
