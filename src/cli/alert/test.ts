import { dirname, resolve } from 'node:path';
import { readRuleTests } from '../../alert/read-rule-test.js';
import { runRuleTest } from '../../alert/rule-test.js';
import { alertsOf, readAlerts } from '../../alert/rules.js';
import { MetricsError } from '../../errors.js';
import { counted } from '../format.js';
import { print } from '../output.js';
import { visible } from '../text.js';
import { readText, RulesFile } from './rules-file.js';

/**
 * `alert test FILE…`: runs unit tests of rules.
 *
 * @returns The exit code: 1 where something was not as expected.
 */
export async function testRules(files: readonly string[]): Promise<number> {
  if (files.length === 0) throw new MetricsError('ERR_METRICS_OPTION', 'alert test needs a file of tests');
  let passed = 0;
  let failed = 0;
  for (const file of files) {
    const { rules: named, tests } = await readRuleTests(readText(file), file);
    const path = named === undefined ? undefined : resolve(dirname(file), named);
    const rules =
      path === undefined
        ? await (await RulesFile.find(undefined)).read()
        : await readAlerts(readText(path), path);
    for (const test of tests) {
      const unknown = test.expect.find(({ rule }) => !rules.names.includes(rule));
      if (unknown !== undefined) {
        const names = rules.names.join(', ');
        throw new MetricsError('ERR_METRICS_OPTION', `${unknown.where}.rule must be one of ${names}`);
      }
      const failures = runRuleTest(test, alertsOf(rules));
      if (failures.length === 0) passed += 1;
      else failed += 1;
      print(`${failures.length === 0 ? 'ok    ' : 'FAILED'} ${visible(test.name)}\n`);
      for (const failure of failures) print(`       ${visible(failure)}\n`);
    }
  }
  print(`${counted(passed, 'test')} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}
