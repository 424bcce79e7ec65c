#!/usr/bin/env node
// What a sync costs beside rsync, what compressing costs beside gzip -6, and what it does to the event loop. The data
// are a day of 500 agents, 29 MB in RAM; the archive is on disk. Rounds alternate, so that what else the machine does
// hits both alike. rsync waits for no disk; we do, unless it says otherwise.
//
//   npm run build && node bench/archive.mjs [--rounds 9] [--disk DIRECTORY] [--segment-mb 300]
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createArchiver } from '../dist/archive/index.js';
import { machine, median, report } from './rounds.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    disk: { type: 'string', default: tmpdir() },
    'segment-mb': { type: 'string', default: '300' },
  },
});
const rounds = Number(values.rounds);
const DAY_MS = 86_400_000;
const RECORDS = 144_000;

/** Lines of 500 agents, by shard. */
function lines(records, from) {
  const shards = Array.from({ length: 16 }, () => []);
  for (let i = 0; i < records; i += 1) {
    const time = new Date(from + Math.floor((i * DAY_MS) / RECORDS));
    const agent = i % 500;
    const value = (i * 7919) % 9973;
    shards[agent % 16].push(
      `{"timestamp":"${time.toISOString()}","agent":"agent-${agent}","metric":"coordination_time_ms","value":${value},` +
        `"unit":"ms","type":"gauge","attributes":{"phase":"plan","team":"alpha-${agent % 9}","worker":"w-${agent}"}}\n`,
    );
  }
  return shards.map((shard) => shard.join(''));
}

function write(directory, shards) {
  for (const [shard, text] of shards.entries()) {
    appendFileSync(join(directory, `cfn-metrics-${shard}.jsonl`), text);
  }
}

function run(command, args) {
  const { status, stderr } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr}`);
}

async function timed(work) {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

function archiverOf(directory, archive, more = {}) {
  // its clock stands at the day of the data, so that nothing is sealed before it is asked to
  return createArchiver({ directory, archive, metrics: false, holdMs: 0, finishMs: 0, ...more });
}

/** Sizes of all files of a directory with a suffix. */
function bytesIn(directory, suffix) {
  return readdirSync(directory)
    .filter((name) => name.endsWith(suffix))
    .reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

const shm = mkdtempSync('/dev/shm/cfn-bench-');
const disk = mkdtempSync(join(values.disk, 'cfn-bench-'));
try {
  const now = Date.now();
  const day = lines(RECORDS, now - DAY_MS);
  const more = lines(RECORDS / 20, now);
  console.log(`${machine()}; archive in ${values.disk}`);

  const times = {};
  const note = (name, ms) => (times[name] ??= []).push(ms);
  for (let round = -1; round < rounds; round += 1) {
    const source = join(shm, 'day');
    const [ours, theirs] = [join(disk, 'ours'), join(disk, 'theirs')];
    for (const directory of [source, ours, theirs]) mkdirSync(directory);
    write(source, day);
    run('sync', []);
    const archiver = archiverOf(source, ours);
    archiver.open();
    const rsync = (...args) => timed(() => run('rsync', [...args, `${source}/`, `${theirs}/`]));
    const rsyncAndSync = (...args) =>
      timed(() => {
        run('rsync', [...args, `${source}/`, `${theirs}/`]);
        run('sync', ['-f', theirs]);
      });
    const results = {
      'first sync, 29 MB': await timed(() => archiver.sync()),
      'rsync -a': await rsync('-a'),
    };
    run('sync', []);
    rmSync(theirs, { recursive: true });
    mkdirSync(theirs);
    results['rsync -a; sync -f'] = await rsyncAndSync('-a');
    write(source, more);
    results['5 % more'] = await timed(() => archiver.sync());
    results['rsync -a --append-verify'] = await rsync('-a', '--append-verify');
    results['nothing new'] = await timed(() => archiver.sync());
    results['rsync -a, nothing new'] = await rsync('-a');
    await archiver.close();
    if (round >= 0) for (const [name, ms] of Object.entries(results)) note(name, ms);
    for (const directory of [source, ours, theirs]) rmSync(directory, { recursive: true });
  }
  report(times, 'rsync -a', 'ms');

  const compressing = {};
  let sizes = { plain: 0, ours: 0, gzip: 0 };
  for (let round = -1; round < Math.min(rounds, 5); round += 1) {
    const source = join(shm, 'day');
    const [ours, theirs] = [join(disk, 'ours'), join(disk, 'theirs')];
    for (const directory of [source, ours, theirs]) mkdirSync(directory);
    write(source, day);
    write(theirs, day);
    const archiver = archiverOf(source, ours);
    await archiver.rotate('all');
    await archiver.sync();
    const oursMs = await timed(() => archiver.maintain());
    const files = readdirSync(theirs).map((name) => join(theirs, name));
    const gzipMs = await timed(() => run('gzip', ['-6', ...files]));
    const verifyMs = await timed(() => run('gzip', ['-t', ...files.map((file) => `${file}.gz`)]));
    await archiver.close();
    if (round >= 0) {
      (compressing['compress, verify, fsync'] ??= []).push(oursMs);
      (compressing['gzip -6'] ??= []).push(gzipMs);
      (compressing['gzip -6, gzip -t'] ??= []).push(gzipMs + verifyMs);
    }
    const plain = day.reduce((sum, text) => sum + text.length, 0);
    sizes = { plain, ours: bytesIn(ours, '.gz'), gzip: bytesIn(theirs, '.gz') };
    for (const directory of [source, ours, theirs]) rmSync(directory, { recursive: true });
  }
  console.log('');
  report(compressing, 'gzip -6', 'ms');
  const smaller = (bytes) => `${((1 - bytes / sizes.plain) * 100).toFixed(1)} % smaller`;
  console.log(`29 MB compressed: ${smaller(sizes.ours)}, by gzip -6 ${smaller(sizes.gzip)}`);

  // one segment, and the delay of a timer of this very process while it is compressed
  const [source, ours] = [join(shm, 'large'), join(disk, 'large')];
  for (const directory of [source, ours]) mkdirSync(directory);
  const path = join(source, 'cfn-metrics-0.jsonl');
  writeFileSync(path, '');
  const text = day.join('');
  const wanted = Number(values['segment-mb']) * 1e6;
  for (let size = 0; size < wanted; size += text.length) appendFileSync(path, text.slice(0, wanted - size));
  const archiver = archiverOf(source, ours);
  await archiver.rotate('all');
  await archiver.sync();
  const delays = async (work) => {
    const histogram = monitorEventLoopDelay({ resolution: 1 });
    histogram.enable();
    const ms = await timed(work);
    histogram.disable();
    const at = (percentile) => (histogram.percentile(percentile) / 1e6).toFixed(2);
    return { ms, text: `p50 ${at(50)} ms, p99 ${at(99)} ms, max ${(histogram.max / 1e6).toFixed(2)} ms` };
  };
  const idleBefore = await delays(() => delay(5000));
  const busy = await delays(() => archiver.maintain());
  const idleAfter = await delays(() => delay(5000));
  await archiver.close();
  console.log('');
  console.log(`event loop, idle: ${idleBefore.text}; ${idleAfter.text}`);
  console.log(
    `event loop, compressing ${values['segment-mb']} MB in ${(busy.ms / 1000).toFixed(1)} s: ${busy.text}`,
  );
  console.log(`nothing new: median ${median(times['nothing new']).toFixed(2)} ms`);
} finally {
  rmSync(shm, { recursive: true });
  rmSync(disk, { recursive: true });
}
