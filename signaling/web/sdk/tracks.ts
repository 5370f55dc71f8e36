import type { LeaveReason, ParticipantInfo, Source, TrackInfo } from './protocol.js';

/** A track of someone else. Its fields change as the server reports; read them in the listeners of the room's events. */
export class RemoteTrack {
  readonly id: string;
  readonly kind: 'audio' | 'video';
  readonly source: Source;
  /** Whose it is. */
  readonly participant: Participant;
  codec: string;
  /** How many simulcast layers there are to choose from, 1 to 3. */
  layers: number;
  muted: boolean;
  /** What to play; null until it has been negotiated. */
  mediaTrack: MediaStreamTrack | null = null;
  /** The layer that arrives, once the server has said so. */
  layer: number | null = null;
  /** What was asked for by {@link Room.setLayer}. */
  wantedLayer: 0 | 1 | 2 | 'auto' = 'auto';
  /** Stopped by {@link Room.pause}. */
  paused = false;
  /** This browser cannot decode it. */
  unsupported = false;
  /** The server is overloaded and has stopped sending it for now. */
  suspended = false;
  /** @internal */
  transceiver: RTCRtpTransceiver | null = null;

  /** @internal */
  constructor(participant: Participant, info: TrackInfo) {
    this.participant = participant;
    this.id = info.id;
    this.kind = info.kind;
    this.source = info.source;
    this.codec = info.codec;
    this.layers = info.layers;
    this.muted = info.muted;
  }
}

/** Someone else in the room. */
export class Participant {
  readonly id: string;
  readonly name: string;
  readonly tracks = new Map<string, RemoteTrack>();

  /** @internal */
  constructor(info: ParticipantInfo) {
    this.id = info.id;
    this.name = info.name;
  }

  /** The newest track of this source, if there is one. */
  track(source: Source): RemoteTrack | undefined {
    let found: RemoteTrack | undefined;
    for (const track of this.tracks.values()) if (track.source === source) found = track;
    return found;
  }
}

/** A track of one's own that is published, or about to be. It survives reconnects; its `id` may change then. */
export class LocalTrack {
  readonly source: Source;
  readonly kind: 'audio' | 'video';
  /** The server's id; null until the first answer. */
  id: string | null = null;
  muted = false;
  /** How many simulcast layers are sent. */
  readonly layers: number;
  /** What is sent; null while {@link Room.replaceTrack} has taken it away. */
  mediaTrack: MediaStreamTrack | null;
  /** @internal */
  readonly encodings: RTCRtpEncodingParameters[];
  /** @internal */
  readonly codec: string | undefined;
  /** @internal */
  transceiver: RTCRtpTransceiver | null = null;

  /** @internal */
  constructor(source: Source, track: MediaStreamTrack, encodings: RTCRtpEncodingParameters[], codec?: string) {
    this.source = source;
    this.kind = track.kind as 'audio' | 'video';
    this.mediaTrack = track;
    this.encodings = encodings;
    this.layers = Math.max(1, encodings.length);
    this.codec = codec;
  }
}

/** What a `participant:left` event says. */
export interface ParticipantLeft {
  participant: Participant;
  reason: LeaveReason;
}
