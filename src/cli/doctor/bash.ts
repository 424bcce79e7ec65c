import { spawnSync } from 'node:child_process';
import { type Finding, ok, warning } from './finding.js';

/** Whether `cfn-emit` and `emit_metric` work with the bash that scripts find. */
export function bashFinding(version = bashVersion()): Finding {
  if (version === undefined) {
    return warning('bash', 'not found: cfn-emit and emit_metric do not work', 'install bash 5.0 or later');
  }
  if (Number.parseInt(version, 10) >= 5) return ok('bash', version);
  return warning(
    'bash',
    `${version}: cfn-emit and emit_metric need 5.0, for its clock`,
    'install bash 5.0 or later, and put it first in PATH',
  );
}

function bashVersion(): string | undefined {
  const { status, stdout } = spawnSync('bash', ['--norc', '-c', 'printf %s "$BASH_VERSION"'], {
    encoding: 'utf8',
  });
  return status === 0 ? stdout : undefined;
}
