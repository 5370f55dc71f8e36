import { packData, packedBytes, unpackData, type DataHeader } from './datamessage.js';
import { BelfryError } from './errors.js';

/** How a data channel delivers. Both fields absent: in order and reliably. */
export interface ChannelOptions {
  ordered?: boolean;
  maxRetransmits?: number;
}

/** A message from a data channel. */
export interface DataMessage extends DataHeader {
  label: string;
  /** Text when it was sent as text, else bytes. */
  payload: string | Uint8Array;
}

/** Sending pauses above this and goes on below half of it, so that a big transfer does not sit in the browser's memory. */
const BUFFER_HIGH_BYTES = 1 << 20;
const OPEN_TIMEOUT_MS = 20_000;

/**
 * The data channels of a publish connection, by label. They are opened again on every new connection.
 *
 * @internal
 */
export class Channels {
  readonly #wanted = new Map<string, RTCDataChannelInit>();
  #open = new Map<string, RTCDataChannel>();
  #pc: RTCPeerConnection | null = null;
  #waiters = new Set<() => void>();
  readonly #onMessage: (message: DataMessage) => void;

  constructor(onMessage: (message: DataMessage) => void) {
    this.#onMessage = onMessage;
  }

  /** Use this label from now on. True when a channel was created for it. */
  want(label: string, options: ChannelOptions = {}): boolean {
    if (this.#wanted.has(label)) return false;
    this.#wanted.set(label, { ordered: options.ordered ?? true, ...options });
    if (!this.#pc || this.#open.has(label)) return false;
    this.#adopt(this.#pc.createDataChannel(label, this.#wanted.get(label)));
    return true;
  }

  /** Open all channels on a new connection; null: there is none any more. */
  attach(pc: RTCPeerConnection | null): void {
    this.#pc = pc;
    this.#open = new Map();
    if (!pc) return;
    for (const [label, init] of this.#wanted) this.#adopt(pc.createDataChannel(label, init));
    pc.addEventListener('datachannel', (event) => this.#adopt(event.channel));
  }

  /** Nothing waits any longer: the room is left. */
  close(): void {
    this.attach(null);
    this.#wake();
  }

  /** Resolves once the browser has taken the message. */
  async send(label: string, payload: string | Uint8Array, to: string | undefined, limit: number, alive: () => boolean): Promise<void> {
    const message = packData(payload, to);
    const bytes = packedBytes(message);
    if (bytes > limit) throw new BelfryError('too_large', `a message of ${bytes} bytes is above the limit of ${limit}`);
    const deadline = Date.now() + OPEN_TIMEOUT_MS;
    for (;;) {
      if (!alive()) throw new BelfryError('closed', 'the room was left');
      const channel = this.#open.get(label);
      if (channel?.readyState === 'open' && channel.bufferedAmount < BUFFER_HIGH_BYTES) {
        if (typeof message === 'string') channel.send(message);
        else channel.send(message as Uint8Array<ArrayBuffer>);
        return;
      }
      if (Date.now() > deadline) throw new BelfryError('timeout', `the data channel "${label}" did not open`);
      await this.#change(deadline - Date.now());
    }
  }

  #adopt(channel: RTCDataChannel): void {
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = BUFFER_HIGH_BYTES / 2;
    channel.onopen = channel.onclose = channel.onbufferedamountlow = () => this.#wake();
    channel.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      const unpacked = unpackData(event.data);
      if (unpacked) this.#onMessage({ label: channel.label, payload: unpacked.payload, ...unpacked.header });
    };
    if (this.#open.get(channel.label)?.readyState !== 'open') this.#open.set(channel.label, channel);
  }

  #wake(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter();
  }

  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, ms));
      this.#waiters.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
