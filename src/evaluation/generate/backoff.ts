const BASE_MS = 500;
const CAP_MS = 30_000;
/** A server that names a longer wait is asked again after this: a wrong clock must not stop a run for a day. */
const RETRY_AFTER_CAP_MS = 300_000;

/**
 * Full jitter: a random wait between 0 and min(30 s, 0.5 s · 2^(failures−1)), so that clients that failed together do
 * not come back together. Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015.
 * @param random in 0…1.
 */
export function backoffMs(failures: number, random: number): number {
  return random * Math.min(CAP_MS, BASE_MS * 2 ** Math.max(0, failures - 1));
}

/**
 * Milliseconds that a Retry-After header asks for: seconds, or a date (RFC 9110, 10.2.3). Null for anything else.
 * @param nowMs since the epoch.
 */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  const wait = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isFinite(wait) ? Math.min(RETRY_AFTER_CAP_MS, Math.max(0, wait)) : null;
}
