/** How tokens and reasons are written. */

import { Dead, Retry } from './jobs.js';

/** REASON has at most so many bytes. */
const REASON_BYTES = 1024;

/** Tokens as the server takes them: those that follow each other as one range. */
export function ranges(tokens: Iterable<bigint>): string[] {
  const sorted = [...tokens].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const found: string[] = [];
  for (let nth = 0; nth < sorted.length; ) {
    const first = sorted[nth] as bigint;
    let last = first;
    for (nth += 1; sorted[nth] === last + 1n; nth += 1) last += 1n;
    found.push(first === last ? String(first) : `${first}-${last}`);
  }
  return found;
}

/** What an error is called, whatever was thrown. */
export function nameOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.name) : `a thrown ${error === null ? 'null' : typeof error}`;
  } catch {
    return 'Error';
  }
}

function textOf(error: unknown): string {
  try {
    if (!(error instanceof Error)) return String(error);
    const message = String(error.message);
    if (error instanceof Dead || error instanceof Retry) return message;
    return message ? `${nameOf(error)}: ${message}` : nameOf(error);
  } catch {
    return `${nameOf(error)}: (what it says cannot be printed)`;
  }
}

/** The text of what a handler threw, as REASON: never fails, and never too long. What has no UTF-8 is replaced. */
export function reasonOf(error: unknown): string {
  const all = Buffer.from(textOf(error));
  // As a stream, so that a character that was cut in two is left out.
  return all.length <= REASON_BYTES ? all.toString() : new TextDecoder().decode(all.subarray(0, REASON_BYTES), { stream: true });
}
