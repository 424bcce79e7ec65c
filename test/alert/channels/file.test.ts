import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createChannel } from '../../../src/alert/channels/create.js';
import { temporaryDirectory } from '../../support/directory.js';
import { agents, alert, context, notification, resolved, unhurried } from './alerts.js';

const root = process.geteuid?.() === 0;

function log(changes: { path?: string; maxBytes?: number } = {}) {
  const directory = temporaryDirectory();
  const channel = createChannel('log', { type: 'file', ...changes }, context({ directory }));
  const path = join(directory, 'alerts.log');
  const lines = (file = path) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  return { channel, directory, path, lines };
}

describe('the log of alerts', () => {
  it('is alerts.log beside the shards, for this user alone, a line an alert', async () => {
    const { channel, path, lines } = log();
    expect(await channel.send(notification(), unhurried())).toEqual({ outcome: 'sent' });
    expect(await channel.send(notification({ alerts: [resolved()] }), unhurried())).toEqual({
      outcome: 'sent',
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(lines()).toEqual([
      {
        time: '2026-11-22T01:01:30.000Z',
        status: 'firing',
        severity: 'critical',
        rule: 'CoordinationTimeElevated',
        labels: { alertname: 'CoordinationTimeElevated', severity: 'critical', agent: '7' },
        annotations: { summary: 'Coordination time elevated', description: 'avg over 10 s' },
        value: 12_300.1234567,
        limit: 10_000,
        startsAt: '2026-11-22T01:00:00.000Z',
        endsAt: null,
        fingerprint: '3f1c9a52d87b0e64',
        groupKey: '{alertname="CoordinationTimeElevated"}',
        total: 1,
        heldBack: 0,
        id: 'n-0001',
      },
      expect.objectContaining({ status: 'resolved', value: 800, endsAt: '2026-11-22T01:01:05.000Z' }),
    ]);
  });

  it('begins anew where it was moved away or deleted', async () => {
    const { channel, path, lines } = log();
    await channel.send(notification(), unhurried());
    rmSync(path);
    await channel.send(notification({ id: 'second' }), unhurried());
    expect(lines().map(({ id }) => id)).toEqual(['second']);
  });

  it('is two files of a bounded size, the older one .1', async () => {
    const { channel, path, lines } = log({ maxBytes: 5000 });
    for (let number = 0; number < 60; number += 1) {
      expect(await channel.send(notification({ id: String(number) }), unhurried())).toEqual({
        outcome: 'sent',
      });
    }
    expect(statSync(path).size).toBeLessThanOrEqual(5000);
    expect(statSync(`${path}.1`).size).toBeLessThanOrEqual(5000);
    const kept = [...lines(`${path}.1`), ...lines()].map(({ id }) => Number(id));
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, at) => 60 - kept.length + at));
    expect(kept.length).toBeGreaterThan(10);
  });

  it('has room for one notification that is larger than its bound', async () => {
    const { channel, lines } = log({ maxBytes: 1024 });
    const given = notification({ alerts: agents(100) });
    expect(await channel.send(given, unhurried())).toEqual({ outcome: 'sent' });
    expect(lines()).toHaveLength(100);
  });

  it('goes on behind a torn line', async () => {
    const { channel, path } = log();
    appendFileSync(path, '{"torn":');
    await channel.send(notification(), unhurried());
    const [torn, whole] = readFileSync(path, 'utf8').split('\n');
    expect(torn).toBe('{"torn":');
    expect(JSON.parse(whole!)).toMatchObject({ id: 'n-0001' });
  });

  it('keeps lines of several writers apart', async () => {
    const { channel, directory, lines } = log();
    const other = createChannel('log', { type: 'file' }, context({ directory }));
    const sendings = Array.from({ length: 40 }, (_, at) =>
      (at % 2 === 0 ? channel : other).send(notification({ alerts: agents(10) }), unhurried()),
    );
    await Promise.all(sendings);
    expect(lines()).toHaveLength(400);
  });
});

describe('the log waits and says why, where', () => {
  it.each([
    [
      'somebody planted a link',
      (path: string) => symlinkSync('/etc/passwd', path),
      'is a symbolic link (ELOOP)',
    ],
    ['it is a directory', (path: string) => mkdirSync(path), 'is a directory (EISDIR)'],
    [
      'there is no directory',
      (path: string) => rmSync(join(path, '..'), { recursive: true }),
      'has no directory to be in (ENOENT)',
    ],
  ])('%s', async (_what, prepare, problem) => {
    const { channel, path } = log();
    prepare(path);
    expect(await channel.send(notification(), unhurried())).toEqual({
      outcome: 'retry',
      reason: `${path} ${problem}`,
    });
  });

  it('somebody planted a FIFO', async () => {
    const { channel, path } = log();
    execFileSync('mkfifo', [path]);
    const delivery = await channel.send(notification(), unhurried());
    expect(delivery).toEqual({ outcome: 'retry', reason: `${path} is not a regular file` });
  });

  it.runIf(root)('it belongs to somebody else', async () => {
    const { channel, path } = log();
    writeFileSync(path, '');
    chownSync(path, 65_534, 65_534);
    const delivery = await channel.send(notification(), unhurried());
    expect(delivery).toEqual({ outcome: 'retry', reason: `${path} belongs to user 65534` });
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it('this user may not write', async () => {
    if (root) return;
    const { channel, path } = log();
    writeFileSync(path, '');
    chmodSync(path, 0o400);
    const delivery = await channel.send(notification(), unhurried());
    expect(delivery).toEqual({
      outcome: 'retry',
      reason: `${path} may not be written by this user (EACCES)`,
    });
  });

  it('no room is left, until there is', async ({ skip }) => {
    const disk = temporaryDirectory();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'cfn-test', disk]).status === 0;
    skip(!mounted, 'no disk can be mounted');
    onTestFinished(() => void spawnSync('umount', ['-l', disk]));
    const path = join(disk, 'alerts.log');
    const { channel } = log({ path });
    const filler = join(disk, 'filler');
    writeFileSync(filler, Buffer.alloc(60_000));
    const given = notification({ alerts: agents(20) });
    const delivery = await channel.send(given, unhurried());
    expect(delivery).toEqual({ outcome: 'retry', reason: `${path} has no room left (ENOSPC)` });
    // a line that fits in part is a short write, and no error of the system
    writeFileSync(filler, '');
    writeFileSync(path, '');
    writeFileSync(filler, Buffer.alloc(15 * 4096));
    const long = notification({ alerts: [alert({ labels: { agent: 'x'.repeat(6000) } })] });
    expect(await channel.send(long, unhurried())).toEqual(delivery);
    rmSync(filler);
    expect(await channel.send(given, unhurried())).toEqual({ outcome: 'sent' });
    // the torn line stays, and what came before it comes again
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    const whole = lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line).fingerprint);
    expect(lines.length - whole.length).toBeLessThanOrEqual(1);
    expect(whole.slice(-20)).toEqual(given.alerts.map(({ fingerprint }) => fingerprint));
  });

  it('it was interrupted before', async () => {
    const { channel, path } = log();
    const delivery = await channel.send(notification(), AbortSignal.abort());
    expect(delivery).toEqual({ outcome: 'retry', reason: `${path}: interrupted` });
    expect(existsSync(path)).toBe(false);
  });
});
