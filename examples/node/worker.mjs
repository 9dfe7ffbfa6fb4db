// A worker for any key of tsgen: claims an entry, works on it, acknowledges it, and goes on.
//
//     REDIS_URL=redis://localhost:6379 node worker.mjs TSGEN orders worker-1

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createClient } from 'redis';

const BLOCK_MS = 20_000;

const { positionals, values } = options();
const [family, key, consumer] = positionals; // no other worker may have the name of this consumer
const leaseMs = Number(values['lease-ms']);
if (!consumer) usage();

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        'lease-ms': { type: 'string', default: '30000' }, // how soon another worker takes over if this one dies
        'work-ms': { type: 'string', default: '100' }, // how long this example's work takes
      },
    });
  } catch {
    return usage();
  }
}

function usage() {
  console.error('usage: node worker.mjs FAMILY KEY CONSUMER [--lease-ms 30000] [--work-ms 100]');
  process.exit(2);
}

// Your work goes here. An exception hands the entry back, to be tried again after the key's BACKOFF.
//
// `entry` is what follows token and delivery count: TSGEN id, timestamp, payload; DEBOUNCE group, reason, items; and so on.
// Work may be done twice, for a worker can die just before its ACK. The token, which rises with each delivery of an entry,
// tells a database which of two writers is late.
async function work(entry) {
  await sleep(Number(values['work-ms']));
}

// One connection is enough, for a worker does not claim while it works. Its timeout is longer than a CLAIM waits in the server;
// it notices a server that vanished without a word.
function connection(options = {}) {
  const client = createClient({
    url: process.env.REDIS_URL ?? 'redis://localhost:6379',
    // What is sent while there is no connection fails, and is tried again below, once there is one.
    disableOfflineQueue: true,
    socket: { socketTimeout: BLOCK_MS + 10_000, connectTimeout: 5_000, ...options },
  });
  client.on('error', (error) => log(`redis: ${error.message}`));
  return client;
}

const log = (text) => console.log(new Date().toISOString(), text);

const send = (client, command, ...args) => client.sendCommand([`${family}.${command}`, key, ...args.map(String)]);

// Sends a command until it is answered: Redis may restart or fail over. For CLAIM, ACK and NACK, which may be repeated.
async function insist(client, ...command) {
  for (let pause = 50; ; pause = Math.min(pause * 2, 2_000)) {
    try {
      return await send(client, ...command);
    } catch (error) {
      if (!client.isOpen) throw error; // we have closed it ourselves, below
      // Another type under this name, no permission, no such family, or no module: that will not be better the next time.
      if (/^(WRONGTYPE|NOPERM|ERR unknown command)/.test(error.message)) throw error;
      log(`${command[0]}: ${error.message}; trying again in ${pause} ms`);
      await sleep(pause);
    }
  }
}

async function processEntry(client, [token, deliveries, ...entry]) {
  log(`claimed token=${token} deliveries=${deliveries} ${JSON.stringify(entry)}`);
  // The lease is kept while the work goes on, however long that is.
  const extending = setInterval(async () => {
    try {
      if (!(await send(client, 'EXTEND', leaseMs, token))) log(`token=${token} is not ours any more`);
    } catch (error) {
      log(`EXTEND: ${error.message}`);
    }
  }, leaseMs / 3);
  try {
    await work(entry);
  } catch (error) {
    log(`failed token=${token} ${error.stack}`);
    await insist(client, 'NACK', token, 'REASON', String(error));
    return;
  } finally {
    clearInterval(extending);
  }
  const isSettled = await insist(client, 'ACK', token);
  log(`done token=${token}${isSettled ? '' : ' too late: another worker has got it'}`);
}

const client = connection();

// What is still in hand is ready again at once, and not only when the lease ends. The connection that may be waiting in CLAIM
// is closed first, so that nothing is handed to it after that.
async function stop() {
  client.destroy();
  try {
    const other = await connection({ reconnectStrategy: false }).connect();
    log(`released ${await send(other, 'RELEASE', consumer)}`);
  } catch (error) {
    log(`nothing released: ${error.message}`);
  }
  process.exit(0);
}
process.once('SIGTERM', stop);
process.once('SIGINT', stop);

try {
  await client.connect();
  log(`waiting for entries of ${family} ${key}`);
  for (;;) {
    for (const entry of await insist(client, 'CLAIM', consumer, 'LEASE', leaseMs, 'BLOCK', BLOCK_MS)) {
      await processEntry(client, entry);
    }
  }
} catch (error) {
  if (client.isOpen) throw error;
}
