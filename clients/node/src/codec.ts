/** How payloads become bytes and come back. */

import { randomUUID } from 'node:crypto';

/** How payloads are written. `decode` throws anything for what it cannot read: such a job becomes a dead letter. */
export interface Codec {
  encode(value: unknown): Buffer | string;
  decode(data: Buffer): unknown;
}

/** Begins text that stands for an integer while JSON is read or written. Nobody can guess it, so no payload has it. */
const MARK = `bigint:${randomUUID()}:`;
const MARKED = new RegExp(`"${MARK}(-?\\d+)"`, 'g');
const STRINGS_AND_NUMBERS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

function parse(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!/\d{16}/.test(text)) return value;
  const marked = text.replace(STRINGS_AND_NUMBERS, (found) =>
    /^-?\d+$/.test(found) && !Number.isSafeInteger(Number(found)) ? `"${MARK}${found}"` : found,
  );
  return JSON.parse(marked, (_, part: unknown) =>
    typeof part === 'string' && part.startsWith(MARK) ? BigInt(part.slice(MARK.length)) : part,
  );
}

function stringify(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // There are bigints in it; or circles, which throw again.
    text = JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? MARK + part : part)).replace(MARKED, '$1');
  }
  if (text === undefined) throw new TypeError('a payload must be something that JSON can write');
  return text;
}

/** JSON in UTF-8. Integers beyond 2⁵³ are bigints, exactly; no bytes at all are null. */
export const JSON_CODEC: Codec = {
  encode: (value) => (value === undefined || value === null ? '' : stringify(value)),
  decode: (data) => (data.length === 0 ? null : parse(UTF8.decode(data))),
};

/** Bytes as they are; text in UTF-8 when written. */
export const RAW: Codec = {
  encode(value) {
    if (value === undefined || value === null) return '';
    if (typeof value === 'string' || Buffer.isBuffer(value)) return value;
    if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    throw new TypeError('a raw payload must be text or bytes');
  },
  decode: (data) => data,
};
