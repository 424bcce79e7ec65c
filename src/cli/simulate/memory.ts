import { readFileSync } from 'node:fs';
import type { AgentProcess } from './agent-process.js';

/** Bytes of RAM that processes have, what they share counted once; null where the system does not tell. */
export function memoryOf(processes: readonly AgentProcess[]): number | null {
  let kib = 0;
  try {
    for (const { pid, running } of processes) {
      if (!running) continue;
      const text = readFileSync(`/proc/${String(pid)}/smaps_rollup`, 'utf8');
      kib += Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? NaN);
    }
  } catch {
    return null;
  }
  return Number.isNaN(kib) ? null : kib * 1024;
}
