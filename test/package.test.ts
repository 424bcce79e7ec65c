import { execFile, execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// The package as it would be published, unpacked into a project of its own. `npm test` builds before.

const run = promisify(execFile);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

type Targets = Readonly<Record<'import' | 'require', Readonly<Record<'types' | 'default', string>>>>;
const entries = Object.entries(manifest.exports as Record<string, Targets | string>)
  .filter((entry): entry is [string, Targets] => typeof entry[1] === 'object')
  .map(([subpath, targets]) => ({ name: posix.join('cfn-metrics', subpath), targets }));

let project: string;
let installed: string;
let packed: string[];

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'cfn-metrics-package-'));
  installed = join(project, 'node_modules/cfn-metrics');
  const args = ['pack', '--json', '--ignore-scripts', '--loglevel=silent', '--pack-destination', project];
  const [tarball] = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8' }));
  packed = tarball.files.map((file: { path: string }) => file.path);
  mkdirSync(installed, { recursive: true });
  const archive = join(project, tarball.filename);
  execFileSync('tar', ['-xzf', archive, '--strip-components=1', '-C', installed]);
  // its peers, but not fs-ext: everything here must work without it
  symlinkSync(join(root, 'node_modules/@opentelemetry'), join(project, 'node_modules/@opentelemetry'));
  writeFileSync(join(project, 'package.json'), '{"private":true}');
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

/** Runs JavaScript in the project, as a module or as CommonJS, and gives what it printed. */
async function evaluate(type: 'module' | 'commonjs', source: string): Promise<string> {
  const file = join(project, `evaluate-${String(sequence++)}.${type === 'module' ? 'mjs' : 'cjs'}`);
  writeFileSync(file, source);
  const { stdout, stderr } = await run(process.execPath, [file], { cwd: project, timeout: 15_000 });
  return stdout + stderr;
}
let sequence = 0;

/** What a program prints that imports every entry but `register`, as `copies`, and then does `then`. */
const importing = {
  module: (names: readonly string[], then: string) =>
    `const copies = [${names.map((name) => `await import('${name}')`).join(', ')}];\n${then}`,
  commonjs: (names: readonly string[], then: string) =>
    `const copies = [${names.map((name) => `require('${name}')`).join(', ')}];\n${then}`,
};
const library = entries.map(({ name }) => name).filter((name) => name !== 'cfn-metrics/register');

