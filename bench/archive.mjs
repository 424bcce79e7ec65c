#!/usr/bin/env node
// What a sync costs beside rsync, what compressing costs beside gzip -6, how small the demo's records become, and what
// compressing does to the event loop. The data of the first two are a day of 500 agents, 29 MB in RAM; the archive is on
// disk. Rounds alternate, so that what else the machine does hits both alike. rsync waits for no disk; we do, unless it
// says otherwise.
//
//   npm run build && node bench/archive.mjs [--rounds 9] [--disk DIRECTORY] [--segment-mb 300] [--only PART]…
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createArchiver } from '../dist/archive/index.js';
import { machine, median, ratio, report } from './rounds.mjs';

const PARTS = { sync, compress, demo, 'event-loop': eventLoop };
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    disk: { type: 'string', default: tmpdir() },
    'segment-mb': { type: 'string', default: '300' },
    only: { type: 'string', multiple: true, default: Object.keys(PARTS) },
  },
});
const rounds = Number(values.rounds);
const DAY_MS = 86_400_000;
const RECORDS = 144_000;
const IDLE_MS = 5000;

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
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr}`);
  return stdout;
}

async function timed(work) {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

function archiverOf(directory, archive) {
  // finished at once, so that a segment can be compressed as soon as it is sealed
  return createArchiver({ directory, archive, metrics: false, holdMs: 0, finishMs: 0 });
}

/** Sizes of all files of a directory with a suffix. */
function bytesIn(directory, suffix) {
  return readdirSync(directory)
    .filter((name) => name.endsWith(suffix))
    .reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

/** Fresh directories, for as long as the work takes: one in RAM, two on disk. */
async function within(work) {
  const directories = [join(shm, 'shards'), join(disk, 'ours'), join(disk, 'theirs')];
  for (const directory of directories) mkdirSync(directory);
  try {
    return await work(...directories);
  } finally {
    for (const directory of directories) rmSync(directory, { recursive: true });
  }
}

const shm = mkdtempSync('/dev/shm/cfn-bench-');
const disk = mkdtempSync(join(values.disk, 'cfn-bench-'));
const now = Date.now();
const day = lines(RECORDS, now - DAY_MS);
try {
  console.log(`${machine()}; archive in ${values.disk}; load ${loadavg()[0].toFixed(1)}`);
  for (const part of values.only) {
    console.log('');
    await PARTS[part]();
  }
} finally {
  rmSync(shm, { recursive: true });
  rmSync(disk, { recursive: true });
}

async function sync() {
  const more = lines(RECORDS / 20, now);
  const times = {};
  for (let round = -1; round < rounds; round += 1) {
    await within(async (source, ours, theirs) => {
      write(source, day);
      run('sync', []);
      const archiver = archiverOf(source, ours);
      archiver.open();
      const rsync = (...args) => timed(() => run('rsync', [...args, `${source}/`, `${theirs}/`]));
      const results = {
        'first sync, 29 MB': await timed(() => archiver.sync()),
        'rsync -a': await rsync('-a'),
      };
      run('sync', []);
      rmSync(theirs, { recursive: true });
      mkdirSync(theirs);
      results['rsync -a; sync -f'] = (await rsync('-a')) + (await timed(() => run('sync', ['-f', theirs])));
      write(source, more);
      results['5 % more'] = await timed(() => archiver.sync());
      results['rsync -a --append-verify'] = await rsync('-a', '--append-verify');
      results['nothing new'] = await timed(() => archiver.sync());
      results['rsync -a, nothing new'] = await rsync('-a');
      await archiver.close();
      // the first round only warms up
      if (round >= 0) for (const [name, ms] of Object.entries(results)) (times[name] ??= []).push(ms);
    });
  }
  report(times, 'rsync -a', 'ms');
  const share = ratio(times['5 % more'], times['rsync -a --append-verify']);
  console.log(`5 % more: ${share.toFixed(3)} of rsync -a --append-verify`);
}

async function compress() {
  const times = {};
  let sizes;
  for (let round = -1; round < Math.min(rounds, 5); round += 1) {
    await within(async (source, ours, theirs) => {
      write(source, day);
      write(theirs, day);
      sizes = await beside(source, ours, theirs, round >= 0 ? times : {});
    });
  }
  report(times, 'gzip -6', 'ms');
  console.log(`29 MB: ${shrunk(sizes)}`);
}

/** Compresses what is in RAM, and gzip a copy of it. */
async function beside(source, ours, theirs, times) {
  const plain = bytesIn(source, '.jsonl');
  const archiver = archiverOf(source, ours);
  await archiver.rotate('all');
  await archiver.sync();
  const oursMs = await timed(() => archiver.maintain());
  await archiver.close();
  const files = readdirSync(theirs).map((name) => join(theirs, name));
  const gzipMs = await timed(() => run('gzip', ['-6', ...files]));
  const verifyMs = await timed(() => run('gzip', ['-t', ...files.map((file) => `${file}.gz`)]));
  (times['compress, count, verify, fsync'] ??= []).push(oursMs);
  (times['gzip -6'] ??= []).push(gzipMs);
  (times['gzip -6, gzip -t'] ??= []).push(gzipMs + verifyMs);
  return { plain, ours: bytesIn(ours, '.gz'), gzip: bytesIn(theirs, '.gz') };
}

function shrunk({ plain, ours, gzip }) {
  const smaller = (bytes) => `${((1 - bytes / plain) * 100).toFixed(1)} %`;
  return `${smaller(ours)} smaller, by gzip -6 ${smaller(gzip)}`;
}

/** The records of the demo, as npm start makes them. */
async function demo() {
  const said = run(process.execPath, ['scripts/start.mjs', '--agents', '48', '--duration', '15s']);
  const [, made] = /append to the shards in (\S+)/.exec(said);
  const times = {};
  let sizes;
  for (let round = -1; round < Math.min(rounds, 5); round += 1) {
    await within(async (source, ours, theirs) => {
      for (const name of readdirSync(made)) {
        for (const directory of [source, theirs]) copyFileSync(join(made, name), join(directory, name));
      }
      sizes = await beside(source, ours, theirs, round >= 0 ? times : {});
    });
  }
  rmSync(made, { recursive: true });
  report(times, 'gzip -6', 'ms');
  console.log(`the demo's ${(sizes.plain / 1e6).toFixed(2)} MB: ${shrunk(sizes)}`);
}

