#!/usr/bin/env node
// The packed package as users get it: on several Nodes, with both majors of the OpenTelemetry SDK, as ESM and as
// CommonJS, with fs-ext built, unbuilt and absent. Arguments say which: `22 26:3` is Node 22 with SDK 2 and 3, and
// Node 26 with SDK 3. A Node other than the one that runs this comes from the npm registry.
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ready, root } from './ready.mjs';

const run = promisify(execFile);

/** What is installed beside the package, and the first Node that it supports. */
const SDKS = {
  2: { packages: { api: '1.9.1', resources: '2.12.1', 'sdk-metrics': '2.12.1' }, node: [20, 0] },
  3: { packages: { api: '^1.10.0', resources: '^3.0.0', 'sdk-metrics': '^3.0.0' }, node: [22, 15] },
};
/** How fs-ext is there, and what npm is told for it. */
const VARIANTS = {
  built: { args: [], lock: 'flock' },
  unbuilt: { args: ['--ignore-scripts'], lock: 'none' },
  absent: { args: ['--omit=optional'], lock: 'none' },
};
const PROGRAMS = ['smoke.mjs', 'smoke.cjs', 'exporter.mjs', 'exporter.cjs'];
const OWN = process.versions.node;
/** Settings of whoever runs this, which users have others of; certificates of the machine are everybody's. */
const FOREIGN = /^(npm_|NODE_(?!EXTRA_CA_CERTS$)|CFN_METRICS_|OTEL_)/i;
const { stdout: config } = must(
  spawnSync('npm', ['config', 'get', 'globalconfig'], { encoding: 'utf8' }),
  'npm config',
);
const GLOBAL_CONFIG = config.trim();

const cells = process.argv.slice(2).flatMap(readArgument);
if (cells.length === 0) cells.push(...readArgument(`${OWN.split('.')[0]}:2`), ...readArgument('24:3'));

