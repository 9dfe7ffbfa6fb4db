/** Typed calls: each command of the module has one, and makes of the reply what its comment says. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { codeOf, Element, ErrorReply, type Family, type Job, type Key, RAW, Unanswered } from '../src/index.js';
import type * as options from '../src/options.js';
import { list, text } from '../src/replies.js';
import { needed, redis, tsgen, until } from './server.js';

const DOCS = needed('TSGEN_DOCS');

/** All that a key with one ready entry of this name can do. */
async function delivery<F extends Family>(key: Key<F> & { alter(given: options.DeliveryOptions): Promise<void> }, id: string) {
  const one = async (options: { count?: number } = {}): Promise<Job> => {
    const jobs: Job[] = await key.claim('me', options);
    assert.equal(jobs.length, 1);
    return jobs[0] as Job;
  };
  let job = await one({ count: 5 });
  assert.deepEqual([job.deliveries, job.id, job.key], [1, id, key.key]);
  const { cursor, entries } = await key.peek('LEASED', { count: 1 });
  const [entry] = entries;
  assert.deepEqual([cursor, entry?.token, entry?.deliveries, entry?.consumer, entry?.id], [null, job.token, 1, 'me', id]);
  assert.ok((entry?.until ?? 0) > Date.now());
  const [leased] = await key.pending({ consumer: 'me' });
  assert.deepEqual([leased?.token, leased?.consumer, leased?.id], [job.token, 'me', id]);
  assert.equal(await key.extend('30s', job.token), 1);
  assert.equal(await key.nack(job.token, { delay: '1h' }), 1);
  const [delayed] = await key.delayed();
  assert.deepEqual([delayed?.consumer, delayed?.deliveries], [null, 1]);
  assert.equal(await key.promote(), 1);
  job = await one();
  assert.equal(await key.nack(job.token, { dead: true, reason: 'why' }), 1);
  const [dead] = await key.dead();
  assert.deepEqual([dead?.token, dead?.id, dead?.reason], [job.token, id, 'why']);
  const [letter] = (await key.peek('DEAD')).entries;
  assert.deepEqual([letter?.reason, letter?.diedAt], ['why', dead?.diedAt]);
  assert.equal(await key.requeue([job.token]), 1);
  job = await one();
  assert.equal(await key.release('me'), 1);
  assert.equal(await key.ack(job.token), 0);
  job = await one();
  await key.nack([job.token], { dead: true });
  assert.equal(await key.discard([`${job.token}-${job.token}`]), 1);
  const info = await key.info();
  assert.deepEqual([info.ready, info.lease, info.sink], [0, 7000, '']);
  await key.alter({ lease: '8s', maxDeliveries: 3 });
  const altered = await key.info();
  assert.deepEqual([altered.lease, altered.maxdeliveries], [8000, 3]);
  assert.deepEqual(await key.peek('READY'), { cursor: null, entries: [] });
  assert.equal((await key.mclaim('me', [`${key.key}other`])).size, 0);
}

