import type { BackoffOptions } from './backoff.js';
import { Emitter } from './emitter.js';
import { BelfryError } from './errors.js';
import type { Hello } from './protocol.js';
import { Room, type JoinOptions } from './room.js';
import { Session, type ConnectionState, type SessionEnv } from './session.js';

/** Where and how to connect. */
export interface ConnectOptions {
  /** `ws:`, `wss:`, `http:` or `https:`; without a path `/ws` is used. Default: the server of the page. */
  url?: string | URL;
  backoff?: BackoffOptions;
  /** Default 10 000. */
  heartbeatMs?: number;
  /** How long the first connection may take before {@link connect} rejects, in milliseconds. Default 15 000. */
  connectTimeoutMs?: number;
  /** @internal */
  env?: SessionEnv;
}

/** Events of a {@link Client}. */
export interface ClientEvents {
  state: ConnectionState;
  /** The socket is gone; the next attempt comes after `retryMs`. */
  dropped: { code: number; reason: string; retryMs: number };
  /** The server still knew the session. */
  resumed: { replayed: number };
  /** The server no longer knew the session; rooms join anew. */
  lost: Hello;
  rtt: number;
}

/** A connection to a server, kept up until {@link Client.close}. */
export class Client extends Emitter<ClientEvents> {
  readonly #session: Session;
  readonly #onOnline = (): void => this.#session.retryNow();
  #room: Room | null = null;

  /** @internal */
  constructor(session: Session) {
    super();
    this.#session = session;
    session.on('state', (state) => this.emit('state', state));
    session.on('dropped', (drop) => this.emit('dropped', drop));
    session.on('resumed', (resumed) => this.emit('resumed', resumed));
    session.on('fresh', ({ hello, lost }) => lost && this.emit('lost', hello));
    session.on('rtt', (rtt) => this.emit('rtt', rtt));
    globalThis.addEventListener?.('online', this.#onOnline);
  }

  get state(): ConnectionState {
    return this.#session.state;
  }

  /** The server's greeting: its version, limits, and whether it wants join tokens. */
  get hello(): Hello {
    return this.#session.hello as Hello;
  }

  /** Last measured round trip of signaling, in milliseconds. */
  get rttMs(): number | null {
    return this.#session.rttMs;
  }

  /** The room that was joined last and not left. */
  get room(): Room | null {
    return this.#room?.state === 'left' ? null : this.#room;
  }

  /** Join a room. A client is in one room at a time: leave it before joining another. */
  async join(options: JoinOptions): Promise<Room> {
    if (this.room) throw new BelfryError('already_joined', `already in the room "${this.room.name}"`);
    const room = new Room(this.#session, options);
    this.#room = room;
    await room.enter();
    return room;
  }

  /** Try to connect now, when the next attempt is still some time away. */
  retryNow(): void {
    this.#session.retryNow();
  }

  /** Break the socket and resume the session on a new one. */
  reconnect(): void {
    this.#session.reconnect();
  }

  /** Leave the room and close the connection. */
  async close(): Promise<void> {
    globalThis.removeEventListener?.('online', this.#onOnline);
    await this.room?.leave().catch(() => undefined);
    this.#session.close();
  }
}

/** The WebSocket address for what the caller gave. */
export function socketUrl(url: string | URL | undefined, base: string | undefined): string {
  const result = new URL(url ?? '/ws', base);
  if (result.protocol === 'http:') result.protocol = 'ws:';
  if (result.protocol === 'https:') result.protocol = 'wss:';
  if (result.protocol !== 'ws:' && result.protocol !== 'wss:') throw new TypeError(`cannot connect to ${result.href}`);
  if (result.pathname === '/') result.pathname = '/ws';
  result.hash = '';
  return result.href;
}

/**
 * Connect to a server.
 *
 * @example
 * ```ts
 * const client = await connect({ url: 'https://calls.example.org' });
 * const room = await client.join({ room: 'demo', name: 'Ada' });
 * room.on('track:subscribed', (track) => play(track.mediaTrack));
 * const [camera] = (await navigator.mediaDevices.getUserMedia({ video: true })).getTracks();
 * await room.publish(camera);
 * ```
 */
export function connect(options: ConnectOptions = {}): Promise<Client> {
  const session = new Session({
    url: socketUrl(options.url, globalThis.location?.href),
    ...(options.backoff && { backoff: options.backoff }),
    ...(options.heartbeatMs && { heartbeatMs: options.heartbeatMs }),
    ...(options.env && { env: options.env }),
  });
  return new Promise((resolve, reject) => {
    const timeout = setTimeout(() => {
      session.close();
      reject(new BelfryError('unreachable', 'the server does not answer'));
    }, options.connectTimeoutMs ?? 15_000);
    session.once('fresh', () => {
      clearTimeout(timeout);
      resolve(new Client(session));
    });
    session.start();
  });
}
