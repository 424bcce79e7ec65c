import { spawnSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { has } from '../support/tools.js';
import { CLI, cleanEnvironment, store } from './run.js';

/** What the command shows on a terminal, by script(1) of util-linux. */
function onTerminal(args: string, env: Readonly<Record<string, string>> = {}, columns = 60): string {
  const command = `stty cols ${columns}; '${process.execPath}' '${CLI}' ${args}`;
  const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
    encoding: 'utf8',
    env: cleanEnvironment({ TERM: 'xterm', ...env }),
    input: '',
    timeout: 45_000,
  });
  return stdout.replaceAll('\r\n', '\n');
}

describe.skipIf(!has('script'))('on a terminal', () => {
  const directory = (): string => {
    const path = temporaryDirectory();
    store(path, 0, [
      { metric: 'a_metric_with_a_name_that_goes_on_and_on_for_ever', value: 8031, unit: 'ms' },
    ]);
    return path;
  };

  it('there is colour, and the table fits', () => {
    const shown = onTerminal(`analyze --dir ${directory()} --metric '*ever'`);
    expect(shown).toContain('\x1b[1mmetric');
    const table = stripVTControlCharacters(shown).split('\n').slice(2, 4);
    for (const line of table) expect(line.length).toBeLessThanOrEqual(60);
    expect(table[1]).toMatch(/^a_metric_with_[^ ]*… {2}ms +1 {2}8031 /);
  });

  it('no line of a table runs over into the next, however narrow it is', () => {
    const path = temporaryDirectory();
    const attributes = { phase: 'verification-of-everything' };
    store(path, 0, [{ metric: 'duration_of_one_task_ms', value: 80.31, attributes }]);
    const args = `analyze --dir ${path} --group-by agent,attr:phase`;
    for (const columns of [40, 70]) {
      const table = onTerminal(args, { NO_COLOR: '1' }, columns).split('\n\n')[1]!;
      for (const line of table.split('\n')) expect(line.length).toBeLessThanOrEqual(columns);
      expect(table.includes('p99')).toBe(columns === 70);
    }
  });

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('there is no colour with %j', (env) => {
    expect(onTerminal(`analyze --dir ${directory()}`, env)).not.toContain('\x1b');
  });
});
