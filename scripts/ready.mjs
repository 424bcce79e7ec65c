// What `npm start` and `npm test` share: a fresh clone becomes a built one, and a built one is left alone.
// Nothing from node_modules may be imported here: it may not exist yet.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lock = join(root, '.ready-lock');

/** Ends the process with one line on stderr. */
export function fail(message) {
  process.stderr.write(`cfn-metrics: ${message}\n`);
  process.exit(1);
}

/** Installs and builds what is missing or out of date; with `examples`, the programs in examples/ too. */
export async function ready({ examples = false } = {}) {
  checkNode();
  const steps = examples ? [install, build, buildExamples] : [install, build];
  if (!steps.some((step) => step.stale())) return;
  await takeLock();
  try {
    // asked again under the lock: whoever held it before us has probably done it
    for (const step of steps) if (step.stale()) perform(step);
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

/** Runs a program in the place of this process: same terminal, same signals, same exit. */
export function handOver(script, args) {
  const child = spawn(process.execPath, [join(root, script), ...args], { cwd: root, stdio: 'inherit' });
  // Ctrl-C reaches the whole process group: the child decides what it means, and we wait for it
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`cannot run ${script}: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** Says that what `stamp` stands for was made from the files as they were at `startedMs`, Unix time. */
export function writeStamp(stamp, startedMs) {
  mkdirSync(dirname(join(root, stamp)), { recursive: true });
  writeFileSync(join(root, stamp), '');
  utimesSync(join(root, stamp), startedMs / 1000, startedMs / 1000);
}

const install = {
  title: 'installing dependencies (npm ci)',
  failure: 'npm ci failed',
  // npm writes both files when it installs, in either order: hence the slack
  stale: () => modified('package-lock.json') > modified('node_modules/.package-lock.json') + 5000,
  run: () => npm('ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'),
};

const build = {
  title: 'building',
  failure: 'the build failed',
  stale: () =>
    modified('dist') === 0 ||
    newest('src', 'tsup.config.ts', 'tsconfig.json', 'package.json') > modified('build/.dist-built'),
  // writes its stamp itself, since people run it by hand too
  run: () => node('scripts/build.mjs'),
};

const buildExamples = {
  title: 'building the examples',
  failure: 'building the examples failed',
  stale: () => newest('examples', 'build/.dist-built') > modified('build/.examples-built'),
  run: () => node('node_modules/typescript/bin/tsc', '-p', 'examples/tsconfig.json'),
  stamp: 'build/.examples-built',
};

function perform({ title, failure, run, stamp }) {
  const startedMs = Date.now();
  process.stderr.write(`cfn-metrics: ${title} …\n`);
  const { status, signal, error, stdout, stderr } = run();
  if (status !== 0) {
    process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
    rmSync(lock, { recursive: true, force: true });
    fail(`${failure} (${error?.message ?? signal ?? `exit code ${status}`})`);
  }
  if (stamp !== undefined) writeStamp(stamp, startedMs);
}

function checkNode() {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const [wantedMajor, wantedMinor] = engines.node.match(/\d+/g).map(Number);
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  fail(`needs Node ${wantedMajor}.${wantedMinor} or later, this is ${process.versions.node}`);
}

/** mkdir succeeds for one of us only; a lock whose owner is gone is taken over. */
async function takeLock() {
  for (let waited = false; ; waited = true) {
    try {
      mkdirSync(lock);
      writeFileSync(join(lock, 'pid'), `${process.pid}`);
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`cannot create ${lock}: ${error.message}`);
    }
    if (abandoned()) rmSync(lock, { recursive: true, force: true });
    else if (!waited) process.stderr.write('cfn-metrics: waiting for another install or build …\n');
    await sleep(200);
  }
}

function abandoned() {
  try {
    process.kill(Number(readFileSync(join(lock, 'pid'), 'utf8')), 0);
    return false;
  } catch (error) {
    if (error.code === 'ESRCH') return true;
    // no pid yet: its owner is between mkdir and write, or died there
    return error.code === 'ENOENT' && Date.now() - modified('.ready-lock') > 5000;
  }
}

function npm(...args) {
  const cli = process.env.npm_execpath;
  // npm tells its scripts which file it is; yarn and pnpm set the same variable
  const [command, first] = cli?.endsWith('npm-cli.js') ? [process.execPath, [cli]] : ['npm', []];
  return spawnSync(command, [...first, ...args], { cwd: root, encoding: 'utf8' });
}

function node(script, ...args) {
  return spawnSync(process.execPath, [join(root, script), ...args], { cwd: root, encoding: 'utf8' });
}

/** When a file was last modified, Unix ms; 0 where it does not exist. */
function modified(path) {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The latest modification in some files and folders. A folder's own tells of deleted files. */
function newest(...paths) {
  let latest = 0;
  for (const path of paths) {
    latest = Math.max(latest, modified(path));
    const entry = statSync(join(root, path), { throwIfNoEntry: false });
    // src/shell is shipped as it is
    if (!entry?.isDirectory() || path === 'src/shell') continue;
    latest = Math.max(latest, newest(...readdirSync(join(root, path)).map((name) => join(path, name))));
  }
  return latest;
}