await ready();
const work = mkdtempSync(join(tmpdir(), 'cfn-metrics-matrix-'));
const results = [];
try {
  const tarball = pack();
  for (const { major, sdk } of cells) {
    const node = bringNode(major);
    for (const variant of Object.keys(VARIANTS)) results.push(await tryOut({ node, sdk, variant, tarball }));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
report();

/** `24:3`, or `24` for every SDK that supports it. */
function readArgument(text) {
  const [, major, sdk] = /^(\d+)(?::([23]))?$/.exec(text) ?? [];
  if (major === undefined) {
    process.stderr.write(`support-matrix: an argument is NODE or NODE:SDK such as 24:3, got ${text}\n`);
    process.exit(2);
  }
  const [ownMajor, ownMinor] = OWN.split('.').map(Number);
  const suits = ({ node: [atLeast, minor] }) =>
    Number(major) > atLeast ||
    (Number(major) === atLeast && (Number(major) !== ownMajor || ownMinor >= minor));
  const fitting = Object.keys(SDKS).filter((key) => suits(SDKS[key]));
  return (sdk === undefined ? fitting : [sdk]).map((key) => ({ major, sdk: key }));
}

function pack() {
  const args = ['pack', '--json', '--ignore-scripts', '--loglevel=silent', '--pack-destination', work];
  const { stdout } = must(spawnSync('npm', args, { cwd: root, encoding: 'utf8' }), 'npm pack');
  return join(work, JSON.parse(stdout)[0].filename);
}

/** A Node: this one, or one from the registry, which brings its headers along, so that fs-ext can be built for it. */
function bringNode(major) {
  if (OWN.startsWith(`${major}.`)) return { path: process.execPath, version: OWN };
  const name = `node-${process.platform}-${process.arch}`;
  const cache = join(root, 'build/matrix', `node-${major}`);
  const home = join(cache, 'node_modules', name);
  if (!existsSync(join(home, 'bin/node'))) {
    process.stderr.write(`support-matrix: installing Node ${major}\n`);
    mkdirSync(cache, { recursive: true });
    writeFileSync(join(cache, 'package.json'), '{"private":true}\n');
    const args = ['install', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${major}`];
    must(spawnSync('npm', args, { cwd: cache, encoding: 'utf8' }), `installing ${name}@${major}`);
  }
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  return { path: join(home, 'bin/node'), version, headers: home };
}

/** One row: installs the package into a project of its own and runs all programs there. */
async function tryOut({ node, sdk, variant, tarball }) {
  const { args, lock } = VARIANTS[variant];
  const project = mkdtempSync(join(work, 'project-'));
  const row = { node: node.version, sdk: '-', variant, cells: [], errors: [] };
  const env = { ...process.env, PATH: dirname(node.path) + delimiter + process.env.PATH, CFN_LOCK: lock };
  for (const key of Object.keys(env)) if (FOREIGN.test(key)) delete env[key];
  // npm looks for it beside the Node that runs it, which is not where the machine's settings of registry and certificates are
  env.npm_config_globalconfig = GLOBAL_CONFIG;
  if (node.headers !== undefined) env.npm_config_nodedir = node.headers;
  const dependencies = { 'cfn-metrics': `file:${tarball}` };
  for (const [name, range] of Object.entries(SDKS[sdk].packages))
    dependencies[`@opentelemetry/${name}`] = range;
  const manifest = { private: true, dependencies, allowScripts: { 'fs-ext': true } };
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  cpSync(join(root, 'test/matrix'), project, { recursive: true });
  const install = ['install', '--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline', ...args];
  const execute = async (title, command, commandArgs) => {
    try {
      const { stdout } = await run(command, commandArgs, { cwd: project, env, timeout: 120_000 });
      row.cells.push(stdout.trim().split('\n').at(-1) || 'ok');
    } catch (error) {
      row.cells.push('FAILED');
      row.errors.push(
        `Node ${node.version}, SDK ${sdk}, fs-ext ${variant}, ${title}: ${error.message}\n${error.stdout}`,
      );
    }
  };
  // npm by the same Node, or fs-ext would be built for another one
  await execute('install', node.path, [npmCli(), ...install]);
  row.cells.pop();
  if (row.errors.length > 0) return row;
  row.sdk = JSON.parse(
    readFileSync(join(project, 'node_modules/@opentelemetry/sdk-metrics/package.json'), 'utf8'),
  ).version;
  for (const program of PROGRAMS) await execute(program, node.path, [program]);
  process.stderr.write(`support-matrix: Node ${row.node}, SDK ${row.sdk}, fs-ext ${variant} done\n`);
  return row;
}

/** npm's own program, to be run by another Node. */
function npmCli() {
  if (process.env.npm_execpath?.endsWith('npm-cli.js')) return process.env.npm_execpath;
  const { stdout } = must(spawnSync('npm', ['root', '--global'], { encoding: 'utf8' }), 'npm root');
  return join(stdout.trim(), 'npm/bin/npm-cli.js');
}

function must(result, what) {
  if (result.status === 0) return result;
  throw new Error(`${what} failed: ${result.error?.message ?? result.stderr}`);
}

function report() {
  const header = ['Node', 'SDK', 'fs-ext', ...PROGRAMS];
  const table = [header, ...results.map((row) => [row.node, row.sdk, row.variant, ...row.cells])];
  const widths = header.map((_, column) => Math.max(...table.map((line) => (line[column] ?? '-').length)));
  for (const line of table) {
    const texts = widths.map((width, column) => (line[column] ?? '-').padEnd(width));
    process.stdout.write(`${texts.join('  ').trimEnd()}\n`);
  }
  for (const error of results.flatMap(({ errors }) => errors)) process.stdout.write(`\nFAILED ${error}\n`);
  const failed = results.reduce((sum, { errors }) => sum + errors.length, 0);
  const passed = results.reduce((sum, row) => sum + row.cells.filter((cell) => cell !== 'FAILED').length, 0);
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}
