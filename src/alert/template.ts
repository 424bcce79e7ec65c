import { cut, formatNumber } from './text.js';

/** What a template can name: `{{ value }}` one of these, `{{ labels.agent }}` a text in one of them. */
export type TemplateVariables = Readonly<
  Record<string, string | number | null | undefined | Readonly<Record<string, string>>>
>;

/** Makes a value safe for where it goes. */
export type Escape = (value: string) => string;

interface Part {
  readonly literal: string;
  /** The name behind the literal; undefined behind the last one. */
  readonly name: string | undefined;
}

/**
 * Fills a template in. What the template itself says is trusted and stays as it is; values are strangers' words, and
 * are escaped. There is nothing but names to write between the braces: no code, no calls, no loops.
 *
 * @param template - Text with `{{ name }}` in it.
 * @param variables - What the names stand for. A name that stands for nothing renders empty.
 * @param escape - How values are escaped.
 * @param max - Characters of the result, at most.
 */
export function renderTemplate(
  template: string,
  variables: TemplateVariables,
  escape: Escape = (value) => value,
  max = 4096,
): string {
  let text = '';
  for (const { literal, name } of parts(template)) {
    text += literal;
    // What is cut off anyway need not be escaped.
    if (name !== undefined) text += escape(cut(lookUp(variables, name), max));
    if (text.length > max) break;
  }
  return text.length > max ? cutEscaped(text, max) : text;
}

/**
 * What is wrong with a template; undefined where nothing is.
 *
 * @param roots - The first words of all names that there are.
 */
export function templateProblem(template: string, roots: readonly string[]): string | undefined {
  for (const { literal, name } of parts(template)) {
    if (literal.includes('{{')) return 'has {{ without }}';
    const [root = ''] = name?.split('.', 1) ?? [];
    if (name !== undefined && !roots.includes(root)) {
      return `has {{ ${cut(name, 50)} }}, and there are ${roots.join(', ')}`;
    }
  }
  return undefined;
}

function* parts(template: string): Generator<Part> {
  let at = 0;
  for (;;) {
    const open = template.indexOf('{{', at);
    const close = open < 0 ? -1 : template.indexOf('}}', open + 2);
    if (close < 0) break;
    yield { literal: template.slice(at, open), name: template.slice(open + 2, close).trim() };
    at = close + 2;
  }
  yield { literal: template.slice(at), name: undefined };
}

/** Names of labels may have dots in them: only the first one divides. */
function lookUp(variables: TemplateVariables, name: string): string {
  const dot = name.indexOf('.');
  const root = dot < 0 ? name : name.slice(0, dot);
  const value = Object.hasOwn(variables, root) ? variables[root] : undefined;
  if (typeof value === 'object' && value !== null) {
    const key = name.slice(dot + 1);
    return dot >= 0 && Object.hasOwn(value, key) ? value[key]! : '';
  }
  if (dot >= 0) return '';
  return typeof value === 'number' ? formatNumber(value) : (value ?? '');
}

/** Cuts a text with entities such as `&amp;` in it, and none of them in two. */
export function cutEscaped(text: string, max: number): string {
  return text.length <= max ? text : cut(text, max).replace(/&[a-z]{0,4}…$/, '…');
}
