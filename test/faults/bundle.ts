import { mkdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { workerScript } from '../../scripts/worker-script.mjs';
import type { Patch } from './case.js';

/** Where bundles go: within the repository, so that they find its dependencies. */
const OUTPUT = 'build/faults';

/** A patch that does not fit: the suite is wrong, not what it tests. */
export class PatchError extends Error {}

/** Bundles the programs of one run, with the same mutant in each. */
export class Bundler {
  readonly #root: string;
  readonly #name: string;
  readonly #mutant: readonly Patch[];
  readonly #applied = new Set<Patch>();
  readonly #bundles = new Map<string, Promise<string>>();

  /**
   * Prepares to bundle.
   *
   * @param root - The repository.
   * @param name - Tells the bundles of this run from those of others.
   * @param mutant - The patches of the mutant; none for the real code.
   */
  constructor(root: string, name: string, mutant: readonly Patch[]) {
    this.#root = root;
    this.#name = name.replace(/[^a-z0-9]+/gi, '-');
    this.#mutant = mutant;
  }

  /** Bundles a program of test/faults/programs; the same one only once. */
  bundle(entry: string, settings: readonly Patch[] = []): Promise<string> {
    const key = `${entry}\n${JSON.stringify(settings)}`;
    let bundle = this.#bundles.get(key);
    if (bundle === undefined) {
      bundle = this.#build(entry, this.#bundles.size, settings);
      this.#bundles.set(key, bundle);
    }
    return bundle;
  }

  /**
   * Checks that the mutant was in some bundle.
   *
   * @throws PatchError where part of it never was: then the run proves nothing.
   */
  requireApplied(): void {
    const missing = this.#mutant.find((patch) => !this.#applied.has(patch));
    if (missing === undefined || this.#bundles.size === 0) return;
    throw new PatchError(`no program of this case contains ${missing.file}, which the mutant changes`);
  }

  async #build(entry: string, index: number, settings: readonly Patch[]): Promise<string> {
    const outfile = join(this.#root, OUTPUT, this.#name, `${index}-${entry.replace(/\.ts$/, '.mjs')}`);
    mkdirSync(join(outfile, '..'), { recursive: true });
    const patching = this.#patching([...settings, ...this.#mutant]);
    await build({
      absWorkingDir: this.#root,
      entryPoints: [`test/faults/programs/${entry}`],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      packages: 'external',
      logLevel: 'silent',
      plugins: [workerScript([patching]), patching],
    });
    return outfile;
  }

  #patching(patches: readonly Patch[]): Plugin {
    return {
      name: 'patch',
      setup: ({ onLoad }) => {
        onLoad({ filter: /\.ts$/ }, ({ path }) => {
          const mine = patches.filter(({ file }) => file === relative(this.#root, path));
          if (mine.length === 0) return undefined;
          let contents = readFileSync(path, 'utf8');
          for (const patch of mine) {
            contents = apply(contents, patch);
            this.#applied.add(patch);
          }
          return { contents, loader: 'ts' };
        });
      },
    };
  }
}

/** Applies one patch. */
function apply(contents: string, { file, find, replace }: Patch): string {
  const parts = contents.split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new PatchError(`${file} has ${parts.length - 1} places, not 1, that read: ${find}`);
}
