/** The formats there are. */
export type Format = 'text' | 'openmetrics';

/** Their media types. */
export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

interface Choice {
  readonly value: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/**
 * The format that a client wants most.
 *
 * @param accept - The header `Accept`. Of formats that are wanted alike the older one is taken, and also where nothing that
 * there is would be acceptable: a scrape that fails helps nobody.
 */
export function chooseFormat(accept: string | undefined): Format {
  const wish: Record<Format, number> = { text: 0, openmetrics: 0 };
  for (const { value, parameters, quality } of choices(accept)) {
    const version = parameters.get('version');
    if (value === 'application/openmetrics-text' && [undefined, '1.0.0', '0.0.1'].includes(version)) {
      wish.openmetrics = Math.max(wish.openmetrics, quality);
    } else if (value === 'text/plain' && [undefined, '0.0.4'].includes(version)) {
      wish.text = Math.max(wish.text, quality);
    } else if (value === '*/*' || value === 'text/*') {
      wish.text = Math.max(wish.text, quality);
    }
  }
  return wish.openmetrics > wish.text ? 'openmetrics' : 'text';
}

/** Whether a client takes gzip. */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  const all = choices(acceptEncoding);
  const gzip = all.find(({ value }) => value === 'gzip') ?? all.find(({ value }) => value === '*');
  return gzip !== undefined && gzip.quality > 0;
}

/** Headers are short by Node's own limit, so that this takes no time whatever they say. */
function choices(header = ''): Choice[] {
  return header.split(',').map((part) => {
    const [value = '', ...rest] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const parameters = new Map<string, string>();
    for (const piece of rest) {
      const [key = '', text = ''] = piece.split('=');
      parameters.set(key.trim(), text.trim().replace(/^"(.*)"$/, '$1'));
    }
    const quality = Number(parameters.get('q') ?? 1);
    return { value, parameters, quality: quality >= 0 && quality <= 1 ? quality : 0 };
  });
}
