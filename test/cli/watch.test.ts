import { spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Window } from '../../src/analyze/window.js';
import { afterKey, type Choice, FIRST_CHOICE, type Key } from '../../src/cli/watch/choice.js';
import { frameLines, type Picture } from '../../src/cli/watch/frame.js';
import { countAgents, type Moment, rowsOf } from '../../src/cli/watch/rows.js';
import { sparkline, TREND_LENGTH, Trends } from '../../src/cli/watch/trends.js';
import { temporaryDirectory } from '../support/directory.js';
import { has } from '../support/tools.js';
import { CLI, cleanEnvironment, cli, store } from './run.js';

const NOW = Date.UTC(2026, 10, 22, 12, 0, 30, 500);
const plain = { bold: same, dim: same, green: same, yellow: same, red: same };

function same(text: string): string {
  return text;
}

/** Two metrics of three agents, and a third one of a single agent. */
function moment(): Moment {
  const window = new Window({ lengthMs: 30_000, now: () => NOW });
  for (const agent of ['agent-2', 'agent-10', 'coder']) {
    for (let i = 1; i <= 10; i += 1) {
      const time = NOW - i * 1000;
      const of = { time, agent, unit: 'ms' };
      window.add({ ...of, metric: 'latency_ms', value: i * (agent === 'coder' ? 100 : 1) });
      window.add({ ...of, metric: 'done', value: 3, type: 'counter', unit: '1', start: time, writer: agent });
    }
  }
  window.add({ time: NOW, agent: 'coder', metric: 'zeta', value: 5 });
  const { groups: metrics } = window.analyze({ groupBy: ['metric'] });
  const { groups: agents } = window.analyze({ groupBy: ['metric', 'agent'] });
  return { metrics, agents, seconds: 30 };
}

function press(choice: Choice, keys: readonly Key[], rows: readonly string[] = []): Choice {
  return keys.reduce<Choice>((before, key) => {
    const after = afterKey(before, key, rows, 10);
    if (after === 'quit') throw new Error('quit');
    return after;
  }, choice);
}

const typed = (text: string): Key[] => Array.from(text, (sequence) => ({ name: sequence, sequence }));

describe('rows', () => {
  it('are metrics, then the agents of one, then the metrics of an agent', () => {
    const names = (choice: Choice): string[] => rowsOf(moment(), choice).map(({ name }) => name);
    expect(names(FIRST_CHOICE)).toEqual(['done', 'latency_ms', 'zeta']);
    const agents = press(FIRST_CHOICE, [{ name: 'down' }, { name: 'return' }], names(FIRST_CHOICE));
    expect(names(agents)).toEqual(['agent-2', 'agent-10', 'coder']);
    const agent = press(agents, [{ name: 'end' }, { name: 'return' }], names(agents));
    expect(names(agent)).toEqual(['done', 'latency_ms', 'zeta']);
    expect(press(agent, [{ name: 'return' }], names(agent))).toBe(agent);
    expect(press(agent, [{ name: 'escape' }, { name: 'escape' }, { name: 'escape' }]).views).toEqual([
      { kind: 'metrics' },
    ]);
  });

  it('have the rate of a counter, and of everything else that of its values; and how many agents there are', () => {
    const rows = rowsOf(moment(), FIRST_CHOICE);
    expect(rows.map(({ name, rate, agents }) => [name, rate, agents])).toEqual([
      ['done', 3, 3],
      ['latency_ms', 1, 3],
      ['zeta', 1 / 30, 1],
    ]);
    expect(countAgents(moment())).toBe(3);
  });

  it('are sorted by what was chosen, the largest first, and filtered', () => {
    const agents: Choice = { ...FIRST_CHOICE, views: [{ kind: 'agents', metric: 'latency_ms' }] };
    const names = (choice: Choice): string[] => rowsOf(moment(), choice).map(({ name }) => name);
    expect(names({ ...agents, sort: 'p99' })).toEqual(['coder', 'agent-2', 'agent-10']);
    expect(names({ ...agents, sort: 'p99', reversed: true })).toEqual(['agent-2', 'agent-10', 'coder']);
    expect(names({ ...agents, filter: 'ent-1' })).toEqual(['agent-10']);
    expect(names({ ...agents, filter: 'c*' })).toEqual(['coder']);
    expect(names({ ...agents, filter: 'nobody' })).toEqual([]);
  });
});

