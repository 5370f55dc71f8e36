/** How long to wait between attempts to reconnect. */
export interface BackoffOptions {
  /** Ceiling of the first wait, in milliseconds. Default 250. */
  baseMs?: number;
  /** Ceiling of every wait, in milliseconds. Default 10 000. */
  maxMs?: number;
}

/**
 * The wait before attempt `attempt` (0 is the first): exponential, drawn from the upper half of the range, so that clients cut
 * off together do not come back together, and none comes back at once.
 *
 * @param random - a number in [0, 1)
 */
export function backoffMs(attempt: number, random: number, options: BackoffOptions = {}): number {
  const ceiling = Math.min(options.maxMs ?? 10_000, (options.baseMs ?? 250) * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling * (0.5 + random / 2));
}
