/**
 * The 17 ASCII characters in front of every data channel message:
 *
 *     | '*' or '>' | 16 hex digits: receiver (to the server) or sender (from it), zeros for '*' |
 */

const HEADER_LENGTH = 17;
const EVERYONE = '0'.repeat(16);
const ID = /^[0-9a-f]{16}$/;

/** A message taken apart. */
export interface DataHeader {
  /** The sender's participant id. */
  from: string;
  /** Sent to this client alone, not to the room. */
  direct: boolean;
}

/**
 * Put the header in front of a payload. Text stays text and bytes stay bytes, as the receiver's side depends on it.
 *
 * @param to - a participant's id; everyone else in the room when absent
 */
export function packData(payload: string | Uint8Array, to?: string): string | Uint8Array<ArrayBuffer> {
  if (to !== undefined && !ID.test(to)) throw new TypeError(`not a participant id: ${to}`);
  const header = to === undefined ? `*${EVERYONE}` : `>${to}`;
  if (typeof payload === 'string') return header + payload;
  const bytes = new Uint8Array(HEADER_LENGTH + payload.length);
  for (let i = 0; i < HEADER_LENGTH; i++) bytes[i] = header.charCodeAt(i);
  bytes.set(payload, HEADER_LENGTH);
  return bytes;
}

/** Take a received message apart; null when it has no valid header. */
export function unpackData(
  message: string | ArrayBuffer,
): { header: DataHeader; payload: string | Uint8Array<ArrayBuffer> } | null {
  const text =
    typeof message === 'string'
      ? message.slice(0, HEADER_LENGTH)
      : String.fromCharCode(...new Uint8Array(message.slice(0, HEADER_LENGTH)));
  const mark = text[0];
  const from = text.slice(1);
  if ((mark !== '*' && mark !== '>') || !ID.test(from)) return null;
  const payload = typeof message === 'string' ? message.slice(HEADER_LENGTH) : new Uint8Array(message.slice(HEADER_LENGTH));
  return { header: { from, direct: mark === '>' }, payload };
}

/** How many bytes a packed message takes on the wire. */
export function packedBytes(message: string | Uint8Array): number {
  return typeof message === 'string' ? new TextEncoder().encode(message).length : message.length;
}