describe('keys', () => {
  it('type a filter, take it back, and mean themselves again behind Enter', () => {
    const typing = press(FIRST_CHOICE, [...typed('/qs'), { name: 'up', sequence: '\x1b[A' }]);
    expect([typing.typing, typing.filter, typing.sort]).toEqual([true, 'qs', 'name']);
    const kept = press(typing, [
      { name: 'backspace', sequence: '\x7f' },
      { name: 'return', sequence: '\r' },
    ]);
    expect([kept.typing, kept.filter]).toEqual([false, 'q']);
    expect(press(kept, [{ name: 'escape' }]).filter).toBe('');
    expect(press(typing, [{ name: 'escape' }]).filter).toBe('');
    expect(press(typing, typed('x'.repeat(1000))).filter).toHaveLength(100);
  });

  it('move within the rows, sort, reverse, pause and quit', () => {
    const rows = ['a', 'b', 'c'];
    const row = (...names: string[]): number =>
      press(
        FIRST_CHOICE,
        names.map((name) => ({ name })),
        rows,
      ).row;
    expect([row('up'), row('down'), row('end', 'down'), row('pagedown'), row('end', 'home')]).toEqual([
      0, 1, 2, 2, 0,
    ]);
    expect(press({ ...FIRST_CHOICE, row: 90 }, [{ name: 'up' }], rows).row).toBe(1);
    expect(press(FIRST_CHOICE, [{ name: 'down' }], []).row).toBe(0);
    expect(press(FIRST_CHOICE, typed('ssrp'))).toMatchObject({ sort: 'avg', reversed: true, paused: true });
    expect(press(FIRST_CHOICE, typed('S')).sort).toBe('max');
    for (const key of [{ sequence: 'q' }, { name: 'c', ctrl: true }]) {
      expect(afterKey(FIRST_CHOICE, key, [], 10)).toBe('quit');
    }
  });
});

describe('a frame', () => {
  const picture = (more: Partial<Picture> = {}): Picture => ({
    ...{ directory: '/dev/shm', time: NOW, windowMs: 30_000, rows: rowsOf(moment(), FIRST_CHOICE) },
    ...{ trendOf: () => [1, 2, null, 3], mixed: new Set<string>(), agents: 3, recordsASecond: 2.0333 },
    ...{ dropped: 0, torn: 0, foreign: 0, unreadable: 0, lagMs: 200 },
    ...more,
  });

  it('has a head, the rows, and what the keys mean', () => {
    const lines = frameLines(picture(), { ...FIRST_CHOICE, row: 1 }, { columns: 120, lines: 10 }, plain);
    expect(lines).toHaveLength(10);
    expect(lines[0]).toBe('all metrics, last 30 s, /dev/shm  12:00:30Z');
    expect(lines[1]).toBe('3 agents  2.03 records/s  0 dropped  0 torn  lag 200 ms');
    expect(lines[3]).toMatch(/^ +metric↓ +unit +trend +rate +avg +p50 +p95 +p99 +max +agents$/);
    expect(lines[5]).toMatch(/^> {2}latency_ms {2}ms +▁▅ █ +1 +187 +8 +855 +971 +1000 +3$/);
    expect(lines.at(-1)).toBe('3 rows  enter open  s sort  r reverse  / filter  p pause  q quit');
  });

  it('never has more lines or columns than the screen, and always the row that is marked', () => {
    const many = Array.from({ length: 100 }, (_, i) => ({
      ...rowsOf(moment(), FIRST_CHOICE)[0]!,
      name: `m${i}`,
    }));
    for (const size of [
      { columns: 1, lines: 1 },
      { columns: 20, lines: 8 },
      { columns: 80, lines: 24 },
    ]) {
      for (const row of [0, 50, 99]) {
        const lines = frameLines(picture({ rows: many, dropped: 7 }), { ...FIRST_CHOICE, row }, size, plain);
        expect(lines.length).toBeLessThanOrEqual(size.lines);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(size.columns);
        if (size.lines > 8) expect(lines.join('\n')).toContain(`>  m${row} `);
      }
    }
  });

  it('shows nothing of what strangers wrote that a terminal would obey', () => {
    const rows = rowsOf(moment(), FIRST_CHOICE).map((row) => ({ ...row, name: 'a\x1b[2Jb\u202e' }));
    const shown = frameLines(picture({ rows }), FIRST_CHOICE, { columns: 100, lines: 20 }, plain).join('\n');
    expect(shown).toContain('a\\x1b[2Jb\\u{202e}');
  });

  it('says so where there is nothing, and which metrics come in several types', () => {
    const empty = frameLines(picture({ rows: [] }), FIRST_CHOICE, { columns: 80, lines: 9 }, plain);
    expect(empty[3]).toBe('nothing was stored in this time');
    const mixed = frameLines(
      picture({ mixed: new Set(['zeta']) }),
      FIRST_CHOICE,
      { columns: 120, lines: 9 },
      plain,
    );
    expect(mixed.join('\n')).toContain('zeta (gauge)');
  });
});

