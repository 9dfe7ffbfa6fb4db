/** What needs no server: durations, integers, codecs, tokens, reasons, schedules. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scheduleOf } from '../src/cron.js';
import { toDigits, toMs } from '../src/durations.js';
import { Flag } from '../src/flag.js';
import { Hands } from '../src/hands.js';
import { Batch, Dead, Element, JSON_CODEC, RAW, Retry, Tsgen } from '../src/index.js';
import { ranges, reasonOf } from '../src/words.js';

test('durations are never cut short', () => {
  assert.deepEqual(
    [0, 1, 1.0011, 0.1 + 0.2, 300.00000000000006, '250', '250ms', '30s', '5m', '1h', '7d'].map(toMs),
    [0, 1, 2, 1, 300, 250, 250, 30_000, 300_000, 3_600_000, 604_800_000],
  );
  for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '', 's', '1.5s', '-1s', '1 s', '1w', '99999999999999d']) {
    assert.throws(() => toMs(bad), { name: 'RangeError', message: /a duration must be/ }, String(bad));
  }
});

test('integers are exact or refused', () => {
  assert.deepEqual([toDigits(5), toDigits(-(2n ** 63n))], ['5', '-9223372036854775808']);
  for (const bad of [1.5, 2 ** 53, Number.NaN]) assert.throws(() => toDigits(bad), RangeError);
});

const read = (text: string) => JSON_CODEC.decode(Buffer.from(text));

test('JSON keeps integers', () => {
  const value = { n: 2n ** 62n, m: [-(2n ** 63n)], small: 1, text: '12345678901234567890', 'a"12345678901234567890': 1.5 };
  const text = String(JSON_CODEC.encode(value));
  assert.equal(
    text,
    '{"n":4611686018427387904,"m":[-9223372036854775808],"small":1,"text":"12345678901234567890","a\\"12345678901234567890":1.5}',
  );
  assert.deepEqual(read(text), value);
  assert.deepEqual(read('[9007199254740993, 9007199254740991, 1e30, 0.12345678901234567]'), [
    9007199254740993n,
    9007199254740991,
    1e30,
    0.12345678901234566,
  ]);
});

test('JSON is refused where it is none', () => {
  for (const bad of ['{', '0123456789012345678', '[1234567890123456789,]', 'bigint:1']) assert.throws(() => read(bad), SyntaxError);
  assert.throws(() => JSON_CODEC.decode(Buffer.from([0x22, 0xff, 0x22])), TypeError);
  assert.throws(() => JSON_CODEC.encode(() => {}), TypeError);
  const circle: unknown[] = [1n];
  circle.push(circle);
  assert.throws(() => JSON_CODEC.encode(circle), TypeError);
});

test('nothing is null', () => {
  assert.deepEqual([JSON_CODEC.encode(undefined), JSON_CODEC.encode(null), read('')], ['', '', null]);
});

test('raw payloads are bytes', () => {
  assert.deepEqual(RAW.encode(new Uint8Array([1, 255]).subarray(1)), Buffer.from([255]));
  assert.deepEqual([RAW.encode('é'), RAW.decode(Buffer.from([255]))], ['é', Buffer.from([255])]);
  assert.throws(() => RAW.encode({}), TypeError);
});

test('tokens that follow each other are a range', () => {
  assert.deepEqual(ranges([]), []);
  assert.deepEqual(ranges([7n]), ['7']);
  assert.deepEqual(ranges([5n, 3n, 4n, 9n, 11n, 10n]), ['3-5', '9-11']);
  assert.deepEqual(ranges([2n ** 62n + 1n, 2n ** 62n]), ['4611686018427387904-4611686018427387905']);
});

test('reasons can always be sent', () => {
  class Odd extends Error {
    override get message(): string {
      throw new Error('no text');
    }
  }
  assert.equal(reasonOf(new TypeError('bad')), 'TypeError: bad');
  assert.equal(reasonOf(new Dead('bad')), 'bad');
  assert.equal(reasonOf(new Retry('bad')), 'bad');
  assert.equal(reasonOf(new TypeError()), 'TypeError');
  assert.equal(reasonOf('text'), 'text');
  assert.equal(reasonOf(null), 'null');
  assert.equal(reasonOf(Symbol('s')), 'Symbol(s)');
  assert.equal(reasonOf(Object.create(null)), 'a thrown object: (what it says cannot be printed)');
  assert.equal(reasonOf(new Odd()), 'Error: (what it says cannot be printed)');
  assert.equal(reasonOf(new Error('\udcff')), 'Error: \ufffd');
  const long = reasonOf(new Error('é'.repeat(5000)));
  assert.ok(Buffer.byteLength(long) <= 1024 && !long.includes('\ufffd'));
});

test('a job tells when it is lost', () => {
  const job = new Element('k', 1n, 1, Buffer.from('a'), 0n, Buffer.from('{}'), JSON_CODEC);
  const { signal } = job;
  assert.deepEqual([job.lost, signal.aborted], [false, false]);
  job.lose();
  assert.deepEqual([job.lost, signal.aborted, job.signal === signal], [true, true, true]);
  const other = new Element('k', 1n, 1, Buffer.from('a'), 0n, Buffer.from('{}'), JSON_CODEC);
  other.lose();
  assert.equal(other.signal.aborted, true);
});

test('fields that are not UTF-8 are not mixed up', () => {
  const batch = new Batch('k', 1n, 1, 7n, 0, 0, [
    [Buffer.from([0xff]), 1n],
    [Buffer.from([0xfe]), 2n],
  ]);
  assert.equal(batch.entries.length, 2);
  assert.throws(() => batch.sums, TypeError);
});

test('no claim has a name under which something is held', () => {
  const hands = new Hands('me');
  const job = new Element('k', 1n, 1, Buffer.from('a'), 0n, Buffer.from(''), RAW);
  const name = hands.takeName();
  const hand = hands.start(job, name);
  hands.letGo(name);
  assert.deepEqual([hands.takeName(), hands.names(), hands.running], ['me.1', ['me', 'me.1'], 1]);
  hands.finish(hand);
  hands.drop(hand);
  hands.drop(hand);
  hands.letGo('me.1');
  assert.deepEqual([hands.names(), hands.running, hands.size, hands.takeName()], [[], 0, 0, 'me.1']);
});

test('a flag leaves nothing behind', async () => {
  const flag = new Flag();
  let told = 0;
  const off = flag.on(() => told++);
  off();
  await flag.wait(1);
  flag.set();
  flag.on(() => told++);
  await flag.wait();
  assert.equal(told, 1);
});

test('without a URL it is the local server', () => {
  for (const url of [undefined, '']) assert.equal(new Tsgen(url).url, 'redis://localhost:6379');
});

test('schedules in time zones', async () => {
  const nightly = await scheduleOf('reports', 'nightly', '30 2 * * *', { tz: 'Europe/Berlin' });
  const at = (day: number, hour: number, minute = 0) => Date.UTC(2026, 2, day, hour, minute);
  assert.equal(nightly.nextAfter(at(28, 0)), at(28, 1, 30));
  // At night clocks go from 02:00 to 03:00, which is 01:00 UTC. There is no 02:30 in it; the run comes all the same, once.
  const skipped = nightly.nextAfter(at(28, 1, 30));
  assert.ok(at(29, 1) <= skipped && skipped <= at(29, 1, 30), new Date(skipped).toISOString());
  assert.equal(nightly.nextAfter(skipped), at(30, 0, 30));
  for (const [cron, tz] of [
    ['30 2 * *', 'UTC'],
    ['61 * * * *', 'UTC'],
    ['* * * * *', 'Nowhere/Land'],
  ] as const) {
    await assert.rejects(scheduleOf('k', 'n', cron, { tz }), /is no schedule/);
  }
});
