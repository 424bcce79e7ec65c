import { availableParallelism } from 'node:os';
import { formatBytes, formatDuration, formatNumber } from '../format.js';
import type { Style } from '../style.js';
import { tableLines } from '../table.js';
import { DESIGN_REPORT_EVERY_MS, METRICS } from './options.js';
import type { SimulationResult } from './result.js';

const LABEL_WIDTH = 13;

/** What went wrong, a line each; none where all that was sent and emitted arrived. */
export function whatFailed({
  agents,
  metrics,
  messages,
  records,
  lostProcesses,
}: SimulationResult): string[] {
  const failed: string[] = [];
  if (lostProcesses > 0) failed.push(`${processes(lostProcesses)} ended before the coordination did`);
  if (messages.acknowledged !== messages.sent) {
    failed.push(
      `${messages.sent - messages.acknowledged} of ${messages.sent} messages were not acknowledged`,
    );
  }
  if (records.stored !== records.emitted) {
    failed.push(`${records.emitted} records were emitted, and ${records.stored} are stored`);
  }
  if (metrics && records.agentsSeen !== agents) {
    failed.push(`${records.agentsSeen} of ${agents} agents are seen in the shards`);
  }
  return failed;
}

/** A simulation, told to people. */
export function reportLines(result: SimulationResult, style: Style): string[] {
  const line = (label: string, text: string): string => `${style.bold(label.padEnd(LABEL_WIDTH))}${text}`;
  const indented = (text: string): string => `${' '.repeat(LABEL_WIDTH)}${text}`;
  const good = (percent: number | null): string => {
    const text = percentage(percent);
    return percent === 100 ? style.green(text) : style.red(text);
  };
  const { messages, records } = result;
  const lines = [
    line('agents', who(result)),
    indented(`started in ${formatDuration(result.startMs)}; ${doing(result)}`),
    '',
    ...times(result, style),
    '',
    line(
      'messages',
      `${whole(messages.sent)} sent, ${whole(messages.acknowledged)} acknowledged: ${good(messages.deliveryPercent)}`,
    ),
  ];
  if (result.metrics) {
    lines.push(
      line(
        'records',
        `${whole(records.emitted)} emitted, ${whole(records.stored)} stored: ${good(records.deliveryPercent)}; ` +
          `${whole(records.agentsSeen)} of ${whole(result.agents)} agents seen`,
      ),
      line('dropped', dropped(records)),
      line('shards', balance(result)),
      line('overhead', overhead(result)),
      indented(overheadWithStart(result)),
    );
    if (result.analysis !== undefined && result.analysis.asked > 0) {
      const [took, more] = analysis(result.analysis);
      lines.push(line('analysis', took), indented(more));
    }
    lines.push(line('a day', aDay(result)));
  }
  lines.push(line('load', load(result)));
  if (result.memory.agentsBytes !== null) {
    lines.push(line('memory', `${formatBytes(result.memory.agentsBytes)} of all agents`));
  }
  if (result.directory !== null) lines.push(line('kept', `the records are in ${result.directory}`));
  lines.push(...whatFailed(result).map((text) => style.red(`FAILED: ${text}`)));
  return lines;
}

function who({ agents, typescript, bash }: SimulationResult): string {
  const kinds = [
    typescript.agents > 0 &&
      `${whole(typescript.agents)} in TypeScript, in ${processes(typescript.processes)}`,
    bash.agents > 0 && `${whole(bash.agents)} in bash, a process each`,
  ].filter((text) => text !== false);
  return `${whole(agents)}: ${kinds.join('; ')}`;
}

function doing({ coordination, messagesPerSecond, metrics, reportEveryMs }: SimulationResult): string {
  const messages = `${formatNumber(messagesPerSecond)} ${messagesPerSecond === 1 ? 'message' : 'messages'}`;
  const reports = metrics
    ? `each reports ${METRICS.length} records at its start and every ${formatDuration(reportEveryMs)}`
    : 'no metrics';
  return `then ${formatDuration(coordination.totalMs)} with ${messages} a second to each; ${reports}`;
}

