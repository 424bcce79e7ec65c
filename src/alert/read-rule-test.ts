import { MetricsError } from '../errors.js';
import { agentId, agentProblem, metricProblem, RECORD_TYPES } from '../record.js';
import { parseDocument } from './document.js';
import { Field } from './field.js';
import { SEVERITIES } from './notification.js';
import type { ExpectedAlert, Expectation, RuleTest, TestSeries } from './rule-test.js';
import { parseSamples } from './series.js';

const DAY_MS = 86_400_000;
const ANY = /^.+$/s;
const MAX_STEPS = 100_000;

/**
 * Reads a file of tests.
 *
 * @returns The tests, and the file of the rules where it names one.
 * @throws MetricsError `ERR_METRICS_OPTION` naming file, line, and what was expected.
 */
export async function readRuleTests(
  text: string,
  file: string,
): Promise<{ readonly rules: string | undefined; readonly tests: readonly RuleTest[] }> {
  const document = await parseDocument(text, file);
  const whole = new Field(document, [], document.value);
  whole.mapping(['rules', 'interval', 'tests']);
  const intervalMs = whole.at('interval').duration(1000, DAY_MS, 30_000);
  const items = whole.at('tests').items();
  if (items.length === 0) whole.at('tests').bad('a list of tests');
  const rules = whole.at('rules').given ? whole.at('rules').text() : undefined;
  return { rules, tests: items.map((item, i) => readTest(item, `test ${i + 1}`, intervalMs)) };
}

function readTest(field: Field, name: string, interval: number): RuleTest {
  field.mapping(['name', 'interval', 'series', 'expect']);
  const intervalMs = field.at('interval').duration(1000, DAY_MS, interval);
  const expect = field.at('expect').items().map(readExpectation);
  if (expect.length === 0) field.at('expect').bad('a list of what is expected');
  if (expect.some(({ atMs }) => atMs / intervalMs > MAX_STEPS)) {
    throw new MetricsError('ERR_METRICS_OPTION', `${field.where} has more than ${MAX_STEPS} evaluations`);
  }
  return {
    name: field.at('name').text(name),
    intervalMs,
    series: field.at('series').items().map(readSeries),
    expect,
  };
}

function readSeries(field: Field): TestSeries {
  field.mapping(['metric', 'agent', 'type', 'unit', 'attributes', 'values']);
  const metric = field.at('metric').text(undefined, 255);
  if (metricProblem(metric) !== undefined) field.at('metric').bad('the name of a metric');
  const { value: agent = 'agent-1' } = field.at('agent');
  const id = typeof agent === 'string' || typeof agent === 'number' ? agentId(agent) : '';
  if (agentProblem(id) !== undefined) field.at('agent').bad('an agent');
  const { value } = field.at('values');
  const samples = parseSamples(
    typeof value === 'number' ? String(value) : field.at('values').text(undefined, 10_000),
  );
  if (samples === undefined) return field.at('values').bad('samples such as 1 2 3, 1x3, 1+2x3 or _x3');
  const attributes = field.at('attributes');
  return {
    metric,
    agent: id,
    type: field.at('type').given ? field.at('type').word(RECORD_TYPES.slice(0, 3)) : undefined,
    unit: field.at('unit').given ? field.at('unit').text(undefined, 63) : undefined,
    attributes: attributes.given ? attributes.labels(ANY, 'a text', 1000) : undefined,
    samples,
  };
}

function readExpectation(field: Field): Expectation {
  field.mapping(['at', 'rule', 'alerts']);
  if (!field.at('alerts').given) field.at('alerts').bad('a list of alerts, [] for none');
  return {
    atMs: field.at('at').duration(0, 366 * DAY_MS),
    rule: field.at('rule').text(undefined, 200),
    alerts: field.at('alerts').items().map(readAlert),
    where: field.where,
  };
}

function readAlert(field: Field): ExpectedAlert {
  field.mapping(['status', 'severity', 'labels', 'annotations']);
  return {
    status: field.at('status').word(['pending', 'firing'], 'firing'),
    severity: field.at('severity').given ? field.at('severity').word(SEVERITIES) : undefined,
    labels: field.at('labels').labels(ANY, 'a text', 1000),
    annotations: field.at('annotations').labels(ANY, 'a text', 5000),
  };
}
