// The server under test: started as people start it, stopped by its process id.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './wait.mjs';

// How tests/variants.cmake may have the server run: the setting, and what the line of each media thread then says.
const VARIANTS = { BELFRY_MEDIA_IO: 'io', BELFRY_MEDIA_SRTP_ENGINE: 'srtp', BELFRY_MEDIA_GSO: 'gso' };

/** A variant that is not in force would prove nothing. */
function checkVariant(log, args) {
  const workers = log.split('\n').filter((line) => line.includes('event="media worker" '));
  if (workers.length === 0) throw new Error('no line of a media worker');
  for (const [name, field] of Object.entries(VARIANTS))
    for (const line of workers)
      if (process.env[name] && !line.includes(` ${field}=${process.env[name]}`)) throw new Error(`not ${name}=${process.env[name]}: ${line}`);
  const count = Number(process.env.BELFRY_MEDIA_WORKERS ?? workers.length);
  if (workers.length !== count && !args.some((arg) => arg.startsWith('--media.workers='))) throw new Error(`${workers.length} media workers, not ${count}`);
}

const READY = /event="?listening"? .*url=(\S+)/;

export class Server {
  log = '';
  url = '';
  #child = null;
  #args;

  constructor(args) {
    this.folder = mkdtempSync(join(tmpdir(), 'belfry-data-'));
    this.#args = [`--storage.folder=${this.folder}`, ...args];
  }

  /** Start, or start again on the same port. */
  async start() {
    const listen = this.url ? new URL(this.url).host : '127.0.0.1:0';
    const child = spawn(process.env.BELFRY, ['run', `--http.listen=${listen}`, ...this.#args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    let fresh = '';
    const take = (chunk) => {
      fresh += chunk;
      this.log += chunk;
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    await until('the server listens', () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${fresh}`);
      return READY.test(fresh);
    });
    this.url = READY.exec(fresh)[1];
    checkVariant(fresh, this.#args);
  }

  /** End it and wait. `signal` SIGKILL: without a goodbye. */
  async stop(signal = 'SIGTERM') {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  async metrics() {
    return (await fetch(`${this.url}/metrics`)).text();
  }

  /** The same of what only shows when people are in a room: what the kernel made of trains, and that the room is on several threads. */
  async runsAsVariant() {
    const { BELFRY_MEDIA_GSO: gso, BELFRY_MEDIA_SPREAD: spread } = process.env;
    await until('the variant is in force', async () => {
      const text = await this.metrics();
      const each = (name) => [...text.matchAll(new RegExp(`^${name}\\{worker="\\d+"\\} (\\d+)$`, 'gm'))].map((found) => Number(found[1]));
      const [trains, people] = [each('belfry_udp_gso'), each('belfry_media_participants')];
      if (trains.length === 0 || people.length !== trains.length) throw new Error('no metrics of media workers');
      return (
        (!gso || trains.every((is) => is === (gso === 'off' ? 0 : 1))) &&
        (spread !== 'round-robin' || people.length === 1 || people.filter((count) => count > 0).length > 1)
      );
    });
  }
}

/** Start a server with `args` on a free port of 127.0.0.1. It is stopped when the test ends; its log is in build/e2e. */
export async function startServer(t, ...args) {
  const server = new Server(['--log.level=debug', ...args]);
  t.after(async () => {
    await server.stop();
    rmSync(server.folder, { recursive: true });
    const name = t.name.replace(/[^A-Za-z0-9]+/g, '-');
    writeFileSync(new URL(`../../../build/e2e/${name}.log`, import.meta.url), server.log);
  });
  await server.start();
  return server;
}