test('every command has a call', async () => {
  const sent = new Set<string>();
  const t = tsgen();
  const send = t.send.bind(t);
  t.send = (key, words) => {
    sent.add(String(words[0]).toLowerCase());
    return send(key, words);
  };

  const orders = t.tsgen('orders');
  await orders.create({ lease: '7s', late: 'READY' });
  assert.equal(await orders.add(5, 'a', { n: 2n ** 60n }), 'waiting');
  assert.equal(await orders.add(5, 'a', null, { nx: true }), null);
  assert.equal(await orders.add(6, 'a', undefined, { xx: true }), 'waiting');
  assert.deepEqual(await orders.get('a'), { state: 'waiting', timestamp: 6n, payload: { n: 2n ** 60n } });
  const odd = Buffer.from([0xff]);
  assert.deepEqual(
    await orders.madd([
      { timestamp: 7, id: 'b' },
      { timestamp: 2n ** 62n, id: odd, payload: [1] },
    ]),
    ['waiting', 'waiting'],
  );
  assert.deepEqual(await orders.range('(6'), [
    { id: 'b', name: Buffer.from('b'), timestamp: 7n, payload: null },
    { id: '\ufffd', name: odd, timestamp: 2n ** 62n, payload: [1] },
  ]);
  assert.equal(await orders.rem('b', odd, 'none'), 2);
  assert.equal(await orders.watermark(), null);
  assert.equal(await orders.advance(6), 6n);
  await delivery(orders, 'a');
  assert.equal(await orders.get('a'), null);

  const grouped = t.tsgen('grouped');
  await grouped.create({ groupLimit: 1, fair: true });
  const pair = [
    { timestamp: 1, id: 'a' },
    { timestamp: 2, id: 'b' },
  ];
  assert.deepEqual(await grouped.madd(pair, { group: 'g' }), ['waiting', 'waiting']);
  assert.equal(await grouped.add(3, 'c', null, { group: 'h' }), 'waiting');
  assert.deepEqual(
    (await grouped.peek('WAITING')).entries.map(({ group }) => group),
    ['g', 'g', 'h'],
  );
  await grouped.advance(5);
  assert.deepEqual(
    (await grouped.peek('READY')).entries.map(({ isHeld }) => isHeld),
    [false, false, false],
  );
  const claimed = await grouped.claim('me', { count: 5 });
  assert.equal((await grouped.peek('READY')).entries[0]?.isHeld, true);
  assert.deepEqual(
    claimed.map(({ id }) => id),
    ['a', 'c'],
  );
  const after = await grouped.mclaim('me', ['none'], { count: 2, ack: { grouped: claimed.map(({ token }) => token) } });
  assert.deepEqual(
    after.get('grouped')?.map(({ id }) => id),
    ['b'],
  );
  assert.equal((await grouped.claim('me', { ack: after.get('grouped')?.map(({ token }) => token) ?? [] })).length, 0);
  assert.equal((await grouped.info()).acked, 3);

  const sources = t.tsgen('sources');
  await sources.create({ sources: ['east', 'west'] });
  assert.equal(await sources.advance(3, { source: 'east' }), null);
  const got = async () => (await sources.sources()).map(({ id, timestamp, idle }) => [id, timestamp, idle]);
  assert.deepEqual(await got(), [
    ['east', 3n, false],
    ['west', null, false],
  ]);
  await sources.alter({
    source: ['east', 2],
    addSource: ['north', 'south'],
    remSource: ['west'],
    sourceIdle: '1h',
    maxJump: 10,
    paused: true,
  });
  assert.deepEqual(await got(), [
    ['east', 2n, false],
    ['north', null, false],
    ['south', null, false],
  ]);
  await assert.rejects(sources.advance(100, { source: 'east' }), { message: /JUMP/ });
  assert.equal(await sources.advance(100, { source: 'east', force: true }), null);
  const info = await sources.info();
  assert.deepEqual([info.sourceidle, info.maxjump, info.paused], [3_600_000, 10, 'yes']);

  const scans = t.debounce('scans');
  await scans.create({ idle: '1h', maxWait: '1d', maxItems: 5, unique: false, lease: '7s' });
  assert.equal(await scans.push('seller-1', 'x', { y: 1 }), 2);
  const found = await scans.get('seller-1');
  assert.deepEqual(
    found?.items.map(({ item }) => item),
    ['x', { y: 1 }],
  );
  assert.ok((found?.firesAt ?? 0) > (found?.items[0]?.at ?? 0));
  assert.deepEqual(
    (await scans.groups()).map(({ id, items }) => [id, items]),
    [['seller-1', 2]],
  );
  await scans.push('seller-2', 'z');
  assert.equal(await scans.cancel('seller-2'), 1);
  assert.equal(await scans.flush('seller-1'), 1);
  assert.equal(await scans.flushAll(), 0);
  await delivery(scans, 'seller-1');

  const watcher = t.expiry('watcher');
  await watcher.create({ prefix: ['order:', 'cart:'], maxValue: 100, keepEvicted: true, lease: '7s' });
  await redis('SET', 'order:1', 'books', 'EX', 100);
  await redis('SET', 'order:2', 'books', 'PX', 1);
  await until('it has expired', async () => (await watcher.info()).ready === 1);
  assert.deepEqual(
    (await watcher.tracked()).map(({ id }) => id),
    ['order:1'],
  );
  assert.deepEqual((await watcher.info()).prefixes, ['order:', 'cart:']);
  await delivery(watcher, 'order:2');

  const likes = t.tally('likes');
  await likes.create({ every: '1h', field: 'ANY', min: -5, max: 2n ** 62n, lease: '7s' });
  assert.equal(await likes.incr('v'), 1n);
  assert.deepEqual(
    await likes.mincr([
      ['v', 2n ** 62n],
      [Buffer.from('w'), -2],
    ]),
    [2n ** 62n + 1n, -2n],
  );
  assert.equal(await likes.get('v'), 2n ** 62n + 1n);
  assert.equal(await likes.seal(), 2);
  const [batch] = await likes.claim('me');
  assert.deepEqual(
    batch?.sums,
    new Map([
      ['v', 2n ** 62n + 1n],
      ['w', -2n],
    ]),
  );
  await likes.release('me');
  await delivery(likes, String(batch?.number));

  const door = t.throttle('door');
  assert.equal((await door.take(2, '60s', { cost: 2 })).allowed, true);
  const taken = await door.take(2, 60_000, { burst: 2 });
  assert.deepEqual([taken.allowed, taken.limit, taken.remaining], [false, 2, 0]);
  assert.ok(0 < (taken.retryAfter ?? 0) && (taken.retryAfter ?? 0) <= 30_000 && taken.resetAfter > 30_000);

  const all = list(await redis('COMMAND', 'LIST', 'FILTERBY', 'MODULE', 'tsgen')).map((name) => text(name).toLowerCase());
  // Commands that no client sends, and the one that the virtual clock wraps the others in.
  const internal = new Set([...readFileSync(`${DOCS}/internal.md`, 'utf8').toLowerCase().split(/\s+/), 'tsgen.at']);
  const missing = all.filter((name) => !sent.has(name) && !internal.has(name));
  assert.deepEqual(missing, [], 'commands without a call');
});

