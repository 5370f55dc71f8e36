/**
 * The signaling messages of `signaling/PROTOCOL.md` as types. Nothing here runs.
 */

/** What a track shows or carries. */
export type Source = 'camera' | 'microphone' | 'screen' | 'screen_audio';

/** Which of a client's two peer connections. */
export type PcName = 'publish' | 'subscribe';

/** A simulcast layer to receive: 0 is the lowest; `"auto"` the highest there is. */
export type Layer = 0 | 1 | 2 | 'auto';

/** A published track as the server describes it. */
export interface TrackInfo {
  id: string;
  kind: 'audio' | 'video';
  source: Source;
  codec: string;
  /** 1 to 3. */
  layers: number;
  muted: boolean;
}

/** A participant as the server describes it. */
export interface ParticipantInfo {
  id: string;
  name: string;
  tracks: TrackInfo[];
}

/** What the join token allows. */
export interface Grants {
  publish: boolean;
  subscribe: boolean;
  data: boolean;
}

/** An entry of `ice_servers`. */
export interface IceServerInfo {
  urls: string | string[];
  username?: string;
  credential?: string;
}

/** The first frame of every socket. */
export interface Hello {
  connection_id: string;
  resume_token: string;
  server: { name: string; version: string };
  auth: 'open' | 'token';
  ice_servers: IceServerInfo[];
  limits: { message_bytes: number; data_message_bytes: number; room_participants: number };
  ping_interval_ms: number;
}

/** One section of a subscribe offer. */
export interface OfferedTrack {
  mid: string;
  track_id: string;
  participant_id: string;
  kind: 'audio' | 'video';
  source: Source;
}

export interface RoomJoined {
  room: string;
  participant_id: string;
  grants: Grants;
  participants: ParticipantInfo[];
}

/** Requests: what is sent and what the answer carries. */
export interface Requests {
  'room:join': { data: { room: string; name: string; token?: string }; answer: RoomJoined };
  'room:leave': { data: Record<string, never>; answer: { room: string } };
  webrtc_offer: {
    data: { pc: 'publish'; sdp: string; tracks: { mid: string; source: Source }[] };
    answer: { pc: 'publish'; sdp: string; tracks: { mid: string; track_id: string }[] };
  };
  webrtc_answer: { data: { pc: 'subscribe'; sdp: string }; answer: Record<string, never> };
  ice_candidate: {
    data: { pc: PcName; candidate: string | null; mid?: string };
    answer: Record<string, never>;
  };
  ice_restart: { data: { pc: 'subscribe' }; answer: Record<string, never> };
  'track:mute': { data: { track_id: string; muted: boolean }; answer: Record<string, never> };
  'track:layer': { data: { track_id: string; layer: Layer }; answer: Record<string, never> };
  'track:pause': { data: { track_id: string; paused: boolean }; answer: Record<string, never> };
  ping: { data: Record<string, never>; answer: Record<string, never> };
}

export type RequestType = keyof Requests;

/** Frames the server sends on its own. */
export interface ServerEvents {
  'participant:joined': { participant: ParticipantInfo };
  'participant:left': { participant_id: string; reason: LeaveReason };
  'track:published': { participant_id: string; track: TrackInfo };
  'track:unpublished': { participant_id: string; track_id: string };
  'track:muted': { participant_id: string; track_id: string; muted: boolean };
  'track:layer': { track_id: string; layer: number };
  'track:unsupported': { track_id: string; codec: string };
  'track:suspended': { track_id: string; suspended: boolean };
  webrtc_offer: { pc: 'subscribe'; sdp: string; tracks: OfferedTrack[] };
  'room:speakers': { dominant: string | null; speaking: string[] };
  'pc:state': { pc: PcName; state: 'connected' | 'disconnected' | 'failed' | 'closed' };
  'server:closing': { reason: string; reconnect_ms: number };
}

/** Why a participant is gone. `gone`: found missing after this client had to join anew. */
export type LeaveReason = 'left' | 'timeout' | 'replaced' | 'failed' | 'gone';

/** Any frame, as read from the socket. */
export interface Frame {
  type: string;
  id?: string;
  ts?: number;
  seq?: number;
  data: Record<string, unknown>;
}

/**
 * Read one text frame.
 *
 * @returns the frame, or null when the text is not a JSON object with a `type`.
 */
export function parseFrame(text: string): Frame | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { type, id, ts, seq, data } = value as Record<string, unknown>;
  if (typeof type !== 'string') return null;
  const frame: Frame = { type, data: isObject(data) ? data : {} };
  if (typeof id === 'string') frame.id = id;
  if (typeof ts === 'number') frame.ts = ts;
  if (typeof seq === 'number') frame.seq = seq;
  return frame;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