describe('a trend', () => {
  it('goes from the lowest bar to the highest, and has gaps', () => {
    const shown = (values: (number | null)[]): string => sparkline(values).trimStart();
    expect(shown([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
    expect(shown([5, null, 5])).toBe('▅ ▅');
    expect(shown([-1e308, 1e308, NaN, Infinity, 0])).toBe('▁█  ▅');
    expect(sparkline([])).toHaveLength(TREND_LENGTH);
  });

  it('has the last values of a row, and forgets rows that are gone', () => {
    const trends = new Trends();
    for (let i = 0; i < 30; i += 1) trends.add([['a', i] as const, ...(i < 5 ? [['b', i] as const] : [])]);
    expect(trends.of('a')).toEqual(Array.from({ length: TREND_LENGTH }, (_, i) => i + 10));
    expect(trends.of('b')).toEqual([]);
  });
});

describe('cfn-metrics watch', () => {
  it('--once prints one frame', () => {
    const directory = temporaryDirectory();
    store(directory, 1, [{ metric: 'latency_ms', value: 7, unit: 'ms' }]);
    const { status, stdout, stderr } = cli(['watch', '--dir', directory, '--once']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`all metrics, last 30 s, ${directory}`);
    expect(stdout).toMatch(/^latency_ms {2}ms .* 7 +7 +7 +7 +7 +1$/m);
    expect(stdout).not.toContain('\x1b');
  });

  it.each([
    [['--window', '1.5s'], 2, '--window must be whole seconds from 1s to 1h, got "1.5s"'],
    [['--window', '2h'], 2, '--window must be whole seconds from 1s to 1h, got "2h"'],
    [['--dir', '/no/such/place', '--once'], 1, 'directory /no/such/place does not exist'],
    [[], 2, 'watch needs a terminal; --once prints one frame'],
  ])('%j exits %d', (args, status, message) => {
    expect(cli(['watch', ...args])).toEqual({ status, stdout: '', stderr: `cfn-metrics: ${message}\n` });
  });

  it.skipIf(!has('script'))(
    'takes the terminal, answers keys and new records, and gives it back',
    async () => {
      const directory = temporaryDirectory();
      store(directory, 1, [{ metric: 'first_ms', value: 7, unit: 'ms' }]);
      const command = `stty cols 90 rows 20; '${process.execPath}' '${CLI}' watch --dir '${directory}'`;
      const child = spawn('script', ['-qec', command, '/dev/null'], {
        env: cleanEnvironment({ TERM: 'xterm' }),
      });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const seen = (text: string): Promise<void> =>
        expect.poll(() => stripVTControlCharacters(output), { timeout: 45_000 }).toContain(text);
      try {
        await seen('first_ms');
        store(directory, 1, [{ metric: 'second_ms', value: 8, unit: 'ms' }]);
        await seen('second_ms');
        child.stdin.write('\r');
        await seen('agents of first_ms');
        child.stdin.write('q');
        const status = await new Promise((resolve) => child.once('close', resolve));
        expect(status).toBe(0);
      } finally {
        child.kill('SIGKILL');
      }
      expect(output).toContain('\x1b[?1049h');
      expect(output.lastIndexOf('\x1b[?1049l')).toBeGreaterThan(output.lastIndexOf('first_ms'));
      expect(output).toContain('\x1b[?25h');
    },
  );
});
