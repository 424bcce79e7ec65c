import { statfsSync } from 'node:fs';
import { Headroom } from '../../store/headroom.js';
import { formatBytes } from '../format.js';
import { type Finding, ok, problem, warning } from './finding.js';

const MEBIBYTE = 1024 * 1024;

/** What Docker and Kubernetes give a container as `/dev/shm`. */
const CONTAINER_BYTES = 64 * MEBIBYTE;

/** Names of file systems by their number, from `<linux/magic.h>`. */
const NAMES = new Map([
  [0x0102_1994, 'tmpfs'],
  [0x8584_58f6, 'ramfs'],
  [0xef53, 'ext4'],
  [0x5846_5342, 'xfs'],
  [0x9123_683e, 'btrfs'],
  [0x2fc1_2fc1, 'zfs'],
  [0x794c_7630, 'overlay'],
  [0x6969, 'nfs'],
  [0xff53_4d42, 'cifs'],
  [0xfe53_4d42, 'smb'],
  [0x6573_5546, 'fuse'],
  [0x0102_1997, '9p'],
]);
const IN_RAM = ['tmpfs', 'ramfs'];
/** Where an append is a look at the size and a write there: two hosts, or two mounts, overwrite one another. */
const REMOTE = ['nfs', 'cifs', 'smb', '9p'];

/** What a file system has. */
export interface FileSystem {
  readonly name: string;
  readonly bytes: number;
  readonly freeBytes: number;
}

/** Looks at the file system of a directory; undefined where the directory is missing. */
export function fileSystemOf(path: string): FileSystem | undefined {
  try {
    const { type, bsize, blocks, bavail } = statfsSync(path);
    // the number is a signed one of 32 bits to some kernels
    const magic = type >>> 0;
    return {
      name: NAMES.get(magic) ?? `file system 0x${magic.toString(16)}`,
      bytes: blocks * bsize,
      freeBytes: bavail * bsize,
    };
  } catch {
    return undefined;
  }
}

/** Whether records fit, and stay whole. */
export function fileSystemFindings(path: string, fileSystem: FileSystem): Finding[] {
  const { name, bytes, freeBytes } = fileSystem;
  const what = `${name}, ${formatBytes(freeBytes)} of ${formatBytes(bytes)} free`;
  return [kindFinding(name), spaceFinding(path, what, fileSystem)];
}

function kindFinding(name: string): Finding {
  if (REMOTE.includes(name)) {
    return problem(
      'file system',
      `${name}: appends of several hosts overwrite one another`,
      'set CFN_METRICS_DIR to a directory in RAM, such as /dev/shm',
    );
  }
  const where = IN_RAM.includes(name) ? 'in RAM' : 'not in RAM: appends are as safe, and slower';
  return ok('file system', `${name}, ${where}`);
}

function spaceFinding(path: string, what: string, { name, bytes, freeBytes }: FileSystem): Finding {
  const cure = IN_RAM.includes(name)
    ? `remove sealed segments (cfn-metrics-<date>-*.jsonl), or: mount -o remount,size=1G ${path}`
    : 'make room on it';
  if (!new Headroom(path).allows(1, 0)) {
    return problem('space', `${what}: records are refused, and counted as dropped`, cure);
  }
  if (bytes > 0 && freeBytes < bytes / 10) return warning('space', `${what}: nearly full`, cure);
  if (IN_RAM.includes(name) && bytes > 0 && bytes <= CONTAINER_BYTES) {
    return warning(
      'space',
      `${what}: the default of containers, full in an hour of 500 busy agents`,
      'docker run --shm-size=1g, or in Kubernetes an emptyDir with medium: Memory at /dev/shm',
    );
  }
  return ok('space', what);
}
