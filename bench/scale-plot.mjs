// The plot of scale.mjs: overhead and coordination time by the number of agents, beside what the design expected.

/** What was expected at the rate of 15 minutes, when agents had to wait for one another's locks. */
const EXPECTED_PERCENT = { 100: 0.75, 250: 0.75, 500: 0.39, 750: 0.39, 1000: 0.39 };
const PANEL = { width: 400, height: 250, left: 70, top: 60, gap: 140 };
const [BLUE, GREEN, RED, GREY] = ['#2563eb', '#059669', '#b91c1c', '#64748b'];

/** The plot as SVG; logarithmic upwards. */
export function scalePlot(results) {
  const at = (pick) => results.map((result) => [result.agents, pick(result)]);
  const expected = results
    .filter(({ agents }) => agents in EXPECTED_PERCENT)
    .map(({ agents }) => [agents, EXPECTED_PERCENT[agents]]);
  const panels = [
    {
      title: 'Processor time of emissions, of that of the coordination',
      unit: (value) => `${value} %`,
      series: [
        { name: 'expected', colour: GREY, dashed: true, points: expected },
        { name: 'a report every 9 s', colour: RED, points: at((result) => result.oftenOverheadPercent) },
        { name: 'a report every 15 min', colour: BLUE, points: at((result) => result.overheadPercent) },
      ],
    },
    {
      title: 'Coordination: a round, until all have answered',
      unit: (value) => (value < 1000 ? `${value} ms` : `${value / 1000} s`),
      series: [
        { name: 'p99', colour: GREEN, points: at((result) => result.coordination.p99Ms) },
        { name: 'p50', colour: BLUE, points: at((result) => result.coordination.p50Ms) },
      ],
    },
  ];
  const most = Math.max(...results.map(({ agents }) => agents));
  const width = 2 * (PANEL.left + PANEL.width + PANEL.gap);
  const height = PANEL.top + PANEL.height + 60;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="ui-sans-serif, system-ui, sans-serif" font-size="13" fill="#0f172a">
  <title>Overhead and coordination time of ${results.map(({ agents }) => agents).join(', ')} agents</title>
  <rect width="${width}" height="${height}" fill="#ffffff" />
${panels.map((panel, i) => drawPanel(panel, most, i * (PANEL.left + PANEL.width + PANEL.gap))).join('\n')}
</svg>
`;
}

function drawPanel({ title, unit, series }, most, offset) {
  const values = series
    .flatMap(({ points }) => points.map(([, value]) => value))
    .filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const x = (agents) => PANEL.left + (agents / most) * PANEL.width;
  const y = (value) => PANEL.top + PANEL.height * (1 - (Math.log10(value) - low) / (high - low));
  const lines = [`  <g transform="translate(${offset} 0)">`];
  lines.push(`    <text x="${PANEL.left}" y="32" font-weight="600" font-size="15">${title}</text>`);
  for (let exponent = low; exponent <= high; exponent += 1) {
    const at = round(y(10 ** exponent));
    lines.push(`    <path d="M${PANEL.left} ${at} h${PANEL.width}" stroke="#e2e8f0" />`);
    const label = unit(Number((10 ** exponent).toPrecision(1)));
    lines.push(`    <text x="${PANEL.left - 8}" y="${at + 4}" text-anchor="end">${label}</text>`);
  }
  const bottom = PANEL.top + PANEL.height;
  for (const [agents] of series.at(-1).points) {
    const at = round(x(agents));
    lines.push(`    <path d="M${at} ${bottom} v5" stroke="#64748b" />`);
    lines.push(`    <text x="${at}" y="${bottom + 20}" text-anchor="middle">${agents}</text>`);
  }
  lines.push(
    `    <text x="${PANEL.left + PANEL.width / 2}" y="${bottom + 44}" text-anchor="middle">agents</text>`,
  );
  const labels = [];
  for (const { name, colour, dashed = false, points } of series) {
    const shown = points
      .filter(([, value]) => value > 0)
      .map(([agents, value]) => [round(x(agents)), round(y(value))]);
    if (shown.length === 0) continue;
    const path = shown.map(([px, py], i) => `${i === 0 ? 'M' : 'L'}${px} ${py}`).join(' ');
    const dash = dashed ? ' stroke-dasharray="6 5"' : '';
    lines.push(`    <path d="${path}" fill="none" stroke="${colour}" stroke-width="2"${dash} />`);
    if (!dashed)
      for (const [px, py] of shown)
        lines.push(`    <circle cx="${px}" cy="${py}" r="3.5" fill="${colour}" />`);
    labels.push({ name, colour, px: shown.at(-1)[0] + 8, py: shown.at(-1)[1] + 4 });
  }
  // Names that would stand on one another move apart.
  labels.sort((a, b) => a.py - b.py);
  for (const [i, label] of labels.entries()) if (i > 0) label.py = Math.max(label.py, labels[i - 1].py + 15);
  for (const { name, colour, px, py } of labels) {
    lines.push(`    <text x="${px}" y="${round(py)}" fill="${colour}">${name}</text>`);
  }
  return [...lines, '  </g>'].join('\n');
}

function round(number) {
  return Math.round(number * 10) / 10;
}
