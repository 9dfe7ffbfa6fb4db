/** Lengths of time, and integers that may be greater than what a number holds exactly. */

/** Milliseconds, or text with a unit: `250`, `"250ms"`, `"30s"`, `"5m"`, `"1h"`, `"7d"`. */
export type Duration = number | string;

/** A signed 64-bit integer; beyond 2⁵³ give a bigint. */
export type Integer = number | bigint;

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The longest time that a timer of Node can wait. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Whole milliseconds, rounded up, so that nothing comes early. RangeError if it is negative or no length of time. */
export function toMs(duration: Duration): number {
  const [, digits, unit = 'ms'] = typeof duration === 'string' ? (/^(\d{1,15})(ms|s|m|h|d)?$/.exec(duration) ?? []) : [];
  const factor = UNITS[unit] ?? 1;
  // To a thousandth first: 0.1 + 0.2 is not to become a millisecond more.
  const ms = typeof duration === 'number' ? Math.ceil(Math.round(duration * 1000) / 1000) : Number(digits) * factor;
  if (!Number.isSafeInteger(ms) || ms < 0) {
    throw new RangeError(`a duration must be milliseconds, not negative, or text such as "30s"; not ${JSON.stringify(duration)}`);
  }
  return ms;
}

/** An integer as the server takes it. RangeError if it is none, or one that a number does not hold exactly. */
export function toDigits(value: Integer): string {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new RangeError(`an integer must be whole, and beyond 2^53 a bigint; not ${value}`);
  }
  return String(value);
}

/** What setTimeout takes: it fires at once if it is told to wait too long. */
export function timerMs(ms: number): number {
  return Math.min(ms, LONGEST_TIMER);
}
