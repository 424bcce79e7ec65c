/* global AbortController */
// Emitter, reader, tail, lock, command line and shell, on the package as it was installed.
const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const { join } = require('node:path');
const process = require('node:process');
const { Worker } = require('node:worker_threads');
const { check, inDirectory } = require('./check.cjs');

const RECORDS = 500;

exports.smoke = (metrics) =>
  inDirectory(async (directory) => {
    emits(metrics, directory);
    reads(metrics, directory);
    await follows(metrics, directory);
    await locks(metrics, directory);
    await worksInThreads(metrics, directory);
    runsCommands(metrics, directory);
  });

function emits({ createEmitter }, directory) {
  const immediate = createEmitter({ agent: 7, directory });
  const stored = Array.from({ length: RECORDS }, (_, i) => immediate.emit('emitted', i, { unit: 'ms' }));
  check(() => assert.ok(stored.every(Boolean)));
  const batched = createEmitter({ agent: 'coder-7a', directory, durability: 'batched' });
  const counter = batched.counter('counted', { attributes: { phase: 'plan' } });
  for (let i = 0; i < RECORDS; i += 1) counter.add(2);
  check(() => assert.equal(batched.flush(), true));
  for (const emitter of [immediate, batched]) {
    check(() => assert.deepEqual(emitter.stats(), { stored: RECORDS, queued: 0, dropped: {}, unlocked: 0 }));
    void emitter.close();
  }
}

function reads({ readRecords }, directory) {
  const reader = readRecords({ directory });
  const records = [...reader];
  check(() => assert.equal(records.length, 2 * RECORDS));
  check(() => assert.equal(reader.counts.torn + reader.counts.foreign, 0));
  const emitted = records.filter(({ metric }) => metric === 'emitted').map(({ value }) => value);
  check(() =>
    assert.deepEqual(
      emitted,
      Array.from({ length: RECORDS }, (_, i) => i),
    ),
  );
  const counted = records.filter(({ agent }) => agent === 'coder-7a');
  check(() =>
    assert.equal(
      counted.reduce((sum, { value }) => sum + value, 0),
      2 * RECORDS,
    ),
  );
}

async function follows({ createEmitter, followRecords }, directory) {
  const stop = new AbortController();
  const positionFile = join(directory, 'position');
  const emitter = createEmitter({ agent: 9, directory });
  let seen = 0;
  for await (const { records } of followRecords({
    directory,
    from: 'start',
    pollMs: 10,
    positionFile,
    signal: stop.signal,
  })) {
    seen += records.length;
    if (seen === 2 * RECORDS) emitter.emit('followed', 1);
    if (seen > 2 * RECORDS) stop.abort();
  }
  check(() => assert.equal(seen, 2 * RECORDS + 1));
  void emitter.close();
}

/** Somebody else holds the lock for himself: an appender that locks sees that, and appends all the same. */
async function locks({ createEmitter }, directory) {
  const emitter = createEmitter({ agent: 7, directory });
  emitter.emit('before', 1);
  const holder = spawn('flock', [
    '-x',
    join(directory, 'cfn-metrics-7.jsonl'),
    'sh',
    '-c',
    'echo held; read _',
  ]);
  await once(holder.stdout, 'data');
  check(() => assert.equal(emitter.emit('while', 1), true));
  check(() => assert.equal(emitter.stats().unlocked, process.env.CFN_LOCK === 'flock' ? 1 : 0));
  holder.stdin.end('\n');
  await once(holder, 'exit');
  void emitter.close();
}

/** The native module crashes a process that loads it in a second thread, so there it must be left alone. */
async function worksInThreads({ readRecords }, directory) {
  const code = `const emitter = require('cfn-metrics').createEmitter({ directory: ${JSON.stringify(directory)} });
    for (let i = 0; i < ${RECORDS}; i += 1) emitter.emit('from_thread', i);`;
  const threads = Array.from({ length: 4 }, () => new Worker(code, { eval: true }));
  await Promise.all(threads.map((thread) => once(thread, 'exit')));
  const stored = [...readRecords({ directory })].filter(({ metric }) => metric === 'from_thread');
  check(() => assert.equal(stored.length, threads.length * RECORDS));
}

function runsCommands({ readRecords }, directory) {
  const bin = join(process.cwd(), 'node_modules/.bin');
  const env = { ...process.env, CFN_METRICS_DIR: directory };
  execFileSync(join(bin, 'cfn-emit'), ['11', 'from_bash', '.5', 's', 'phase=plan'], { env });
  const stored = [...readRecords({ directory })].find(({ metric }) => metric === 'from_bash');
  check(() => assert.deepEqual([stored.agent, stored.value, stored.unit], ['agent-11', 0.5, 's']));
  const command = (...args) => {
    const options = { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] };
    return JSON.parse(execFileSync(join(bin, 'cfn-metrics'), [...args, '--json'], options));
  };
  const analysis = JSON.stringify(command('analyze', '--group-by', 'metric'));
  check(() => assert.match(analysis, /from_bash/));
  const { findings, node } = command('doctor');
  check(() => assert.equal(node, process.version));
  const lock = findings.find((finding) => finding.check === 'lock');
  check(() => assert.equal(lock.status, process.env.CFN_LOCK === 'flock' ? 'ok' : 'warning', lock.message));
}
