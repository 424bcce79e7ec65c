import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Finding } from '../../src/cli/doctor/finding.js';
import { temporaryDirectory } from '../support/directory.js';
import { CLI, cleanEnvironment, cli } from './run.js';

/** What doctor finds about an archive, by check. */
function doctor(directory: string, archive: string): Record<string, Finding> {
  const env = { CFN_METRICS_ARCHIVE_DIR: archive };
  const { findings } = JSON.parse(cli(['doctor', '--json', '--dir', directory], { env }).stdout) as {
    findings: Finding[];
  };
  return Object.fromEntries(findings.map((finding) => [finding.check, finding]));
}

it('says what the archive is, and who works on it', async () => {
  const directory = temporaryDirectory();
  const archive = join(temporaryDirectory(), 'archive');
  const missing = doctor(directory, archive);
  expect(missing['archive']).toMatchObject({
    status: 'ok',
    message: `${archive} does not exist; cfn-metrics archive makes it`,
  });
  expect(missing).not.toHaveProperty('archiver');

  const args = ['archive', '--dir', directory, '--archive', archive];
  const child = spawn(process.execPath, [CLI, ...args], { env: cleanEnvironment() });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stderr, 'data');
  cli([...args, '--sync-now']);
  const running = doctor(directory, archive);
  expect(running['archive']).toMatchObject({ status: 'ok' });
  expect(running['archive space']?.message).toMatch(/ of .* are free on its disk$/);
  expect(running['archiver']).toMatchObject({ status: 'ok' });
  expect(running['archiver']?.message).toMatch(
    new RegExp(`^process ${child.pid} since 20\\S+Z, synced .* ago$`),
  );

  mkdirSync(join(directory, 'cfn-metrics-3.jsonl'));
  cli([...args, '--sync-now']);
  expect(doctor(directory, archive)['archiver']).toMatchObject({ status: 'problem' });
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(doctor(directory, archive)['archiver']?.message).toBe('none is running for this archive');
});

it('says what cannot be an archive', () => {
  const directory = temporaryDirectory();
  const file = join(temporaryDirectory(), 'file');
  writeFileSync(file, '');
  expect(doctor(directory, file)['archive']).toMatchObject({
    status: 'problem',
    message: `${file} is not a directory`,
  });
  expect(doctor(directory, directory)['archive']).toMatchObject({
    status: 'problem',
    message: `${directory} is where the shards are: nothing can be archived`,
  });
  rmSync(file);
});