function times({ coordination, messages, emission, metrics }: SimulationResult, style: Style): string[] {
  const ms = (value: number | null): string => (value === null ? '' : formatTime(value * 1000));
  const us = (value: number | null): string => (value === null ? '' : formatTime(value));
  const rows: { name: string; count: number; cells: (string | undefined)[] }[] = [coordination, messages].map(
    (spread, i) => ({
      name: i === 0 ? 'coordination: a round, until all have answered' : 'message, until it is acknowledged',
      count: 'rounds' in spread ? spread.rounds : spread.acknowledged,
      cells: [spread.p50Ms, spread.p95Ms, spread.p99Ms, spread.maxMs].map(ms),
    }),
  );
  for (const [kind, name] of [
    ['typescript', 'emission in TypeScript'],
    ['bash', 'emission in bash'],
  ] as const) {
    const { count, p50Us, p95Us, p99Us, maxUs } = emission[kind];
    if (metrics && count > 0) rows.push({ name, count, cells: [p50Us, p95Us, p99Us, maxUs].map(us) });
  }
  const column = (title: string, i: number) => ({
    title,
    number: true,
    cells: rows.map(({ cells }) => cells[i] ?? ''),
  });
  return tableLines(
    [
      { title: 'what takes how long', cells: rows.map(({ name }) => name) },
      { title: 'times', number: true, cells: rows.map(({ count }) => whole(count)) },
      ...['p50', 'p95', 'p99', 'max'].map(column),
    ],
    undefined,
    style.bold,
  );
}

function dropped({ dropped: reasons, emitted, acknowledged }: SimulationResult['records']): string {
  const told = Object.entries(reasons).filter(([, count]) => count > 0);
  const untold = emitted - acknowledged - told.reduce((sum, [, count]) => sum + count, 0);
  const all = told.map(([reason, count]) => `${whole(count)} ${reason}`);
  // Reasons are records, and where none can be stored these cannot be either.
  if (untold > 0) all.push(`${whole(untold)} for reasons that could not be stored`);
  return all.length === 0 ? 'none' : all.join(', ');
}

function balance({ shards }: SimulationResult): string {
  const range = (numbers: readonly number[]): string => {
    const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
    return least === most ? whole(least) : `${whole(least)} to ${whole(most)}`;
  };
  const agents = range(shards.map((shard) => shard.agents));
  const records = range(shards.map((shard) => shard.records));
  return `${agents} agents and ${records} records in each of ${shards.length}`;
}

function overhead({ processor: { coordination, overheadPercent }, reportEveryMs }: SimulationResult): string {
  const { emissionMs, totalMs } = coordination;
  if (emissionMs === 0) return `no report was due within ${took(totalMs)} of processor time`;
  const times = DESIGN_REPORT_EVERY_MS / reportEveryMs;
  const rate = times === 1 ? '' : `, ${formatNumber(times)} times as often as by default`;
  return (
    `${percentage(overheadPercent)} of the processor time, ${took(emissionMs)} of ${took(totalMs)}, ` +
    `at a report every ${formatDuration(reportEveryMs)}${rate}`
  );
}

function overheadWithStart({ processor }: SimulationResult): string {
  const { start, coordination, overheadWithStartPercent } = processor;
  const emissionMs = start.emissionMs + coordination.emissionMs;
  const totalMs = start.totalMs + coordination.totalMs;
  return `${percentage(overheadWithStartPercent)} with the start of all processes and their first records, ${took(emissionMs)} of ${took(totalMs)}`;
}

function analysis(answer: NonNullable<SimulationResult['analysis']>): readonly [took: string, more: string] {
  const { medianMs, medianCpuMs, firstMs, asked, records } = answer;
  const [ms, cpuMs, first] = [medianMs, medianCpuMs, firstMs].map((time) => formatTime(time! * 1000));
  return [
    `${ms} for the ${whole(records)} records of the last 30 s, ${cpuMs} of it processor time`,
    `(medians of ${asked} answers while agents worked; the first one took ${first})`,
  ];
}

function aDay({ records: { aDay: count, bytesADay, bytesEach } }: SimulationResult): string {
  if (bytesADay === null || bytesEach === null) return `${whole(Math.round(count))} records`;
  return `${whole(Math.round(count))} records, ${formatBytes(bytesADay)} at ${Math.round(bytesEach)} B each`;
}

function load({ processor: { coordination }, coordination: { totalMs } }: SimulationResult): string {
  const processors = (coordination.totalMs / totalMs).toFixed(2);
  return `${processors} processors on average while agents worked, of ${availableParallelism()}`;
}

function processes(count: number): string {
  return count === 1 ? '1 process' : `${whole(count)} processes`;
}

/** Microseconds. */
function formatTime(us: number): string {
  const digits = (value: number): string => formatNumber(Number(value.toPrecision(3)));
  if (us < 1000) return `${digits(us)} µs`;
  return us < 1e6 ? `${digits(us / 1000)} ms` : `${digits(us / 1e6)} s`;
}

/** Milliseconds of processor time. */
function took(ms: number): string {
  return ms < 1000 ? `${Number(ms.toPrecision(3))} ms` : `${Number((ms / 1000).toPrecision(3))} s`;
}

function percentage(percent: number | null): string {
  return percent === null ? '—' : `${Number(percent.toPrecision(percent >= 99 ? 5 : 2))} %`;
}

function whole(count: number): string {
  return count.toLocaleString('en-US');
}