/** The delay of a timer of this very process while a segment is compressed, and before and after that. */
async function eventLoop() {
  const text = day.join('');
  const wanted = Number(values['segment-mb']) * 1e6;
  const periods = { 'idle, before': [], compressing: [], 'idle, after': [] };
  const seconds = [];
  const measure = async (work) => {
    const histogram = monitorEventLoopDelay({ resolution: 1 });
    histogram.enable();
    const ms = await timed(work);
    histogram.disable();
    return { ms, p99: histogram.percentile(99) / 1e6 };
  };
  for (let round = -1; round < rounds; round += 1) {
    await within(async (source, ours) => {
      const path = join(source, 'cfn-metrics-0.jsonl');
      writeFileSync(path, '');
      for (let size = 0; size < wanted; size += text.length)
        appendFileSync(path, text.slice(0, wanted - size));
      const archiver = archiverOf(source, ours);
      await archiver.rotate('all');
      await archiver.sync();
      run('sync', []);
      const before = await measure(() => delay(IDLE_MS));
      const busy = await measure(() => archiver.maintain());
      const after = await measure(() => delay(IDLE_MS));
      await archiver.close();
      if (readdirSync(ours).filter((name) => name.endsWith('.gz')).length !== 1)
        throw new Error('not compressed');
      if (round < 0) return;
      periods['idle, before'].push(before.p99);
      periods.compressing.push(busy.p99);
      periods['idle, after'].push(after.p99);
      seconds.push(busy.ms / 1000);
    });
  }
  console.log(`p99 of the event-loop delay; ${values['segment-mb']} MB take ${median(seconds).toFixed(1)} s`);
  report(periods, 'idle, before', 'ms');
}
