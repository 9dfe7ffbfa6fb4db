/**
 * One connection of node-redis, or one to each node of a cluster, that never repeats a command by itself and never connects again.
 *
 * node-redis would do both; but a CLAIM that is sent twice leases twice, and an INCR counts twice. What may be repeated is repeated by who
 * knows that, on a new wire.
 */

import { createClient, createCluster, RESP_TYPES, type RedisArgument, type RedisClientOptions } from 'redis';
import { Unanswered } from './errors.js';

/** How long the server may take to answer a command that does not wait, in ms. */
export const TIMEOUT = 5_000;

/** What node-redis decodes: integers as text, so that they are exact; strings as bytes. */
export type Decoded = null | string | Buffer | Decoded[];

export interface Wire {
  /** One command about this key; undefined where it is about none. */
  send(key: string | undefined, args: RedisArgument[]): Promise<Decoded>;
  /** Commands about this key in MULTI. Throws the first error that one of them has. */
  transact(key: string, lines: RedisArgument[][]): Promise<void>;
  /** Whatever waits for a reply is rejected. */
  destroy(): void;
  /** Called once it is of no more use. */
  onEnd?: () => void;
}

const COMMON = {
  // In RESP2 a reply has the same shape from all servers.
  RESP: 2,
  disableOfflineQueue: true,
  commandOptions: {
    // The time-out of node-redis is for what has not been sent. Ours is for what has not been answered.
    timeout: undefined,
    typeMapping: { [RESP_TYPES.NUMBER]: String, [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.SIMPLE_STRING]: Buffer },
  },
} as const;

const SOCKET = { reconnectStrategy: false, connectTimeout: TIMEOUT } as const;

/** Connects, and gives up after TIMEOUT: a server that hangs accepts connections, and does not answer. */
export async function dial(url: string): Promise<Wire> {
  const [, scheme, login = '', hosts = '', path = ''] = /^(sentinel|cluster):\/\/(?:([^@]*)@)?([^/]+)\/?(.*)$/.exec(url) ?? [];
  const [username, password] = login.split(':').map(decodeURIComponent);
  const auth = login ? { username: username || 'default', password: password ?? '' } : {};
  const addresses = hosts.split(',').map((host) => {
    const [, name, port] = /^(.*?)(?::(\d+))?$/.exec(host) ?? [];
    // [::1]:7 is an address with a port.
    return { host: name?.replace(/^\[(.*)\]$/, '$1') || 'localhost', port: Number(port ?? (scheme === 'cluster' ? 6379 : 26379)) };
  });
  if (scheme === 'cluster') return await dialCluster(addresses, auth);
  if (scheme !== 'sentinel') return await dialServer({ url, socket: { ...SOCKET } });
  const [name = '', database = '0'] = path.split('/');
  const master = await findMaster(addresses, name);
  const wire = await dialServer({ ...auth, database: Number(database), socket: { ...SOCKET, ...master } });
  const role = await wire.send(undefined, ['ROLE']);
  if (String(Array.isArray(role) ? role[0] : role) === 'master') return wire;
  wire.destroy();
  throw new Unanswered(`the Sentinels name a master, ${master.host}:${master.port}, that is none yet`);
}

async function dialServer(options: RedisClientOptions): Promise<Wire> {
  const client = createClient({ ...options, ...COMMON });
  const wire: Wire = {
    send: (_, args) => client.sendCommand(args) as Promise<unknown> as Promise<Decoded>,
    async transact(_, lines) {
      const multi = client.multi();
      for (const line of lines) multi.addCommand(line);
      await firstError(multi.exec());
    },
    destroy: () => quietly(() => client.destroy()),
  };
  client.on('error', () => wire.onEnd?.());
  await within(client.connect(), wire);
  return wire;
}

async function dialCluster(addresses: { host: string; port: number }[], auth: object): Promise<Wire> {
  const cluster = createCluster({
    rootNodes: addresses.map((address) => ({ socket: { ...SOCKET, ...address } })),
    defaults: { ...auth, disableOfflineQueue: true, socket: { ...SOCKET } },
    // Most workers need one node of many.
    minimizeConnections: true,
    RESP: 2,
    commandOptions: COMMON.commandOptions,
  });
  const wire: Wire = {
    send: (key, args) => cluster.sendCommand(key, false, args) as Promise<unknown> as Promise<Decoded>,
    async transact(key, lines) {
      const multi = cluster.multi(key);
      for (const line of lines) multi.addCommand(key, false, line);
      await firstError(multi.exec());
    },
    destroy: () => quietly(() => cluster.destroy()),
  };
  // A node that is gone may be nobody's master now: the next wire asks again who is.
  cluster.on('error', () => wire.onEnd?.());
  cluster.on('node-error', () => wire.onEnd?.());
  await within(cluster.connect(), wire);
  return wire;
}

/** Whom most recently the first Sentinel that answers has for the master. */
async function findMaster(addresses: { host: string; port: number }[], name: string): Promise<{ host: string; port: number }> {
  let last: unknown;
  for (const address of addresses) {
    try {
      const wire = await dialServer({ socket: { ...SOCKET, connectTimeout: TIMEOUT / 5, ...address } });
      try {
        const reply = await late(wire.send(undefined, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name]), TIMEOUT / 5);
        if (Array.isArray(reply)) return { host: String(reply[0]), port: Number(reply[1]) };
        last = new Error(`the Sentinels know no master of the name ${name}`);
      } finally {
        wire.destroy();
      }
    } catch (error) {
      last = error;
    }
  }
  throw new Unanswered('no Sentinel tells who the master is', { cause: last });
}

/** Rejects if it takes too long. */
export async function late<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Unanswered(`no reply within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

async function within(connected: Promise<unknown>, wire: Wire): Promise<void> {
  try {
    await late(connected, TIMEOUT);
  } catch (error) {
    wire.destroy();
    throw error;
  }
}

async function firstError(exec: Promise<unknown>): Promise<void> {
  try {
    await exec;
  } catch (error) {
    const replies: unknown[] = error instanceof Error && 'replies' in error && Array.isArray(error.replies) ? error.replies : [];
    throw replies.find((reply) => reply instanceof Error) ?? error;
  }
}

/** node-redis throws when what is closed is closed again. */
function quietly(close: () => void): void {
  try {
    close();
  } catch {
    // It is closed.
  }
}
