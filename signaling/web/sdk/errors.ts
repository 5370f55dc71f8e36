/** Codes of {@link BelfryError}: the server's, and those this SDK adds (from `closed` on). */
export type ErrorCode =
  | 'bad_message'
  | 'unknown_type'
  | 'bad_request'
  | 'not_joined'
  | 'already_joined'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'room_full'
  | 'busy'
  | 'rate_limited'
  | 'bad_sdp'
  | 'bad_state'
  | 'unsupported'
  | 'resume_failed'
  | 'internal'
  | 'closed'
  | 'timeout'
  | 'too_large'
  | 'unreachable';

/** Everything the SDK rejects with. `code` is for programs, `message` for people. */
export class BelfryError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.name = 'BelfryError';
    this.code = code;
  }
}

/** Whether `error` is a {@link BelfryError}, optionally with one of these codes. */
export function isBelfryError(error: unknown, ...codes: ErrorCode[]): error is BelfryError {
  return error instanceof BelfryError && (codes.length === 0 || codes.includes(error.code));
}
