// The channels beside a real Alertmanager: it takes, groups, silences, inhibits and resolves our alerts; and what it
// then posts to a webhook, Slack and PagerDuty says the same, field by field, as what our channels post themselves.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { freePort, until } from './support.mjs';

const WITHIN_MS = 30_000;
const ROUTING_KEY = 'R0123456789abcdef0123456789abcde';

/** What answers every POST, and keeps it. */
async function startReceiver() {
  const posts = [];
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray();
    posts.push({ path: request.url, body: JSON.parse(Buffer.concat(chunks).toString()) });
    const pagerDuty = request.url.endsWith('/pagerduty');
    response.writeHead(pagerDuty ? 202 : 200).end(pagerDuty ? '{"status":"success"}' : 'ok');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}`, posts, close: () => server.close() };
}

/** Channels as they are in the source, in a module of their own. */
async function loadChannels(root, work) {
  const outfile = join(work, 'channels.mjs');
  const entry = join(root, 'src/alert/channels/create.ts');
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  return import(pathToFileURL(outfile).href);
}

function configuration(receiver) {
  // JSON is YAML
  return JSON.stringify({
    global: { resolve_timeout: '5m' },
    route: {
      receiver: 'team',
      group_by: ['alertname'],
      group_wait: '1s',
      group_interval: '1s',
      repeat_interval: '1h',
    },
    inhibit_rules: [
      {
        source_matchers: ['severity="critical"'],
        target_matchers: ['severity="warning"'],
        equal: ['alertname', 'agent'],
      },
    ],
    receivers: [
      {
        name: 'team',
        webhook_configs: [{ url: `${receiver}/theirs/webhook`, send_resolved: true }],
        slack_configs: [{ api_url: `${receiver}/theirs/slack`, channel: '#ops', send_resolved: true }],
        pagerduty_configs: [
          {
            routing_key: ROUTING_KEY,
            url: `${receiver}/theirs/pagerduty`,
            severity: '{{ .CommonLabels.severity }}',
            send_resolved: true,
          },
        ],
      },
    ],
  });
}

function startAlertmanager(work, port) {
  const config = join(work, 'alertmanager.yml');
  const args = [
    `--config.file=${config}`,
    `--storage.path=${work}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
    '--log.level=error',
  ];
  return spawn('prometheus-alertmanager', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

function alertOf(agent, changes = {}) {
  const severity = changes.severity ?? 'critical';
  return {
    fingerprint: `f${agent}`.padStart(16, '0'),
    rule: 'CoordinationTimeElevated',
    status: 'firing',
    severity,
    labels: { alertname: 'CoordinationTimeElevated', severity, agent },
    annotations: { summary: 'Coordination time elevated', description: 'avg <b>over</b> 10 s & more' },
    value: 12_300,
    limit: 10_000,
    startsAt: Date.now() - 60_000,
    endsAt: null,
    ...changes,
  };
}

function notificationOf(alerts) {
  const firing = alerts.some(({ status }) => status === 'firing');
  return {
    groupKey: '{alertname="CoordinationTimeElevated"}',
    groupLabels: { alertname: 'CoordinationTimeElevated' },
    status: firing ? 'firing' : 'resolved',
    severity: 'critical',
    alerts,
    total: alerts.length,
    heldBack: 0,
    id: `system-${firing}`,
  };
}

const sorted = (value) => JSON.stringify(Object.entries(value).sort());
const sameTime = (a, b) => a === b || Date.parse(a) === Date.parse(b);
const agentsOf = (body) => body.alerts.map(({ labels }) => labels.agent).sort();

/** Each row: a field, whether it says the same, and what both said. */
function compareWebhook(ours, theirs) {
  const byAgent = (body) => [...body.alerts].sort((a, b) => (a.labels.agent < b.labels.agent ? -1 : 1));
  const pairs = byAgent(ours).map((alert, at) => [alert, byAgent(theirs)[at]]);
  const each = (same) => pairs.every(([a, b]) => b !== undefined && same(a, b));
  return [
    ['the same fields', sorted(Object.keys(ours).sort()) === sorted(Object.keys(theirs).sort())],
    ...['version', 'status', 'receiver', 'truncatedAlerts'].map((name) => [
      name,
      ours[name] === theirs[name],
    ]),
    ...['groupLabels', 'commonLabels', 'commonAnnotations'].map((name) => [
      name,
      sorted(ours[name]) === sorted(theirs[name]),
    ]),
    ...['groupKey', 'externalURL'].map((name) => [name, typeof ours[name] === typeof theirs[name]]),
    ['alerts', ours.alerts.length === theirs.alerts.length],
    ['fields of an alert', each((a, b) => sorted(Object.keys(a).sort()) === sorted(Object.keys(b).sort()))],
    ['alerts.status', each((a, b) => a.status === b.status)],
    ['alerts.labels', each((a, b) => sorted(a.labels) === sorted(b.labels))],
    ['alerts.annotations', each((a, b) => sorted(a.annotations) === sorted(b.annotations))],
    ['alerts.startsAt', each((a, b) => sameTime(a.startsAt, b.startsAt))],
    ['alerts.endsAt', each((a, b) => sameTime(a.endsAt, b.endsAt))],
    ['alerts.generatorURL', each((a, b) => a.generatorURL === b.generatorURL)],
    [
      'alerts.fingerprint',
      each((a, b) => /^[0-9a-f]{16}$/.test(b.fingerprint) && a.fingerprint.length === 16),
    ],
  ];
}

function compareSlack(ours, theirs) {
  const [mine] = ours.attachments;
  const [other] = theirs.attachments;
  const tag = /\[(FIRING|RESOLVED)(:\d+)?\]/;
  const word = (text) => tag.exec(text)?.[1];
  const count = (text) => tag.exec(text)?.[2];
  return [
    ['one attachment', ours.attachments.length === theirs.attachments.length],
    ['color', mine.color === other.color],
    ['status of the title', word(ours.text) !== undefined && word(ours.text) === word(other.title)],
    // an Alertmanager counts what fires, and says no number of what is over
    ['count of the title', count(other.title) === undefined || count(ours.text) === count(other.title)],
    [
      'alert of the title',
      [ours.text, other.title].every((text) => text.includes('CoordinationTimeElevated')),
    ],
    ['fallback', [mine.fallback, other.fallback].every((text) => text.includes('CoordinationTimeElevated'))],
    ['mrkdwn', mine.blocks[0].text.type === 'mrkdwn' && other.mrkdwn_in.includes('text')],
    ['escaped', !/<b>|& /.test(JSON.stringify(ours))],
  ];
}

function comparePagerDuty(ours, theirs) {
  const { custom_details: mine, ...payload } = ours.payload;
  const { custom_details: other, ...theirPayload } = theirs.payload;
  return [
    ['routing_key', ours.routing_key === theirs.routing_key],
    ['event_action', ours.event_action === theirs.event_action],
    ['dedup_key', [ours, theirs].every(({ dedup_key: key }) => /^[0-9a-f]{64}$/.test(key))],
    ['severity', payload.severity === theirPayload.severity],
    ['summary', [payload, theirPayload].every(({ summary }) => summary.includes('CoordinationTimeElevated'))],
    ['source', payload.source !== '' && theirPayload.source !== ''],
    ['client', ours.client !== '' && theirs.client !== ''],
    ['num_firing', mine.num_firing === other.num_firing],
    ['num_resolved', mine.num_resolved === other.num_resolved],
    ...['firing', 'resolved'].map((name) => [
      `agents ${name}`,
      ['7', '8'].every(
        (agent) => mine[name].includes(`agent=${agent}`) === other[name].includes(`agent = ${agent}`),
      ),
    ]),
    [
      'no field of the payload is missing',
      Object.keys(theirPayload).every((name) => payload[name] !== undefined),
    ],
  ];
}

const COMPARISONS = { webhook: compareWebhook, slack: compareSlack, pagerduty: comparePagerDuty };

/**
 * Runs all of it.
 *
 * @param tools - check(what, ok, detail), bring(command, package) and the root of the repository.
 */
export async function checkAlertmanager({ check, bring, root }) {
  if (!bring('prometheus-alertmanager', 'prometheus-alertmanager')) {
    return check('prometheus-alertmanager is there', false);
  }
  const work = mkdtempSync(join(tmpdir(), 'cfn-metrics-alertmanager-'));
  const receiver = await startReceiver();
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  writeFileSync(join(work, 'alertmanager.yml'), configuration(receiver.url));
  const alertmanager = startAlertmanager(work, port);
  try {
    const ready = () =>
      fetch(`${base}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    check('a real Alertmanager starts', (await until(ready, WITHIN_MS)) === true);
    const { createChannel } = await loadChannels(root, work);
    await checkAll({ check, base, receiver, createChannel });
  } finally {
    alertmanager.kill('SIGTERM');
    if (alertmanager.exitCode === null) await once(alertmanager, 'exit');
    receiver.close();
    rmSync(work, { recursive: true, force: true });
  }
}

async function checkAll({ check, base, receiver, createChannel }) {
  const context = { directory: tmpdir(), env: { KEY: ROUTING_KEY } };
  const make = (config, name = 'team', more = {}) => createChannel(name, config, { ...context, ...more });
  const post = (channel, alerts) => channel.send(notificationOf(alerts), AbortSignal.timeout(10_000));
  const theirs = make({ type: 'alertmanager', urls: [base] });
  const known = async () => (await fetch(`${base}/api/v2/alerts`)).json();
  const knownAgent = async (agent, severity = 'critical') =>
    (await known()).find(({ labels }) => labels.agent === agent && labels.severity === severity);
  const posted = (path, from, wanted = () => true) =>
    until(
      () => receiver.posts.slice(from).find((one) => one.path === path && wanted(one.body))?.body,
      WITHIN_MS,
    );

  // it takes ours
  const alerts = [alertOf('7'), alertOf('8')];
  const sentAt = Date.now();
  check('it takes our alerts', (await post(theirs, alerts)).outcome === 'sent');
  const stored = await knownAgent('7');
  check('with their labels', sorted(stored.labels) === sorted(alerts[0].labels));
  check('with their annotations', sorted(stored.annotations) === sorted(alerts[0].annotations));
  check('from when they began', sameTime(stored.startsAt, new Date(alerts[0].startsAt).toISOString()));
  const ahead = Date.parse(stored.endsAt) - sentAt;
  check('until four times the interval of resending', Math.abs(ahead - 240_000) < 5000, `${ahead} ms`);

  // it groups them, and says what we say
  const ours = {
    webhook: make({ type: 'webhook', url: `${receiver.url}/ours/webhook` }),
    slack: make({ type: 'slack', url: `${receiver.url}/ours/slack` }),
    pagerduty: make({ type: 'pagerduty', url: `${receiver.url}/ours/pagerduty`, routingKey: { env: 'KEY' } }),
  };
  const grouped = await posted('/theirs/webhook', 0);
  check('it groups them', sorted(agentsOf(grouped)) === sorted(['7', '8']), agentsOf(grouped).join());
  const fired = await compareAll(check, ours, post, posted, alerts, 0, 'firing');

  // it silences and inhibits them
  const silence = await fetch(`${base}/api/v2/silences`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      matchers: [{ name: 'agent', value: '9', isRegex: false, isEqual: true }],
      startsAt: new Date(Date.now() - 1000),
      endsAt: new Date(Date.now() + 600_000),
      createdBy: 'test',
      comment: 'test',
    }),
  });
  check('it takes a silence', silence.ok, String(silence.status));
  const other = (agent, severity = 'critical') =>
    alertOf(agent, { severity, labels: { alertname: 'Other', severity, agent } });
  const before = receiver.posts.length;
  // What mutes has to be known before: Alertmanager looks at it beside its groups, and may be late for one of them.
  await post(theirs, [other('17')]);
  await until(() => knownAgent('17', 'critical'), WITHIN_MS);
  await post(theirs, [other('9'), other('17', 'warning'), other('17'), other('18')]);
  const suppressed = (agent, severity, by) => async () =>
    (await knownAgent(agent, severity))?.status[by].length > 0;
  check('it silences ours', (await until(suppressed('9', 'critical', 'silencedBy'), WITHIN_MS)) === true);
  check(
    'a critical one mutes a warning of the same agent',
    (await until(suppressed('17', 'warning', 'inhibitedBy'), WITHIN_MS)) === true,
  );
  const next = await posted('/theirs/webhook', before, (body) => agentsOf(body).includes('18'));
  check('and tells nobody of them', sorted(agentsOf(next)) === sorted(['17', '18']), agentsOf(next).join());

  // names that it would refuse
  const odd = alertOf('11', {
    labels: { alertname: 'Odd', severity: 'info', agent: '11', 'service.name': 'a', empty: '' },
    annotations: { 'run.book': 'x' },
  });
  check('it takes names that are none to it', (await post(theirs, [odd])).outcome === 'sent');
  const taken = (await known()).find(({ labels }) => labels.agent === '11');
  check('as names that are', taken?.labels.service_name === 'a' && taken.annotations.run_book === 'x');

  // it resolves ours, with all that was said of them
  const over = alerts.map((alert) => ({
    ...alert,
    status: 'resolved',
    value: 800,
    endsAt: Date.now() - 1000,
  }));
  const from = receiver.posts.length;
  await post(theirs, over);
  const resolved = await posted('/theirs/webhook', from, IS_OVER.webhook);
  check('it resolves ours', resolved !== undefined);
  check(
    'with their annotations',
    resolved?.alerts.every(({ annotations }) => sorted(annotations) === sorted(alerts[0].annotations)) ===
      true,
  );
  const ended = await compareAll(check, ours, post, posted, over, from, 'resolved');
  for (const side of ['ours', 'theirs']) {
    check(`${side}: the same incident`, ended[side]?.dedup_key === fired[side]?.dedup_key);
  }

  // told by a clock that was an hour ahead, and was then set back
  const later = Date.now() + 3_600_000;
  const early = alertOf('13', {
    labels: { alertname: 'Early', severity: 'info', agent: '13' },
    startsAt: later,
  });
  const hurried = make({ type: 'alertmanager', urls: [base] }, 'team', { now: () => later });
  await post(hurried, [early]);
  check('it takes one of the future', (await until(() => knownAgent('13', 'info'), WITHIN_MS)) !== undefined);
  check('also from when the clock was set back', (await post(theirs, [early])).outcome === 'sent');
  const began = Date.parse((await knownAgent('13', 'info'))?.startsAt);
  check('and it began then', began <= Date.now(), new Date(began).toISOString());
  await post(theirs, [{ ...early, status: 'resolved', endsAt: Date.now() }]);
  const ends = await until(async () => (await knownAgent('13', 'info')) === undefined, WITHIN_MS);
  check('and ends when it is over', ends === true);

  // several, and one that forgets
  const dead = `http://127.0.0.1:${await freePort()}`;
  const several = make({ type: 'alertmanager', urls: [dead, base], resendMs: 1000 });
  const short = alertOf('12', { labels: { alertname: 'Short', severity: 'info', agent: '12' } });
  check('of several one is enough', (await post(several, [short])).outcome === 'sent');
  const end = performance.now() + 6000;
  let kept = true;
  while (performance.now() < end) {
    await post(several, [short]);
    kept &&= (await knownAgent('12', 'info')) !== undefined;
    await new Promise((done) => setTimeout(done, 1000));
  }
  check('what is sent again goes on', kept);
  const gone = await until(async () => (await knownAgent('12', 'info')) === undefined, WITHIN_MS);
  check('what is not is over after four intervals', gone === true);
}

/** What tells the posts of alerts that are over from those before. */
const IS_OVER = {
  webhook: (body) => body.status === 'resolved',
  slack: (body) => JSON.stringify(body).includes('[RESOLVED'),
  pagerduty: (body) => body.event_action === 'resolve',
};

/** Sends the same through our channels too, and compares what came; returns both events of PagerDuty. */
async function compareAll(check, ours, post, posted, alerts, from, what) {
  for (const [kind, channel] of Object.entries(ours)) {
    check(`${kind}: ours is taken`, (await post(channel, alerts)).outcome === 'sent');
    const wanted = (body) => IS_OVER[kind](body) === (what === 'resolved');
    const mine = await posted(`/ours/${kind}`, from, wanted);
    const other = await posted(`/theirs/${kind}`, from, wanted);
    report(check, `${kind}, ${what}`, COMPARISONS[kind], mine, other);
    if (kind === 'pagerduty') return { ours: mine, theirs: other };
  }
}

function report(check, what, compare, mine, other) {
  if (mine === undefined || other === undefined) return check(`${what}: both came`, false);
  for (const [field, same] of compare(mine, other)) {
    check(
      `${what}: ${field}`,
      same,
      same ? '' : `ours ${JSON.stringify(mine)}, theirs ${JSON.stringify(other)}`,
    );
  }
}
