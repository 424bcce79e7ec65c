/** What a template can name, by the name before the first dot. */
export type Variables = Readonly<
  Record<string, string | number | null | Readonly<Record<string, string>> | undefined>
>;

const VARIABLE = /\{\{\s*([^{}]*?)\s*\}\}/g;
/** What comes out is never longer; receivers have bounds of their own. */
const MAX_LENGTH = 4096;

/**
 * Fills in a text such as `{{ labels.agent }} needs {{ value }} MB`.
 *
 * @remarks
 * What is missing renders as nothing, and nothing that a variable holds is read as a template again. Escaping is the
 * channel's, which knows for whom.
 */
export function render(template: string, variables: Variables): string {
  const text = template.replace(VARIABLE, (_, path: string) => lookUp(path, variables));
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 1)}…`.toWellFormed() : text;
}

function lookUp(path: string, variables: Variables): string {
  const dot = path.indexOf('.');
  const name = dot < 0 ? path : path.slice(0, dot);
  const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
  if (typeof value === 'object' && value !== null) {
    const key = dot < 0 ? '' : path.slice(dot + 1);
    return Object.hasOwn(value, key) ? (value[key] ?? '') : '';
  }
  if (value === undefined || value === null || dot >= 0) return '';
  return typeof value === 'number' ? shownNumber(value) : value;
}

/** Four digits are as many as anybody reads at night. */
export function shownNumber(value: number): string {
  if (!Number.isFinite(value) || Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
}
