import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** What kind of process it is: they are killed, stopped and ended in different ways. */
export type Role = 'agents' | 'bash' | 'sealer' | 'tailer';

/** A process that is started again when it was killed. */
export interface Member {
  readonly role: Role;
  child: ChildProcess;
  /** How many times it was started anew. */
  generation: number;
  stopped: boolean;
}

/** How a member is started. */
export interface Plan {
  readonly role: Role;
  readonly command: (generation: number) => readonly string[];
  /** Receives what it prints, line by line. */
  readonly onLine?: (line: string, generation: number) => void;
}

/** Processes that are killed and stopped at random, and come back. */
export class Fleet {
  kills = 0;
  stops = 0;
  /** What ended without having been told to. */
  readonly failures: string[] = [];
  readonly members: Member[] = [];
  #ending = false;

  /** Starts a member. */
  start(plan: Plan): void {
    const member: Member = { role: plan.role, generation: 0, stopped: false, child: launch(plan, 0) };
    this.members.push(member);
    this.#watch(member, plan);
  }

  /** Kills one with SIGKILL; it starts anew. */
  kill(member: Member): void {
    this.kills += 1;
    member.child.kill('SIGKILL');
  }

  /** Stops one for a while. */
  stop(member: Member, ms: number): void {
    if (member.stopped) return;
    const { child } = member;
    this.stops += 1;
    member.stopped = child.kill('SIGSTOP');
    setTimeout(() => {
      child.kill('SIGCONT');
      if (member.child === child) member.stopped = false;
    }, ms).unref();
  }

  /** Lets every stopped one go on. */
  resume(): void {
    for (const member of this.members) {
      member.child.kill('SIGCONT');
      member.stopped = false;
    }
  }

  /** Ends all of some roles in good order, and waits for that. */
  async end(roles: readonly Role[]): Promise<void> {
    this.#ending = true;
    this.resume();
    const ending = this.members.filter(({ role }) => roles.includes(role));
    await Promise.all(
      ending.map(async ({ child, role }) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = new Promise((resolve) => child.once('exit', resolve));
        if (role === 'bash') child.stdin?.end();
        else child.kill('SIGTERM');
        await ended;
      }),
    );
  }

  /** Ends whatever is left, at once. */
  endNow(): void {
    this.#ending = true;
    for (const { child } of this.members) child.kill('SIGKILL');
  }

  #watch(member: Member, plan: Plan): void {
    const { child } = member;
    child.once('exit', (code, signal) => {
      if (this.#ending) return;
      if (signal !== 'SIGKILL') this.failures.push(`${plan.role} ended with ${code ?? signal}`);
      member.generation += 1;
      member.stopped = false;
      member.child = launch(plan, member.generation);
      this.#watch(member, plan);
    });
  }
}

function launch({ role, command, onLine }: Plan, generation: number): ChildProcess {
  const [program = '', ...args] = command(generation);
  const child = spawn(program, args, {
    stdio: [role === 'bash' ? 'pipe' : 'ignore', onLine === undefined ? 'ignore' : 'pipe', 'inherit'],
  });
  // Its reader may be gone before it is.
  child.stdin?.on('error', () => undefined);
  if (onLine !== undefined && child.stdout !== null) {
    createInterface(child.stdout).on('line', (line) => onLine(line, generation));
  }
  return child;
}

/** What a process holds. */
export interface Usage {
  /** Resident bytes. */
  readonly rss: number;
  /** Of these what the process wrote itself, and not pages of files: proc_pid_status(5), RssAnon. */
  readonly anonymous: number;
  /** Open descriptors. */
  readonly descriptors: number;
}

/** What a process holds; undefined where it is gone. */
export function usage(pid: number | undefined): Usage | undefined {
  try {
    const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
    const bytes = (field: string): number =>
      Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)![1]) * 1024;
    const descriptors = readdirSync(`/proc/${String(pid)}/fd`).length;
    return { rss: bytes('VmRSS'), anonymous: bytes('RssAnon'), descriptors };
  } catch {
    return undefined;
  }
}
