import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { defaultRules } from '../../src/alert/default-rules.js';
import { readLimits } from '../../src/alert/limits.js';

const read = (path: string): string => readFileSync(new URL(`../../deploy/${path}`, import.meta.url), 'utf8');

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}

interface DefaultRule {
  readonly name: string;
  readonly metric: string;
  readonly above?: number;
  readonly below?: number;
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
  readonly fieldConfig?: {
    readonly defaults: { readonly thresholds: { readonly steps: readonly { value: number | null }[] } };
  };
}

const rules = (parse(read('prometheus/cfn-metrics.rules.yml')) as Rules).groups.flatMap(
  (group) => group.rules,
);
const dashboard = JSON.parse(read('grafana/dashboard.json')) as {
  panels: Panel[];
  templating: { list: { type: string }[] };
};

/** The default rules on what agents measure: name, metric, and their limit in words of Prometheus. */
const defaults = defaultRules(readLimits({}))
  .filter(({ metric, absent }) => !String(metric ?? absent).startsWith('cfn.'))
  .map((rule) => {
    const { name, metric, above, below } = rule as unknown as DefaultRule;
    const limit = above === undefined ? `< ${below}` : `> ${above}`;
    return { name, metric: `cfn_${metric}`, limit, value: above ?? below };
  });

describe.each(defaults)('$name', ({ name, metric, limit, value }) => {
  // How it behaves is what promtool tests, with test/system/prometheus-rules.test.yml.
  it('has a rule for Prometheus with the same limit', () => {
    const expr = rules.find(({ alert }) => alert === name)?.expr;
    expect(expr).toContain(metric);
    expect(expr).toContain(limit);
  });

  it('has the same limit on every panel of the dashboard that shows its metric with one', () => {
    const panels = dashboard.panels.filter(({ targets = [] }) =>
      targets.some(({ expr }) => expr.includes(metric)),
    );
    const limits = panels
      .flatMap(({ fieldConfig }) => fieldConfig?.defaults.thresholds.steps ?? [])
      .map((step) => step.value)
      .filter((step) => step !== null);
    expect(limits.length).toBeGreaterThan(1);
    expect(new Set(limits)).toEqual(new Set([value]));
  });
});

it('every panel of the dashboard asks the data source that is chosen', () => {
  expect(dashboard.templating.list[0]).toMatchObject({ type: 'datasource' });
  expect(
    JSON.stringify(dashboard.panels)
      .match(/"uid":"[^"]*"/g)
      ?.every((uid) => uid === '"uid":"${datasource}"'),
  ).toBe(true);
});
