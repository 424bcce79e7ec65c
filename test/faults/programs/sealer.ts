import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadPosition } from '../../../src/store/position.js';
import { Sealer } from '../../../src/store/seal.js';
import { listSegments } from '../../../src/store/segments.js';

interface Settings {
  readonly directory: string;
  readonly archive: string;
  readonly holdMs: number;
  readonly finishMs: number;
  /** How long a segment stays after its last growth. */
  readonly lingerMs: number;
  /** Where a tailer keeps its position: what it has not read yet stays. */
  readonly positionFile?: string;
  /** Milliseconds between two rounds of seals. */
  readonly pauseMs: number;
  /** All writers are gone: seal, archive and delete everything, and end. */
  readonly drain: boolean;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings;
const { directory, archive, positionFile, lingerMs, pauseMs, drain } = settings;
const sealer = new Sealer(directory, settings);

/** Writes a file that is there as a whole or not at all, and stays as it was first written. */
function note(name: string, content: number): void {
  const path = join(archive, name);
  if (existsSync(path)) return;
  writeFileSync(`${path}.tmp`, String(content));
  renameSync(`${path}.tmp`, path);
}

/** Copies a segment under the number of its inode, so that doing it twice comes to the same. */
function copy(path: string, ino: number): boolean {
  const target = join(archive, `${ino}.jsonl`);
  if (existsSync(target) && statSync(target).size === statSync(path).size) return false;
  copyFileSync(path, `${target}.tmp`);
  renameSync(`${target}.tmp`, target);
  return true;
}

/** The archive in a few lines: copied when finished, copied again when it grew, deleted when it has lingered. */
function archiveSegments(): void {
  const finished = new Set(sealer.finished());
  for (const { name, date } of listSegments(directory)) {
    if (date === undefined) continue;
    const path = join(directory, name);
    const { ino, size, mtimeMs, nlink } = statSync(path);
    // Its seal is not done yet.
    if (nlink > 1) continue;
    if (finished.has(name)) note(`${ino}.finished`, size);
    if (!finished.has(name) && !existsSync(join(archive, `${ino}.finished`))) continue;
    if (copy(path, ino)) process.stdout.write('archived\n');
    if (finished.has(name) && Date.now() - mtimeMs >= lingerMs) remove(path, ino);
  }
}

function remove(path: string, ino: number): void {
  const bytes = readFileSync(path);
  const archived = bytes.equals(readFileSync(join(archive, `${ino}.jsonl`)));
  if (archived && wasRead(ino, bytes.lastIndexOf('\n') + 1)) rmSync(path);
}

function wasRead(ino: number, end: number): boolean {
  if (positionFile === undefined) return true;
  const position = loadPosition(positionFile);
  return position?.files.some((file) => file.ino === String(ino) && file.offset === end) === true;
}

async function seal(shard: number): Promise<void> {
  const name = await sealer.seal(shard);
  if (name !== undefined) note(`${statSync(join(directory, name)).ino}.sealed`, Date.now());
}

process.stdin.on('end', () => process.exit()).resume();
while (!sealer.acquire()) await delay(2);
process.stdout.write('sealer\n');
for (;;) {
  await Promise.all(sealer.shards().map(seal));
  process.stdout.write('sealed\n');
  for (let rounds = 0; rounds < (drain ? 1 : 5); rounds += 1) {
    archiveSegments();
    await delay(pauseMs / 5);
  }
  if (drain && listSegments(directory).every(({ date }) => date === undefined)) break;
}
process.exit();
