/** A line of a panel. */
export interface Line {
  readonly name: string;
  /** Minutes and values. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** One picture of several. */
export interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
}

const WIDTH = 880;
const HEIGHT = 190;
const LEFT = 60;
const RIGHT = 150;
const TOP = 28;
const BOTTOM = 26;
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#555555', '#e69f00'];

/**
 * Draws panels below each other, with the same time below all of them.
 *
 * @param minutes - How long the axis is.
 * @param discarded - Minutes at the beginning that do not count.
 */
export function plot(panels: readonly Panel[], minutes: number, discarded: number): string {
  const bodies = panels.map(
    (panel, i) => `<g transform="translate(0 ${i * HEIGHT})">${draw(panel, minutes, discarded)}</g>`,
  );
  const height = panels.length * HEIGHT + 8;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
${bodies.join('\n')}
</svg>
`;
}

function draw({ title, lines }: Panel, minutes: number, discarded: number): string {
  const most = niceCeiling(Math.max(1e-9, ...lines.flatMap(({ points }) => points.map(([, y]) => y))));
  const x = (minute: number): string => (LEFT + ((WIDTH - LEFT - RIGHT) * minute) / minutes).toFixed(1);
  const y = (value: number): string =>
    (HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * value) / most).toFixed(1);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const at = y(part * most);
    return `<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="#dddddd"/><text x="${LEFT - 6}" y="${Number(at) + 4}" text-anchor="end" fill="#444444">${Number((part * most).toPrecision(3))}</text>`;
  });
  const step = niceCeiling(minutes / 8);
  const ticks = Array.from({ length: Math.floor(minutes / step) + 1 }, (_, i) => {
    const at = i * step;
    return `<text x="${x(at)}" y="${HEIGHT - BOTTOM + 15}" text-anchor="middle" fill="#444444">${Number(at.toPrecision(3))} min</text>`;
  });
  const warm = `<rect x="${LEFT}" y="${TOP}" width="${(Number(x(discarded)) - LEFT).toFixed(1)}" height="${HEIGHT - TOP - BOTTOM}" fill="#f2f2f2"/>`;
  const paths = lines.map(({ name, points }, i) => {
    const colour = COLOURS[i % COLOURS.length]!;
    const path = points.map(([at, value], j) => `${j === 0 ? 'M' : 'L'}${x(at)} ${y(value)}`).join('');
    const label = TOP + 12 + 17 * i;
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.3"/><path d="M${WIDTH - RIGHT + 12} ${label - 4}h18" stroke="${colour}" stroke-width="2.5"/><text x="${WIDTH - RIGHT + 36}" y="${label}" fill="#222222">${name}</text>`;
  });
  return `<text x="${LEFT}" y="18" font-weight="bold" fill="#222222">${title}</text>${warm}${grid.join('')}${ticks.join('')}${paths.join('')}`;
}

/** The next of 1, 2, 2.5, 5 times a power of ten. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((nice) => nice >= value * 0.9999) ?? value;
}
