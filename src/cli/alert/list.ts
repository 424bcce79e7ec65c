import { join } from 'node:path';
import { type CurrentAlert, currentAlerts } from '../../alert/current.js';
import { type AlertRules, alertsOf } from '../../alert/rules.js';
import { loadState, STATE_FILE } from '../../alert/state-file.js';
import { silenceOf } from '../../alert/silence.js';
import { readSilences } from '../../alert/silence-file.js';
import { formatDuration, formatNumber } from '../format.js';
import { print } from '../output.js';
import { outputStyle, outputWidth } from '../style.js';
import { tableLines } from '../table.js';
import { visible } from '../text.js';

/** `alert list`: what the state directory says, whether an alerter is at work or not. */
export function listAlerts(state: string, rules: AlertRules, json: boolean): number {
  const { instances, evaluatedAt } = loadState(join(state, STATE_FILE));
  const now = Date.now();
  const silences = readSilences(state);
  const alerts = currentAlerts(instances, alertsOf(rules)).map((alert) => ({
    ...alert,
    silencedBy: silenceOf(alert.labels, silences, now)?.id ?? null,
  }));
  if (json) {
    const when = Number.isFinite(evaluatedAt) ? new Date(evaluatedAt).toISOString() : null;
    print(`${JSON.stringify({ evaluatedAt: when, alerts })}\n`);
    return 0;
  }
  if (alerts.length === 0) {
    print('no alerts\n');
    return 0;
  }
  const column = (title: string, cell: (alert: (typeof alerts)[number]) => string, number = false) => ({
    title,
    number,
    cells: alerts.map((alert) => visible(cell(alert))),
  });
  const columns = [
    column('status', ({ status, silencedBy }) => (silencedBy === null ? status : `${status}, silenced`)),
    column('severity', ({ severity }) => severity),
    column('rule', ({ rule }) => rule),
    column('labels', (alert) => labelText(alert)),
    column('value', ({ value }) => (value === null ? '' : formatNumber(value)), true),
    column('limit', ({ limit }) => (limit === null ? '' : formatNumber(limit)), true),
    column('for', ({ since }) => formatDuration(now - since)),
    column('reason', ({ reason }) => reason ?? ''),
  ].filter(({ title, cells }) => title !== 'reason' || cells.some((cell) => cell !== ''));
  print(`${tableLines(columns, outputWidth(), outputStyle().bold).join('\n')}\n`);
  return 0;
}

function labelText({ labels }: CurrentAlert): string {
  return Object.entries(labels)
    .filter(([name]) => !['alertname', 'severity', 'metric'].includes(name))
    .map(([name, text]) => `${name}=${text}`)
    .join(' ');
}