/** Every option that a type has, whether it may be left out or not. */
type All<T> = Record<keyof T, true>;

const delivered: All<options.DeliveryOptions> = {
  lease: true,
  maxDeliveries: true,
  backoff: true,
  maxBackoff: true,
  sink: true,
  sinkMaxLen: true,
  paused: true,
};
const bounded: All<options.BoundedOptions> = { ...delivered, maxLen: true };
const grouped: All<options.GroupedOptions> = { ...delivered, groupLimit: true, fair: true };
const ofTsgen: All<options.TsgenOptions> = {
  ...bounded,
  ...grouped,
  late: true,
  sourceIdle: true,
  maxJump: true,
  remember: true,
  rememberMax: true,
};
const ofDebounce: All<options.DebounceOptions> = { ...bounded, ...grouped, idle: true, maxWait: true, maxItems: true };
const ofExpiry: All<options.ExpiryOptions> = { ...grouped, keepEvicted: true, maxHeld: true };
const ofTally: All<options.TallyOptions> = { ...bounded, every: true, maxFields: true };
const tsgenCreate: All<options.TsgenCreate> = { ...ofTsgen, clock: true, sources: true };
const tsgenAlter: All<options.TsgenAlter> = { ...ofTsgen, watermark: true, source: true, addSource: true, remSource: true };
const debounceCreate: All<options.DebounceCreate> = { ...ofDebounce, unique: true };
const expiryCreate: All<options.ExpiryCreate> = { ...ofExpiry, prefix: true, maxValue: true };
const tallyCreate: All<options.TallyCreate> = { ...ofTally, field: true, min: true, max: true };

