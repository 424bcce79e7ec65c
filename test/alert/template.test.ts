import { describe, expect, it } from 'vitest';
import { escapeSlack } from '../../src/alert/channels/slack.js';
import { renderTemplate, templateProblem } from '../../src/alert/template.js';

const variables = {
  value: 70.10000000000001,
  limit: null,
  rule: 'Memory',
  labels: { agent: '7', 'service.name': 'a<b>&c' },
};

describe('templates', () => {
  it('fill in names, with or without spaces, and names with dots', () => {
    const template = '{{rule}} of {{ labels.agent }} is {{ value }} in {{labels.service.name}}';
    expect(renderTemplate(template, variables)).toBe('Memory of 7 is 70.1 in a<b>&c');
  });

  it('escape values, and not what the template says', () => {
    expect(renderTemplate('<!here> {{ labels.service.name }}', variables, escapeSlack)).toBe(
      '<!here> a&lt;b&gt;&amp;c',
    );
  });

  it.each([
    'limit',
    'labels.region',
    'nothing',
    'nothing.at.all',
    'labels',
    'rule.length',
    'labels.constructor',
    'constructor',
    '__proto__.toString',
    'labels.__proto__',
    'value()',
    '1 + 1',
    '',
    'process.env.HOME',
  ])('render empty for {{ %s }}', (name) => {
    expect(renderTemplate(`[{{ ${name} }}]`, variables)).toBe('[]');
  });

  it('fill in nothing twice', () => {
    const labels = { agent: '{{ rule }}' };
    expect(renderTemplate('{{ labels.agent }}', { ...variables, labels })).toBe('{{ rule }}');
  });

  it('leave braces alone that are not closed', () => {
    expect(renderTemplate('{{ rule }} {{ value', variables)).toBe('Memory {{ value');
    expect(renderTemplate('}} { {', variables)).toBe('}} { {');
  });

  it('are bounded, and cut neither a letter nor an escaped one', () => {
    for (let max = 1; max < 60; max += 1) {
      const labels = { agent: '&&&&&&&&&&😀😀😀😀' };
      const text = renderTemplate('{{ labels.agent }}', { labels }, escapeSlack, max);
      expect(text.length).toBeLessThanOrEqual(max);
      expect(text).toMatch(/^(&amp;|😀)*…?$/u);
    }
    const long = '{{ labels.agent }}'.repeat(1000);
    expect(renderTemplate(long, { labels: { agent: 'x'.repeat(100_000) } }, undefined, 500)).toHaveLength(
      500,
    );
  });

  it('take time that grows with their length alone', () => {
    const template = '{{ '.repeat(100_000);
    expect(renderTemplate(template, variables, undefined, 1e9)).toBe(template);
  });
});

describe('what is wrong with a template', () => {
  const roots = ['rule', 'labels'];

  it('is nothing where all names are known', () => {
    expect(templateProblem('{{ rule }} {{ labels.any }} }}', roots)).toBeUndefined();
  });

  it('is a name that there is not, or braces that are not closed', () => {
    expect(templateProblem('{{ lables.agent }}', roots)).toBe(
      'has {{ lables.agent }}, and there are rule, labels',
    );
    expect(templateProblem('{{ rule }} {{ labels.any', roots)).toBe('has {{ without }}');
  });
});
