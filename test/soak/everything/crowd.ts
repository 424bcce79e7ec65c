import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../faults/random.js';

/** Agents that share one Node process. */
const PER_PROCESS = 25;
/** How many generations a process may count before the next one. */
const GENERATIONS = 10_000;
const BASH_LIFE_MS = [60_000, 300_000] as const;
const NODE_LIFE_MS = [180_000, 600_000] as const;
/** How many ends are violent. */
const KILLED = 0.3;

/** Where everything is. */
export interface Places {
  readonly directory: string;
  readonly counts: string;
  readonly library: string;
  /** The bundled program of agents in Node. */
  readonly agents: string;
  readonly bashAgent: string;
}

interface Slot {
  readonly bash: boolean;
  readonly first: number;
  readonly agents: number;
  generation: number;
  file: string;
  child: ChildProcess;
  endsAt: number;
  ending: boolean;
}

/** As many agents as there should be, at all times, though each of them comes and goes. */
export class Crowd {
  /** Processes that were killed. */
  kills = 0;
  /** Processes that ended in good order. */
  ends = 0;
  /** What ended as it should not have. */
  readonly failures: string[] = [];
  /** How many records each life of an agent had acknowledged, by `agent/generation`. */
  readonly acknowledged = new Map<string, number>();
  readonly #places: Places;
  readonly #random: Random;
  readonly #slots: Slot[] = [];
  #closing = false;

  constructor(places: Places, random: Random) {
    this.#places = places;
    this.#random = random;
  }

  /** Starts agents: every so-many-th part of them in bash, each a process, the others in Node, and shared. */
  start(agents: number, bash: number): void {
    for (let first = 0; first < bash; first += 1) this.#add(true, first, 1);
    for (let first = bash; first < agents; first += PER_PROCESS) {
      this.#add(false, first, Math.min(PER_PROCESS, agents - first));
    }
  }

  /** Ends those whose time has come; others come for them. */
  tick(): void {
    const now = performance.now();
    for (const slot of this.#slots) {
      if (slot.ending || now < slot.endsAt) continue;
      slot.ending = true;
      if (this.#random.next() < KILLED) {
        this.kills += 1;
        slot.child.kill('SIGKILL');
      } else {
        this.ends += 1;
        end(slot);
      }
    }
  }

  /** Ends all, and counts. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(
      this.#slots.map(
        (slot) =>
          new Promise<void>((resolve) => {
            if (slot.child.exitCode !== null || slot.child.signalCode !== null) resolve();
            else slot.child.once('close', () => resolve());
            slot.ending = true;
            end(slot);
          }),
      ),
    );
  }

  /** Ends all at once. */
  kill(): void {
    this.#closing = true;
    for (const { child } of this.#slots) child.kill('SIGKILL');
  }

  #add(bash: boolean, first: number, agents: number): void {
    const slot = { bash, first, agents, generation: 0 } as Slot;
    this.#slots.push(slot);
    this.#launch(slot);
    // Not all of them at once.
    slot.endsAt = performance.now() + this.#random.next() * (slot.endsAt - performance.now());
  }

  #launch(slot: Slot): void {
    const { bash, first, agents, generation } = slot;
    const { directory, counts, library, bashAgent, agents: program } = this.#places;
    const file = join(counts, `${first}-${generation}`);
    const base = generation * (bash ? 1 : GENERATIONS);
    const child = bash
      ? spawn('bash', [bashAgent, library, file, `agent-${first}`, String(base)], {
          stdio: ['pipe', 'ignore', 'inherit'],
          env: { ...process.env, CFN_METRICS_DIR: directory },
        })
      : spawn(process.execPath, [program, directory, file, String(first), String(agents), String(base)], {
          stdio: ['ignore', 'ignore', 'inherit'],
        });
    child.stdin?.on('error', () => undefined);
    const [from, to] = bash ? BASH_LIFE_MS : NODE_LIFE_MS;
    Object.assign(slot, { child, file, ending: false });
    slot.endsAt = performance.now() + this.#random.between(from, to);
    child.once('close', (code, signal) => {
      this.#count(slot, file, base);
      if (!slot.ending || (code !== 0 && signal !== 'SIGKILL')) {
        this.failures.push(`an agent in ${bash ? 'bash' : 'Node'} ended with ${signal ?? code}`);
      }
      if (this.#closing) return;
      slot.generation += 1;
      this.#launch(slot);
    });
  }

  #count(slot: Slot, file: string, base: number): void {
    let text: string;
    try {
      text = readFileSync(file, 'latin1');
    } catch {
      return; // ended before it began
    }
    rmSync(file);
    if (slot.bash) {
      this.acknowledged.set(`agent-${slot.first}/${base}`, text.length);
      return;
    }
    // A killed one may leave half a line.
    for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
      const [agent = '', generation, count] = line.split(' ');
      if (agent !== '') this.acknowledged.set(`${agent}/${generation}`, Number(count));
    }
  }
}

function end({ bash, child }: Slot): void {
  if (bash) child.stdin?.end();
  else child.kill('SIGTERM');
}
