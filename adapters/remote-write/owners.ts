/** After so long Prometheus itself takes a series for gone. */
const GONE_MS = 300_000;
/** Series that are remembered; of more, those are forgotten that were told of longest ago. */
const MAX_OWNERS = 100_000;

/** A point that would be told, as far as it matters whose it is. */
export interface Claim {
  /** Name and labels. */
  readonly text: string;
  /** What the series is called where it comes from. */
  readonly source: string;
  /** Unix milliseconds. */
  readonly time: number;
  /** What differs where there is news; NaN where each point is news. */
  readonly news: number;
}

interface Owner {
  source: string;
  news: number;
  /** Unix milliseconds of its last news, and of its last point. */
  newsAt: number;
  toldAt: number;
}

/**
 * Whose a name with its labels is: of those that would have the same, the first, until five minutes pass without news of
 * it. What two of them count would be one counter that goes up and down.
 */
export class Owners {
  readonly #owners = new Map<string, Owner>();

  /** Whether a point is told under its name and labels. */
  claim({ text, source, time, news }: Claim): boolean {
    const known = this.#owners.get(text);
    const owner = known?.source === source ? known : { source, news: NaN, newsAt: time, toldAt: time };
    if (known !== undefined && owner !== known && time - known.newsAt <= GONE_MS) return false;
    // A total is told again and again as long as it is kept, whether anybody counts or not.
    if (owner.news !== news) owner.newsAt = time;
    owner.news = news;
    owner.toldAt = time;
    // The last one of the map is the one that was told of last.
    this.#owners.delete(text);
    this.#owners.set(text, owner);
    this.#forget(time);
    return true;
  }

  #forget(now: number): void {
    for (const [text, { toldAt }] of this.#owners) {
      if (this.#owners.size <= MAX_OWNERS && now - toldAt <= GONE_MS) return;
      this.#owners.delete(text);
    }
  }
}
