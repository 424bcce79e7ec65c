/** What becomes of a companion. */
export type CompanionEvent =
  | { readonly type: 'started'; readonly pid: number; readonly restarts: number }
  | { readonly type: 'ready'; readonly url: string | null }
  /** Something that it says. */
  | { readonly type: 'said'; readonly stream: 'stdout' | 'stderr'; readonly message: string }
  /** It ended by itself, and is started again. */
  | { readonly type: 'failed'; readonly error: string; readonly retryMs: number; readonly restarts: number }
  | { readonly type: 'stopped'; readonly error: string | null };
