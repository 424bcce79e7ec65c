/** How bad a finding is. */
export type Severity = 'ok' | 'warning' | 'problem';

/** What one check of `doctor` found. */
export interface Finding {
  /** Stable name of the check. */
  readonly check: string;
  readonly status: Severity;
  /** What was found, and what it means. */
  readonly message: string;
  /** One line that says what to do. */
  readonly cure?: string | undefined;
}

/** All is well. */
export function ok(check: string, message: string): Finding {
  return { check, status: 'ok', message };
}

/** It works, and may stop working, or works less well than it could. */
export function warning(check: string, message: string, cure: string): Finding {
  return { check, status: 'warning', message, cure };
}

/** Records are lost or refused. */
export function problem(check: string, message: string, cure: string): Finding {
  return { check, status: 'problem', message, cure };
}
