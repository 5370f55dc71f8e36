/**
 * One signaling session: a WebSocket that is replaced when it breaks, with the session behind it resumed.
 *
 * States: connecting -> open <-> waiting -> closed. "open" means requests go out at once; in every other state but closed they wait.
 */
import { backoffMs, type BackoffOptions } from './backoff.js';
import { Emitter } from './emitter.js';
import { BelfryError, type ErrorCode } from './errors.js';
import { parseFrame, type Frame, type Hello, type Requests, type RequestType } from './protocol.js';

/** The part of a WebSocket that a session uses. */
export interface SocketLike {
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/** Clock, chance and network, so that tests can stand in for them. */
export interface SessionEnv {
  now(): number;
  random(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
  openSocket(url: string): SocketLike;
}

export interface SessionOptions {
  url: string;
  backoff?: BackoffOptions;
  /** How often the round trip is measured and the socket is checked, in milliseconds. */
  heartbeatMs?: number;
  /** How long a request may stay unanswered on a working socket, in milliseconds. */
  requestTimeoutMs?: number;
  env?: SessionEnv;
}

/** State of the connection to the server. */
export type ConnectionState = 'connecting' | 'open' | 'waiting' | 'closed';

export interface SessionEvents {
  state: ConnectionState;
  /** A new session began. `lost`: there was another before, which the server no longer knows. */
  fresh: { hello: Hello; lost: boolean };
  /** The session continues on a new socket. */
  resumed: { replayed: number };
  frame: Frame;
  rtt: number;
  /** The socket is gone; the next attempt comes after `retryMs`. */
  dropped: { code: number; reason: string; retryMs: number };
}

type TimerName = 'retry' | 'hello' | 'beat' | 'pong';

interface Pending {
  readonly id: string;
  readonly text: string;
  readonly resolve: (data: never) => void;
  readonly reject: (error: BelfryError) => void;
  /** Either until it has taken too long, or until it is sent again. */
  timer: unknown;
  /** How often it was refused because there were too many at once. */
  refusals: number;
}

/** No greeting within this time: the socket leads nowhere (a proxy that accepts and keeps silent). */
const HELLO_TIMEOUT_MS = 10_000;
/** No pong within this time: the path is dead, although the socket has not noticed. */
const PONG_TIMEOUT_MS = 8_000;
/** A session whose socket ends this often right after resuming is given up: one of its frames is what breaks it. */
const BARREN_RESUMES = 3;

/** A request refused as `rate_limited` was not run and may be sent again under its id, after this long, then twice, ... */
const RATE_PAUSE_MS = 500;
const REFUSALS_MAX = 4;

const browserEnv: SessionEnv = {
  now: () => performance.now(),
  random: () => Math.random(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  openSocket: (url) => new WebSocket(url) as unknown as SocketLike,
};

/** @internal */
export class Session extends Emitter<SessionEvents> {
  /** The greeting of the newest session; null before the first. */
  hello: Hello | null = null;
  /** Last measured round trip to the server, in milliseconds. */
  rttMs: number | null = null;

  readonly #url: string;
  readonly #options: SessionOptions;
  readonly #env: SessionEnv;

  #state: ConnectionState = 'connecting';
  #socket: SocketLike | null = null;
  /** The greeting on this socket, until it is settled whether the old session continues. */
  #greeting: { hello: Hello; seq: number } | null = null;
  #resumeId: string | null = null;
  #token: string | null = null;
  #lastSeq = 0;
  #nextId = 1;
  #pending = new Map<string, Pending>();
  #attempt = 0;
  #barrenResumes = 0;
  #closingDelayMs: number | null = null;
  #timers: Partial<Record<TimerName, unknown>> = {};
  #ping: { id: string; sentAt: number } | null = null;

  constructor(options: SessionOptions) {
    super();
    this.#url = options.url;
    this.#options = options;
    this.#env = options.env ?? browserEnv;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Open the first socket. */
  start(): void {
    this.#connect();
  }

  /** End the session for good. Requests without an answer are rejected. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#setState('closed');
    this.#clearTimers();
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      socket.onclose = socket.onmessage = null;
      socket.close(1000);
    }
    this.#rejectPending('closed', 'the connection was closed');
  }

  /** Do not wait for the next attempt: the network is back, or the page is visible again. */
  retryNow(): void {
    if (this.#state !== 'waiting') return;
    this.#clear('retry');
    this.#connect();
  }

  /** Break the socket and resume: for a path that is known to be dead. */
  reconnect(): void {
    if (this.#socket) this.#drop(4001, 'reconnect');
  }

  /**
   * Send a request and wait for its answer, across reconnects.
   *
   * Rejects with the server's error, or `resume_failed` when the session was lost meanwhile, `timeout`, `too_large`, `closed`.
   */
  request<T extends RequestType>(type: T, data: Requests[T]['data']): Promise<Requests[T]['answer']> {
    if (this.#state === 'closed') return Promise.reject(new BelfryError('closed', 'the connection is closed'));
    const id = this.#newId();
    const text = this.#encode(type, id, data);
    const limit = this.hello?.limits.message_bytes ?? 65_536;
    if (new TextEncoder().encode(text).length > limit)
      return Promise.reject(new BelfryError('too_large', `${type} is larger than the ${limit} bytes the server takes`));
    return new Promise((resolve, reject) => {
      const pending: Pending = { id, text, resolve: resolve as (data: never) => void, reject, timer: null, refusals: 0 };
      this.#pending.set(id, pending);
      if (this.#state === 'open') this.#sendPending(pending);
    });
  }

  #newId(): string {
    return String(this.#nextId++);
  }

  #encode(type: string, id: string, data: object): string {
    return JSON.stringify({ type, id, ts: Date.now(), data });
  }

  #setState(state: ConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.emit('state', state);
  }

  #clear(name: TimerName): void {
    if (this.#timers[name] !== undefined) this.#env.clearTimeout(this.#timers[name]);
    delete this.#timers[name];
  }

  #clearTimers(): void {
    for (const name of ['retry', 'hello', 'beat', 'pong'] as const) this.#clear(name);
    for (const pending of this.#pending.values()) this.#disarm(pending);
  }

  #connect(): void {
    this.#greeting = null;
    this.#resumeId = null;
    this.#setState('connecting');
    const socket = this.#env.openSocket(this.#url);
    this.#socket = socket;
    socket.onmessage = (event) => {
      if (socket === this.#socket && typeof event.data === 'string') this.#onText(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#onDropped(event.code, event.reason);
    };
    this.#timers.hello = this.#env.setTimeout(() => this.#drop(4001, 'no greeting'), HELLO_TIMEOUT_MS);
  }

  /** Give the socket up without waiting for its closing handshake, which a dead path never ends. */
  #drop(code: number, reason: string): void {
    const socket = this.#socket;
    if (!socket) return;
    socket.onclose = socket.onmessage = null;
    socket.close(code, reason);
    this.#onDropped(code, reason);
  }

  #onDropped(code: number, reason: string): void {
    this.#socket = null;
    this.#clearTimers();
    this.#ping = null;
    if (this.#barrenResumes >= BARREN_RESUMES) {
      this.#barrenResumes = 0;
      this.#token = null;
    }
    const backoff = backoffMs(this.#attempt++, this.#env.random(), this.#options.backoff);
    const retryMs = Math.max(backoff, this.#closingDelayMs ?? 0);
    this.#closingDelayMs = null;
    this.#setState('waiting');
    this.#timers.retry = this.#env.setTimeout(() => this.#connect(), retryMs);
    this.emit('dropped', { code, reason, retryMs });
  }

  #onText(text: string): void {
    const frame = parseFrame(text);
    if (!frame) return;
    if (frame.type === 'connection_established') return this.#onGreeting(frame);
    if (this.#resumeId !== null && frame.id === this.#resumeId) return this.#onResumeAnswer(frame);
    if (!this.#isNew(frame)) return;
    this.#barrenResumes = 0;
    if (frame.id !== undefined && this.#settle(frame)) return;
    if (frame.type === 'server:closing') this.#onServerClosing(frame);
    this.emit('frame', frame);
  }

  #onGreeting(frame: Frame): void {
    const hello = frame.data as unknown as Hello;
    this.#clear('hello');
    this.#greeting = { hello, seq: frame.seq ?? 0 };
    if (this.#token === null) return this.#begin(false);
    this.#resumeId = this.#newId();
    const data = { token: this.#token, last_seq: this.#lastSeq };
    this.#socket?.send(this.#encode('connection:resume', this.#resumeId, data));
    this.#timers.hello = this.#env.setTimeout(() => this.#drop(4001, 'no answer to resume'), HELLO_TIMEOUT_MS);
  }

  #onResumeAnswer(frame: Frame): void {
    this.#clear('hello');
    this.#resumeId = null;
    if (frame.type !== 'connection:resumed') return this.#begin(true);
    // Its place in the order is not that of the replayed frames behind it, so it does not move lastSeq.
    this.#attempt = 0;
    this.#barrenResumes++;
    // Of the new greeting only what may have changed meanwhile: credentials of TURN servers expire.
    if (this.hello && this.#greeting) this.hello = { ...this.hello, ice_servers: this.#greeting.hello.ice_servers };
    this.#open();
    this.emit('resumed', { replayed: Number(frame.data['replayed'] ?? 0) });
  }

  /** Take the session that came with this socket. */
  #begin(lost: boolean): void {
    const greeting = this.#greeting;
    if (!greeting) return;
    const had = lost || this.hello !== null;
    this.hello = greeting.hello;
    this.#token = greeting.hello.resume_token;
    this.#lastSeq = greeting.seq;
    this.#attempt = 0;
    if (had) this.#rejectPending('resume_failed', 'the server has forgotten the session');
    this.#open();
    this.emit('fresh', { hello: greeting.hello, lost: had });
  }

  #open(): void {
    this.#setState('open');
    for (const pending of this.#pending.values()) this.#sendPending(pending);
    this.#beat();
  }

  /** Frames that were replayed although they had arrived are dropped here: each is seen once. */
  #isNew(frame: Frame): boolean {
    if (frame.seq === undefined) return true;
    if (frame.seq <= this.#lastSeq) return false;
    this.#lastSeq = frame.seq;
    return true;
  }

  #sendPending(pending: Pending): void {
    this.#socket?.send(pending.text);
    const ms = this.#options.requestTimeoutMs ?? 20_000;
    pending.timer = this.#env.setTimeout(() => {
      this.#pending.delete(pending.id);
      pending.reject(new BelfryError('timeout', `no answer within ${ms / 1000} s`));
    }, ms);
  }

  #disarm(pending: Pending): void {
    if (pending.timer !== null) this.#env.clearTimeout(pending.timer);
    pending.timer = null;
  }

  /** Hand an answer to whoever asked; false when nobody did. */
  #settle(frame: Frame): boolean {
    if (this.#ping && frame.id === this.#ping.id) {
      this.rttMs = Math.round(this.#env.now() - this.#ping.sentAt);
      this.#ping = null;
      this.#clear('pong');
      this.emit('rtt', this.rttMs);
      return true;
    }
    const pending = this.#pending.get(frame.id as string);
    if (!pending) return false;
    if (frame.type === 'error' && frame.data['code'] === 'rate_limited' && pending.refusals++ < REFUSALS_MAX) {
      this.#disarm(pending);
      pending.timer = this.#env.setTimeout(() => this.#sendPending(pending), RATE_PAUSE_MS * pending.refusals);
      return true;
    }
    this.#pending.delete(pending.id);
    this.#disarm(pending);
    if (frame.type === 'error') {
      const { code, message } = frame.data;
      pending.reject(new BelfryError((code as ErrorCode | undefined) ?? 'internal', String(message ?? code)));
    } else {
      pending.resolve(frame.data as never);
    }
    return true;
  }

  #onServerClosing(frame: Frame): void {
    const ms = Number(frame.data['reconnect_ms'] ?? 0);
    // Spread over a quarter more, for a server that is just back should not meet everyone in one moment.
    this.#closingDelayMs = Number.isFinite(ms) ? Math.min(60_000, ms * (1 + this.#env.random() / 4)) : null;
  }

  #rejectPending(code: ErrorCode, message: string): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of all) {
      this.#disarm(pending);
      pending.reject(new BelfryError(code, message));
    }
  }

  /** A ping belongs to its socket, so it is not kept for sending again as requests are. */
  #beat(): void {
    this.#clear('beat');
    const id = this.#newId();
    this.#ping = { id, sentAt: this.#env.now() };
    this.#socket?.send(this.#encode('ping', id, {}));
    this.#timers.pong = this.#env.setTimeout(() => this.#drop(4001, 'no pong'), PONG_TIMEOUT_MS);
    this.#timers.beat = this.#env.setTimeout(() => this.#beat(), Math.max(this.#options.heartbeatMs ?? 10_000, PONG_TIMEOUT_MS + 1));
  }
}
