import { spawnSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { has } from '../support/tools.js';
import { CLI, cleanEnvironment, store } from './run.js';

/** What the command shows on a terminal of 60 columns, by script(1) of util-linux. */
function onTerminal(args: string, env: Readonly<Record<string, string>> = {}): string {
  const command = `stty cols 60; '${process.execPath}' '${CLI}' ${args}`;
  const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
    encoding: 'utf8',
    env: cleanEnvironment({ TERM: 'xterm', ...env }),
    input: '',
    timeout: 15_000,
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

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('there is no colour with %j', (env) => {
    expect(onTerminal(`analyze --dir ${directory()}`, env)).not.toContain('\x1b');
  });
});