for (const [command, type] of Object.entries({
  'tsgen.create': tsgenCreate,
  'tsgen.alter': tsgenAlter,
  'debounce.create': debounceCreate,
  'debounce.alter': ofDebounce,
  'expiry.create': expiryCreate,
  'expiry.alter': ofExpiry,
  'tally.create': tallyCreate,
  'tally.alter': ofTally,
})) {
  test(`every option of ${command} has a type`, () => {
    const page = readFileSync(`${DOCS}/${command}.md`, 'utf8');
    const syntax = page.split('\n').find((line) => line.startsWith('    ')) ?? '';
    const values = new Set(['REJECT', 'UUID']);
    const words = [...syntax.matchAll(/[[| ]([A-Z]+)(?=[ \]|])/g)].map(([, word]) => String(word));
    const wanted = words.filter((word) => !values.has(word) && !['READY', 'ANY'].includes(word));
    const typed = Object.keys(type).map((name) => name.toUpperCase());
    assert.deepEqual(typed.sort(), [...new Set(wanted)].sort());
  });
}

test('a delay queue makes itself', async () => {
  const t = tsgen();
  const mails = t.delayQueue<{ to: string } | null>('mails');
  assert.equal(await mails.add('a', { to: 'ada' }, { delay: '1h' }), 'waiting');
  assert.equal(await mails.add('a', null, { delay: '1h', nx: true }), null);
  assert.equal(await mails.add('b', null, { at: new Date('2001-01-01T00:00:00Z') }), 'ready');
  assert.equal((await mails.get('b'))?.timestamp, 978307200000n);
  assert.equal(await mails.add('c', null, { at: Date.now() + 60_000 }), 'waiting');
  assert.equal(await mails.add('nightly', null, { delay: '1h', every: '1d' }), 'waiting');
  assert.equal((await mails.get('nightly'))?.every, 86_400_000);
  assert.equal((await mails.info()).gate, 'clock');
  await t.tsgen('orders').add(1, 'a');
  await assert.rejects(t.delayQueue('orders').add('a'), { message: /needs a CLOCK key/ });
});

test('errors are what the server says', async () => {
  const t = tsgen();
  await t.delayQueue('mails').add('a');
  await assert.rejects(t.debounce('mails').push('g', 'x'), (error) => {
    assert.ok(error instanceof ErrorReply);
    assert.equal(codeOf(error), 'WRONGTYPE');
    return true;
  });
  await assert.rejects(t.tsgen('mails').create(), { message: /BUSYKEY/ });
  await assert.rejects(t.delayQueue('mails').add('a', null, { delay: -1 }), RangeError);
});

test('what is not answered is told, and is not sent again', async (testing) => {
  const t = tsgen();
  testing.after(() => redis('CLIENT', 'UNPAUSE'));
  const likes = t.tally('likes');
  await likes.create({ every: '1h' });
  await redis('CLIENT', 'PAUSE', 60_000, 'WRITE');
  const lost = assert.rejects(likes.incr('v'), Unanswered);
  const isThere = async () =>
    text(await redis('CLIENT', 'LIST'))
      .toLowerCase()
      .includes('cmd=tally.incr');
  await until('it has been sent', isThere);
  t.close();
  await lost;
  await until('the server has seen that', async () => !(await isThere()));
  await redis('CLIENT', 'UNPAUSE');
  assert.equal(await likes.get('v'), 0n);
});

test('raw payloads', async () => {
  const raw = tsgen({ codec: RAW }).delayQueue<Buffer>('raw');
  await raw.add('a', Buffer.from([0xff, 0]));
  assert.deepEqual((await raw.get('a'))?.payload, Buffer.from([0xff, 0]));
  const [job] = await raw.claim('me');
  assert.ok(job instanceof Element);
  assert.deepEqual(job.payload, Buffer.from([0xff, 0]));
});
