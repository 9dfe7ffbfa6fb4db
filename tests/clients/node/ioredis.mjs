// Sends what it reads through ioredis and prints the replies; `../runner.rs` tells both formats.
//
//     node ioredis.mjs PORT 2|3 plain|pipeline|transaction|cluster [numbers]

import { Cluster, Redis } from 'ioredis';
import { serve, settled } from './neutral.mjs';

const [port, protocol, mode, integers] = process.argv.slice(2);
const options = {
  protocol: Number(protocol),
  ...(protocol === '3' ? { replyMapping: 'resp3' } : {}), // else maps are flat arrays there, too
  stringNumbers: integers !== 'numbers',
};
const client =
  mode === 'cluster' ? new Cluster([{ port: Number(port), host: '127.0.0.1' }], { redisOptions: options }) : new Redis(Number(port), options);

async function plain(batch) {
  const replies = [];
  for (const [name, ...args] of batch) replies.push(...(await settled([client.callBuffer(name.toString(), ...args)])));
  return replies;
}

async function together(chain, batch) {
  for (const [name, ...args] of batch) chain.callBuffer(name.toString(), ...args);
  return (await chain.exec()).map(([error, reply]) => error ?? reply);
}

await serve({
  plain,
  cluster: plain,
  pipeline: (batch) => together(client.pipeline(), batch),
  transaction: (batch) => together(client.multi(), batch),
}[mode]);
