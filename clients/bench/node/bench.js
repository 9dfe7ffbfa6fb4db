// One contender in Node: `bench.js <name>`. docs/benchmarks.md tells what is measured; the last line printed is the result, JSON.
import { performance } from 'node:perf_hooks';

const url = process.env.REDIS_URL;
const [jobs, timed, delayed] = ['JOBS', 'TIMED', 'DELAYED'].map((name) => Number(process.env[name]));
const concurrency = 50;
const delayMs = 1000;
const gapMs = 20;
const now = () => performance.timeOrigin + performance.now();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const contenders = {
  async tsgen(handle) {
    const { Tsgen, Worker } = await import('tsgen');
    const t = new Tsgen(url);
    const queue = t.delayQueue('bench');
    await queue.create({ clock: true });
    let count = 0;
    let running;
    return {
      add: (due, delay = 0) => queue.add(String(count++), due, { delay }),
      work() {
        new Worker(t, 'bench', async (job) => handle(job.payload), { concurrency });
        running = t.run();
      },
      async close() {
        t.stop();
        await running;
      },
    };
  },
  async bullmq(handle) {
    const { Queue, Worker } = await import('bullmq');
    const { hostname: host, port } = new URL(url);
    const connection = { host, port: Number(port), maxRetriesPerRequest: null };
    const queue = new Queue('bench', { connection, defaultJobOptions: { removeOnComplete: true } });
    let worker;
    return {
      add: (due, delay = 0) => queue.add('job', due, { delay }),
      work() {
        worker = new Worker('bench', async (job) => handle(job.data), { connection, concurrency });
      },
      async close() {
        await worker.close();
        await queue.close();
      },
    };
  },
};

const lateness = [];
const times = [];
const contender = await contenders[process.argv[2]]((due) => {
  const at = now();
  times.push(at);
  lateness.push(at - due);
});
const handled = async (count) => {
  while (times.length < count) await sleep(5);
};

await contender.add(now());
const began = performance.now();
await Promise.all(
  Array.from({ length: concurrency }, async () => {
    for (let n = 0; n < jobs / concurrency; n++) await contender.add(0);
  }),
);
const result = { adds: (jobs / (performance.now() - began)) * 1000 };

contender.work();
await handled(jobs + 1);
result.handled = (jobs / (times.at(-1) - times[0])) * 1000;

for (const [name, count, delay] of [
  ['', timed, 0],
  ['delayed_', delayed, delayMs],
]) {
  times.length = lateness.length = 0;
  const start = performance.now();
  const added = [];
  for (let n = 0; n < count; n++) {
    await sleep(Math.max(0, start + n * gapMs - performance.now()));
    added.push(contender.add(now() + delay, delay));
  }
  await Promise.all(added);
  await handled(count);
  lateness.sort((a, b) => a - b);
  result[`${name}p50`] = lateness[Math.floor(count / 2)];
  result[`${name}p99`] = lateness[Math.floor(count * 0.99)];
}
await contender.close();
console.log(JSON.stringify(result));
process.exit(0);
