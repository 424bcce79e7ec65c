import { randomUUID } from 'node:crypto';
import { formatAttributes } from '../attributes.js';
import { formatEnd, formatHead, MAX_LINE_BYTES, START_TEXT, TARGET_INFO } from '../record.js';
import type { Line } from '../store/backlog.js';
import { pointAttributes } from './point-attributes.js';

const SERVICE_INSTANCE = 'service.instance.id';
const PROCESS_ID = 'process.pid';

/**
 * Formats the records that carry the attributes of a writer's resource.
 *
 * @remarks
 * `service.instance.id` and `process.pid` are added where they are missing: without them two processes of one service
 * cannot be told apart downstream. The id is a random one, made for this writer and inherited by nobody.
 */
export class TargetInfo {
  readonly #writer: string;
  readonly #instance = randomUUID();
  #attributes = '';

  constructor(writer: string) {
    this.#writer = writer;
  }

  /** Takes a resource's attributes, and says whether they are other ones than before. */
  describe(resource: Readonly<Record<string, unknown>>): boolean {
    const identity = { [SERVICE_INSTANCE]: this.#instance, [PROCESS_ID]: process.pid };
    let text = formatAttributes(pointAttributes({ ...identity, ...resource }).attributes);
    // of a resource that no line can hold, only who it is remains
    if (Buffer.byteLength(text) > MAX_LINE_BYTES / 2) text = formatAttributes(identity);
    const differs = text !== this.#attributes;
    this.#attributes = text;
    return differs;
  }

  /**
   * Formats one record.
   *
   * @param agent - An agent that lives in the shard it is for, in stored form.
   * @param timestamp - Now.
   */
  line(agent: string, timestamp: string): Line {
    const head = formatHead(agent, TARGET_INFO);
    const end = formatEnd(undefined, this.#writer);
    return { text: `${START_TEXT}${timestamp}${head}1${this.#attributes}${end}`, gauge: TARGET_INFO };
  }
}