describe('the packed package', () => {
  it('holds what was built, the shell files and the documents, and nothing else', () => {
    const expected =
      /^(dist\/[\w/-]+\.(js|cjs|d\.ts|d\.cts|js\.map|cjs\.map)|src\/shell\/[\w-]+(\.sh)?|config\/[\w.-]+\.(sh|yaml)|docs\/[\w/-]+\.(md|svg)|(deploy|examples)\/[\w./-]+|bench\/README\.md|(README|CHANGELOG|CONTRIBUTING)\.md|LICENSE|package\.json)$/;
    expect(packed.filter((path) => !expected.test(path))).toEqual([]);
    expect(packed).toEqual(expect.arrayContaining(['README.md', 'CHANGELOG.md', 'LICENSE']));
    expect(packed.filter((path) => path.startsWith('config/'))).toHaveLength(2);
  });

  it('holds whatever its documents lead to', () => {
    const links = packed
      .filter((path) => path.endsWith('.md'))
      .flatMap((path) =>
        [...readFileSync(join(installed, path), 'utf8').matchAll(/\]\(([^)\s#]+)/g)]
          .filter(([, target]) => !/^https?:/.test(target!))
          .map(([, target]) => ({ path, target: posix.join(dirname(path), target!) })),
      );
    expect(links.length).toBeGreaterThan(50);
    expect(links.filter(({ target }) => !existsSync(join(installed, target)))).toEqual([]);
  });

  it('is as modern in CommonJS as in ES modules: what takes `?.` apart makes an array of each', () => {
    const texts = packed
      .filter((path) => path.endsWith('.cjs'))
      .map((path) => readFileSync(join(installed, path), 'utf8'));
    expect(texts.filter((text) => text.includes('?.')).length).toBeGreaterThan(10);
    expect(texts.filter((text) => /_optionalChain|_nullishCoalesce/.test(text))).toEqual([]);
  });

  it('maps to its sources by paths that are the same on every machine', () => {
    const sources = packed
      .filter((path) => path.endsWith('.map'))
      .flatMap((path) => JSON.parse(readFileSync(join(installed, path), 'utf8')).sources as string[]);
    expect(sources.filter((source) => source.endsWith('.ts')).length).toBeGreaterThan(500);
    expect(sources.filter((source) => source.startsWith('/') || source.includes('dist'))).toEqual([]);
  });

  it('exports every entry that was built, and none that was not', () => {
    const chunk = /-[\w-]{8}\.d\.c?ts$/;
    const built = packed.filter((path) => /^dist\/.*\.d\.c?ts$/.test(path) && !chunk.test(path));
    const exported = entries.flatMap(({ targets }) => [targets.import.types, targets.require.types]);
    expect(exported.map((path) => posix.normalize(path)).sort()).toEqual(built.sort());
    for (const { targets } of entries) {
      expect(packed).toContain(posix.normalize(targets.import.default));
      expect(packed).toContain(posix.normalize(targets.require.default));
    }
  });

  it('has executable commands', () => {
    for (const path of Object.values<string>(manifest.bin)) {
      expect(statSync(join(installed, path)).mode & 0o111, path).toBe(0o111);
      expect(readFileSync(join(installed, path), 'utf8'), path).toMatch(/^#!\/usr\/bin\/env (node|bash)\n/);
    }
  });

  it('has no dependency that must be there', () => {
    expect(manifest.dependencies).toBeUndefined();
    const required = Object.keys(manifest.peerDependencies).filter(
      (name) => !manifest.peerDependenciesMeta[name]?.optional,
    );
    expect(required).toEqual([]);
  });
});

describe.each(['module', 'commonjs'] as const)('imported as %s', (type) => {
  it.each(library)('%s does nothing', async (name) => {
    // reads of the environment are ours when the reader, the frame below the trap, is in this package
    const before = `
      const reads = [];
      process.env = new Proxy(process.env, {
        get(target, key) {
          if (/node_modules.cfn-metrics/.test(new Error().stack.split('\\n')[2])) reads.push(String(key));
          return target[key];
        },
      });
      const state = () => JSON.stringify([
        process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout' || resource === 'Immediate'),
        process.eventNames().map((event) => [String(event), process.listenerCount(event)]),
        Object.getOwnPropertyNames(globalThis),
      ]);
      const clean = state();`;
    const after = `if (state() !== clean) console.log('changed', clean, state());
      if (reads.length > 0) console.log('read', reads);`;
    expect(await evaluate(type, before + importing[type]([name], after))).toBe('');
  });

  it('gives one class a name, whichever entry it comes from', async () => {
    const compare = `
      const seen = new Map();
      for (const copy of copies) for (const [name, value] of Object.entries(copy)) {
        if (seen.has(name) && seen.get(name) !== value) console.log(name, 'differs');
        seen.set(name, value);
      }`;
    expect(await evaluate(type, importing[type](library, compare))).toBe('');
  });

  it('stores a record where fs-ext is missing', async () => {
    const directory = mkdtempSync(join(project, 'shards-'));
    const emit = `
      const emitter = copies[0].createEmitter({ agent: '7', directory: ${JSON.stringify(directory)} });
      console.log(emitter.emit('files_read', 3));
      emitter.close();`;
    expect(existsSync(join(project, 'node_modules/fs-ext'))).toBe(false);
    expect(await evaluate(type, importing[type](['cfn-metrics'], emit))).toBe('true\n');
    expect(JSON.parse(readFileSync(join(directory, 'cfn-metrics-7.jsonl'), 'utf8'))).toMatchObject({
      agent: 'agent-7',
      metric: 'files_read',
      value: 3,
    });
  });

  it('ends at once and prints nothing after register', async () => {
    const directory = mkdtempSync(join(project, 'shards-'));
    const file = join(directory, type === 'module' ? 'nothing.mjs' : 'nothing.cjs');
    writeFileSync(file, '');
    const flag = type === 'module' ? '--import' : '--require';
    const { stdout, stderr } = await run(process.execPath, [flag, 'cfn-metrics/register', file], {
      cwd: project,
      timeout: 15_000,
      env: { ...process.env, CFN_METRICS_DIR: directory },
    });
    expect(stdout + stderr).toBe('');
  });
});

describe('both copies in one process', () => {
  it('export the same names', async () => {
    for (const name of library) {
      const names =
        'console.log(Object.keys(copies[0]).filter((key) => key !== "default" && key !== "module.exports").sort().join())';
      const [asModule, asCommonJs] = await Promise.all([
        evaluate('module', importing.module([name], names)),
        evaluate('commonjs', importing.commonjs([name], names)),
      ]);
      expect(asCommonJs, name).toBe(asModule);
    }
  });

  it("recognise each other's errors", async () => {
    const source = `
      import { createRequire } from 'node:module';
      import * as first from 'cfn-metrics';
      const second = createRequire(import.meta.url)('cfn-metrics');
      for (const [one, other] of [[first, second], [second, first]]) {
        const error = new one.MetricsError('ERR_METRICS_OPTION', 'shards must be a positive integer, got 0');
        console.log(one === other, error instanceof other.MetricsError, new Error() instanceof other.MetricsError);
      }`;
    expect(await evaluate('module', source)).toBe('false true false\nfalse true false\n');
  });
});

describe('without the OpenTelemetry packages', () => {
  it('everything but cfn-metrics/otel and register can be imported, and says what it needs', async () => {
    const bare = mkdtempSync(join(tmpdir(), 'cfn-metrics-bare-'));
    try {
      cpSync(installed, join(bare, 'node_modules/cfn-metrics'), { recursive: true });
      const names = library.filter((name) => name !== 'cfn-metrics/otel');
      const file = join(bare, 'bare.mjs');
      writeFileSync(file, importing.module(names, 'console.log(copies.length)'));
      expect((await run(process.execPath, [file])).stdout).toBe(`${String(names.length)}\n`);
      const missing = `
        const said = (error) => console.log(error.code, error.message);
        await copies[0].createOtlpBackend().catch(said);
        await copies[1].createNewRelicBackend({ licenseKey: 'key' }).catch(said);`;
      const needing = ['cfn-metrics/adapters/otlp', 'cfn-metrics/adapters/newrelic'];
      writeFileSync(file, importing.module(needing, missing));
      const command = 'npm install @opentelemetry/otlp-transformer @opentelemetry/api';
      expect((await run(process.execPath, [file])).stdout).toBe(
        ['OTLP', 'New Relic']
          .map((name) => `ERR_METRICS_OPTION ${name} needs two packages: ${command}\n`)
          .join(''),
      );
    } finally {
      rmSync(bare, { recursive: true });
    }
  });
});

describe('the commands, run through the links that npm makes', () => {
  it.each(Object.keys(manifest.bin))('%s --help prints how to use it', async (name) => {
    const link = join(project, 'node_modules/.bin', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join('../cfn-metrics', manifest.bin[name]), link);
    const { stdout, stderr } = await run(link, ['--help'], { timeout: 15_000 });
    expect(stdout).toContain(name);
    expect(stderr).toBe('');
  });
});
