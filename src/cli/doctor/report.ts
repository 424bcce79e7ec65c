import type { Report } from '../doctor.js';
import { counted } from '../format.js';
import type { Style } from '../style.js';
import { tableLines } from '../table.js';
import { visible } from '../text.js';
import type { Finding, Severity } from './finding.js';

/** The report as people read it: the cure stands below what needs one. */
export function reportAsText(
  { version, node, host, user, settings, findings }: Report,
  style: Style,
): string {
  const columns = [
    { title: 'setting', cells: settings.map(({ name }) => name) },
    { title: 'value', cells: settings.map(({ value }) => visible(`${value}`)) },
    { title: 'from', cells: settings.map(({ source }) => visible(source)) },
  ];
  const lines = [
    `cfn-metrics ${version}, Node ${node}, host ${visible(host)}, user ${user}`,
    '',
    ...tableLines(columns, undefined, style.bold),
    '',
    ...findings.flatMap((finding) => findingLines(finding, style)),
    '',
    verdict(findings),
  ];
  return `${lines.join('\n')}\n`;
}

function findingLines({ check, status, message, cure }: Finding, style: Style): string[] {
  const colour = { ok: style.green, warning: style.yellow, problem: style.red }[status];
  const line = `${colour(status.padEnd(7))}  ${visible(check)}: ${visible(message)}`;
  return cure === undefined ? [line] : [line, `         ${style.bold('cure')}: ${visible(cure)}`];
}

function verdict(findings: readonly Finding[]): string {
  const count = (status: Severity): number => findings.filter((finding) => finding.status === status).length;
  return `${count('ok')} ok, ${counted(count('warning'), 'warning')}, ${counted(count('problem'), 'problem')}`;
}
