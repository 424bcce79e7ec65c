import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FaultCase } from '../case.js';
import { exited } from '../processes.js';

const CALLS = 3000;
const TEST = 'test/shell/hostile.test.ts';

interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly title: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** Arguments that mean harm: nothing of them is executed, every line parses, and no caller fails. */
export const hostileBash: FaultCase = {
  name: 'hostile-bash',
  mutants: ['bash evaluates values', 'bash does not escape'],
  mutantScale: 0.1,
  async run(context) {
    const calls = Math.round(CALLS * context.scale);
    const shell = join(context.directory, 'shell');
    const report = join(context.directory, 'report.json');
    const copy = context.spawn(process.execPath, [await context.bundle('shell-copy.ts'), shell], {
      stdio: 'inherit',
    });
    await exited(copy);
    if (copy.exitCode !== 0) throw new Error('the shell files were not copied');
    // The unit test has the corpus and a model of the contract; here it gets more of them.
    const args = ['node_modules/vitest/vitest.mjs', 'run', TEST, '--reporter=json', `--outputFile=${report}`];
    const env = {
      ...process.env,
      CFN_TEST_SHELL: shell,
      CFN_HOSTILE: String(calls),
      CFN_HOSTILE_SEED: String(context.seed),
    };
    await exited(context.spawn(process.execPath, args, { env, stdio: 'ignore' }));
    const { numPassedTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
    const failures = testResults.flatMap(({ message, assertionResults }) => [
      ...(message === '' ? [] : [message]),
      ...assertionResults
        .filter(({ status }) => status !== 'passed')
        .map(({ title, failureMessages }) => `${title}: ${(failureMessages[0] ?? '').slice(0, 300)}`),
    ]);
    if (numPassedTests === 0 && failures.length === 0) failures.push(`${TEST} has no tests`);
    return {
      ...{ records: 2 * calls, kills: 0, lost: 0, duplicated: 0, torn: 0, failures },
      note: 'emit_metric and cfn-emit -, under de_DE.UTF-8 and set -euo pipefail',
    };
  },
};
