// Sends what it reads through node-redis and prints the replies; `../runner.rs` tells both formats.
//
//     node node-redis.mjs PORT 2|3 plain|pipeline|transaction|cluster [numbers]

import { createClient, createCluster, RESP_TYPES } from 'redis';
import { serve, settled } from './neutral.mjs';

const [port, protocol, mode, integers] = process.argv.slice(2);
const typeMapping = {
  [RESP_TYPES.BLOB_STRING]: Buffer,
  [RESP_TYPES.SIMPLE_STRING]: Buffer,
  [RESP_TYPES.MAP]: Map,
  ...(integers === 'numbers' ? {} : { [RESP_TYPES.NUMBER]: String }),
};
const options = { RESP: Number(protocol), commandOptions: { typeMapping } };

async function connect() {
  if (mode === 'cluster') return createCluster({ ...options, rootNodes: [{ url: `redis://127.0.0.1:${port}` }] }).connect();
  return createClient({ ...options, socket: { port: Number(port) } }).connect();
}

const client = await connect();
const send = {
  async plain(batch) {
    const replies = [];
    for (const words of batch) replies.push(...(await settled([client.sendCommand(words)])));
    return replies;
  },
  // What is sent in one turn of the loop is one pipeline.
  pipeline: (batch) => settled(batch.map((words) => client.sendCommand(words))),
  // Not by multi(), whose replies are text and Numbers, whatever the client has been told.
  async transaction(batch) {
    const sent = [['MULTI'], ...batch, ['EXEC']].map((words) => client.sendCommand(words));
    return (await Promise.all(sent)).pop();
  },
  async cluster(batch) {
    const replies = [];
    for (const words of batch) replies.push(...(await settled([client.sendCommand(words[1], false, words)])));
    return replies;
  },
};
await serve(send[mode]);
