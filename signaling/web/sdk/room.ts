/**
 * A room that this client is in: who is there, what they publish, and what this client publishes. It outlives lost sockets, and
 * a server that has been started anew: then it joins again and publishes the same local tracks.
 */
import { backoffMs } from './backoff.js';
import { Channels, type ChannelOptions, type DataMessage } from './channels.js';
import { Emitter } from './emitter.js';
import { BelfryError, isBelfryError } from './errors.js';
import type { Frame, Grants, Layer, LeaveReason, OfferedTrack, ParticipantInfo, RoomJoined, ServerEvents, Source } from './protocol.js';
import { Publisher } from './publisher.js';
import { QualityMeter, type RoomQuality } from './quality.js';
import type { Session } from './session.js';
import { chooseEncodings, type VideoCodec } from './simulcast.js';
import { Subscriber } from './subscriber.js';
import { LocalTrack, Participant, RemoteTrack, type ParticipantLeft } from './tracks.js';

/** Who joins which room. */
export interface JoinOptions {
  /** 1 to 64 characters of `A-Z a-z 0-9 . _ -`. */
  room: string;
  /** 1 to 64 characters. */
  name: string;
  /** A join token, or a function that gets a valid one: it is asked again when the room has to be joined anew. */
  token?: string | (() => string | Promise<string>);
}

/** How a track is published. */
export interface PublishOptions {
  /** Default: `microphone` for audio, `camera` for video. */
  source?: Source;
  /** Default: as many layers as the size allows for cameras, one for screens. */
  simulcast?: boolean;
  /** Preferred video codec. */
  codec?: VideoCodec;
  /** Publish it muted. */
  muted?: boolean;
}

/** How a data message is sent. */
export interface SendOptions extends ChannelOptions {
  /** Default `chat`. */
  label?: string;
  /** A participant's id; everyone else when absent. */
  to?: string;
}

/**
 * `joined`: all is well. `reconnecting`: the socket is away, media goes on. `rejoining`: the session was lost, media starts
 * anew. `left`: over.
 */
export type RoomState = 'joining' | 'joined' | 'reconnecting' | 'rejoining' | 'left';

/** Events of a {@link Room}. */
export interface RoomEvents {
  state: RoomState;
  'participant:joined': Participant;
  'participant:left': ParticipantLeft;
  'track:published': RemoteTrack;
  'track:unpublished': RemoteTrack;
  /** `mediaTrack` can be played now. */
  'track:subscribed': RemoteTrack;
  /** `mediaTrack` no longer carries this track. */
  'track:unsubscribed': RemoteTrack;
  'track:muted': RemoteTrack;
  'track:layer': RemoteTrack;
  'track:unsupported': RemoteTrack;
  'track:suspended': RemoteTrack;
  /** Own tracks: known to the server, under this id from now on. */
  'local:published': LocalTrack;
  /** Own tracks: no longer sent. `ended`: the device or the browser's "stop sharing" ended it. */
  'local:unpublished': { track: LocalTrack; ended: boolean };
  'local:muted': LocalTrack;
  speakers: { dominant: string | null; speaking: string[] };
  data: DataMessage;
  /** Joined again after the session was lost; participants and tracks have been brought up to date. */
  rejoined: { participantId: string };
  /** The room is over, without {@link Room.leave}. */
  closed: BelfryError;
  /** Something went wrong that the room copes with or that no call is waiting for. */
  error: unknown;
}

const CHAT = 'chat';

export class Room extends Emitter<RoomEvents> {
  /** Everyone else, by id. */
  readonly participants = new Map<string, Participant>();
  readonly name: string;
  /** Own participant id. */
  participantId = '';
  grants: Grants = { publish: false, subscribe: false, data: false };
  speakers: { dominant: string | null; speaking: string[] } = { dominant: null, speaking: [] };

  readonly #session: Session;
  readonly #options: JoinOptions;
  readonly #channels: Channels;
  readonly #publisher: Publisher;
  readonly #subscriber: Subscriber;
  readonly #meter = new QualityMeter();
  readonly #offs: (() => void)[];
  #state: RoomState = 'joining';

  /** @internal */
  constructor(session: Session, options: JoinOptions) {
    super();
    this.#session = session;
    this.#options = options;
    this.name = options.room;
    const iceServers = (): RTCIceServer[] => (session.hello?.ice_servers ?? []) as RTCIceServer[];
    const broken = (why: string): void => this.#broken(why);
    const error = (cause: unknown): void => this.emit('error', cause);
    this.#channels = new Channels((message) => this.emit('data', message));
    this.#channels.want(CHAT);
    this.#publisher = new Publisher(session, this.#channels, {
      iceServers,
      broken,
      error,
      published: (track) => this.#onLocalPublished(track),
    });
    this.#subscriber = new Subscriber(session, {
      iceServers,
      broken,
      error,
      receiving: (tracks) => this.#onReceiving(tracks),
    });
    this.#offs = [
      session.on('frame', (frame) => this.#onFrame(frame)),
      session.on('dropped', () => this.#state === 'joined' && this.#setState('reconnecting')),
      session.on('resumed', () => this.#onResumed()),
      session.on('fresh', ({ lost }) => lost && this.#onSessionLost()),
      session.on('state', (state) => state === 'closed' && this.#close()),
    ];
  }

  get state(): RoomState {
    return this.#state;
  }

  /** Own tracks that are published or about to be. */
  get localTracks(): readonly LocalTrack[] {
    return this.#publisher.tracks;
  }

  /** The peer connections, for measurements of one's own. */
  get peerConnections(): { publish: RTCPeerConnection | null; subscribe: RTCPeerConnection | null } {
    return { publish: this.#publisher.pc, subscribe: this.#subscriber.pc };
  }

  /** @internal */
  async enter(): Promise<void> {
    try {
      this.#joined(await this.#join(false));
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  /** Leave, and stop sending. The tracks given to {@link publish} are not stopped: they are the caller's. */
  async leave(): Promise<void> {
    if (this.#state === 'left') return;
    this.#close();
    if (this.#session.state !== 'open') {
      // The server finds out by itself; waiting for the network would keep a page from closing.
      this.#session.request('room:leave', {}).catch(() => undefined);
      return;
    }
    await this.#session.request('room:leave', {}).catch((error: unknown) => {
      if (!isBelfryError(error, 'not_joined', 'resume_failed', 'closed')) throw error;
    });
  }

  /** Publish a track. Resolves when the others can see it. */
  async publish(track: MediaStreamTrack, options: PublishOptions = {}): Promise<LocalTrack> {
    this.#assertIn();
    if (!this.grants.publish) throw new BelfryError('forbidden', 'this join token does not allow to publish');
    const source = options.source ?? (track.kind === 'audio' ? 'microphone' : 'camera');
    if ((track.kind === 'audio') !== (source === 'microphone' || source === 'screen_audio'))
      throw new TypeError(`a track of kind ${track.kind} cannot be published as ${source}`);
    const isVideo = track.kind === 'video';
    if (source === 'screen' && !track.contentHint) track.contentHint = 'detail'; // keep text sharp, drop frames instead
    const encodings = isVideo ? chooseEncodings(source, track.getSettings(), options.simulcast, options.codec) : [];
    const local = new LocalTrack(source, track, encodings, isVideo ? options.codec : undefined);
    local.muted = options.muted ?? false;
    track.enabled = !local.muted;
    this.#watchEnd(local, track);
    await this.#publisher.add(local);
    return local;
  }

  /** Stop sending a track. The section it used is kept for the next track of its kind. */
  async unpublish(track: LocalTrack): Promise<void> {
    if (!this.#publisher.tracks.includes(track)) return;
    const done = this.#publisher.remove(track);
    this.emit('local:unpublished', { track, ended: false });
    await done;
  }

  /**
   * Send something else in place of a published track, without negotiation: another device, or null while the camera is off.
   * Others keep the track; its layers stay as they were.
   */
  async replaceTrack(track: LocalTrack, mediaTrack: MediaStreamTrack | null): Promise<void> {
    track.mediaTrack = mediaTrack;
    if (mediaTrack) {
      mediaTrack.enabled = !track.muted;
      this.#watchEnd(track, mediaTrack);
    }
    await track.transceiver?.sender.replaceTrack(mediaTrack);
  }

  /** Mute or unmute an own track, here at once and for the others by notice. */
  async mute(track: LocalTrack, muted: boolean): Promise<void> {
    track.muted = muted;
    if (track.mediaTrack) track.mediaTrack.enabled = !muted;
    this.emit('local:muted', track);
    // Not known to the server yet, or joining anew: told as soon as it has an id.
    if (track.id === null) return;
    await this.#forgive(this.#session.request('track:mute', { track_id: track.id, muted }));
  }

  /** Which layer of a track to receive. */
  async setLayer(track: RemoteTrack, layer: Layer): Promise<void> {
    track.wantedLayer = layer;
    await this.#forgive(this.#session.request('track:layer', { track_id: track.id, layer }));
  }

  /** Stop or start receiving a track. */
  async pause(track: RemoteTrack, paused: boolean): Promise<void> {
    track.paused = paused;
    await this.#forgive(this.#session.request('track:pause', { track_id: track.id, paused }));
  }

  /**
   * Send a message over a data channel. Resolves when the browser has taken it, which waits while much is queued.
   *
   * A label other than `chat` opens a channel of its own with `ordered` and `maxRetransmits` of its first message.
   */
  async sendData(payload: string | Uint8Array, options: SendOptions = {}): Promise<void> {
    this.#assertIn();
    if (!this.grants.data) throw new BelfryError('forbidden', 'this join token does not allow to send data');
    const { label = CHAT, to, ...channel } = options;
    this.openChannel(label, channel);
    const limit = this.#session.hello?.limits.data_message_bytes ?? 262_144;
    await this.#channels.send(label, payload, to, limit, () => this.#state !== 'left');
  }

  /** Listen to data messages, of one label or of all. Returns a function that ends it. */
  onData(listener: (message: DataMessage) => void, label?: string): () => void {
    return this.on('data', (message) => {
      if (label === undefined || message.label === label) listener(message);
    });
  }

  /** Have a data channel ready before the first message. */
  openChannel(label: string, options: ChannelOptions = {}): void {
    if (this.grants.data && this.#channels.want(label, options)) this.#publisher.negotiate();
  }

  /** Force new ICE credentials and paths, as after a change of network that the browser has not noticed. */
  restartIce(): void {
    this.#publisher.restartIce();
    if (this.#subscriber.pc) this.#subscriber.restartIce();
  }

  /** What is received and sent since the call before; call it about once a second. */
  async getStats(): Promise<RoomQuality> {
    const [publishRttMs, subscribeRttMs] = await Promise.all([
      this.#meter.rttMs(this.#publisher.pc),
      this.#meter.rttMs(this.#subscriber.pc),
    ]);
    const tracks = [...this.participants.values()].flatMap((p) => [...p.tracks.values()]);
    const present = <T>(value: T | null): value is T => value !== null;
    const remote = (await Promise.all(tracks.map((track) => this.#meter.remote(track, subscribeRttMs)))).filter(present);
    const local = (await Promise.all(this.localTracks.map((track) => this.#meter.local(track)))).filter(present);
    this.#meter.sweep();
    const scores = remote.map((quality) => quality.score).filter(present);
    return {
      signalingRttMs: this.#session.rttMs,
      publishRttMs,
      subscribeRttMs,
      remote,
      local,
      score: scores.length > 0 ? Math.min(...scores) : null,
    };
  }

  #assertIn(): void {
    if (this.#state === 'left') throw new BelfryError('closed', 'the room was left');
  }

  #setState(state: RoomState): void {
    if (state === this.#state || this.#state === 'left') return;
    this.#state = state;
    this.emit('state', state);
  }

  #close(): void {
    if (this.#state === 'left') return;
    for (const off of this.#offs) off();
    this.#publisher.close();
    this.#subscriber.reset();
    this.#channels.close();
    this.#setState('left');
  }

  /** A request about a track that is lost with the session has nothing to be done about it: joining anew sets all. */
  async #forgive(request: Promise<unknown>): Promise<void> {
    try {
      await request;
    } catch (error) {
      if (!isBelfryError(error, 'resume_failed')) throw error;
    }
  }

  #watchEnd(local: LocalTrack, mediaTrack: MediaStreamTrack): void {
    mediaTrack.addEventListener('ended', () => {
      if (local.mediaTrack !== mediaTrack || !this.#publisher.tracks.includes(local)) return;
      void this.#publisher.remove(local);
      this.emit('local:unpublished', { track: local, ended: true });
    });
  }

  /** Join; with `again`, for as long as the cause is one that passes. */
  async #join(again: boolean): Promise<RoomJoined> {
    for (let attempt = 0; ; attempt++) {
      try {
        const { room, name, token } = this.#options;
        const data = { room, name };
        const jws = typeof token === 'function' ? await token() : token;
        return await this.#session.request('room:join', jws === undefined ? data : { ...data, token: jws });
      } catch (error) {
        if (this.#state === 'left') throw new BelfryError('closed', 'the room was left');
        if (isBelfryError(error, 'resume_failed')) continue; // the session changed under the request
        if (isBelfryError(error, 'already_joined')) await this.#session.request('room:leave', {}).catch(() => undefined);
        else if (!again || !isBelfryError(error, 'busy', 'rate_limited', 'internal', 'timeout')) throw error;
        await new Promise((resolve) => setTimeout(resolve, backoffMs(attempt, Math.random())));
      }
    }
  }

  #joined(answer: RoomJoined): void {
    if (this.#state === 'left') return;
    this.participantId = answer.participant_id;
    this.grants = answer.grants;
    this.#syncParticipants(answer.participants);
    this.#setState('joined');
    this.#publisher.start(this.grants.data);
  }

  #onResumed(): void {
    if (this.#state === 'reconnecting') this.#setState('joined');
    // A new socket often means a new network: do not wait for the browser to find out about the media paths.
    this.#publisher.nudge();
    this.#subscriber.nudge();
  }

  #onSessionLost(): void {
    if (this.#state === 'joined' || this.#state === 'reconnecting') void this.#rejoin(false);
  }

  #broken(why: string): void {
    if (this.#state !== 'joined' && this.#state !== 'reconnecting') return;
    this.emit('error', new BelfryError('bad_state', why));
    void this.#rejoin(true);
  }

  async #rejoin(leaveFirst: boolean): Promise<void> {
    this.#setState('rejoining');
    this.#publisher.reset();
    this.#subscriber.reset();
    for (const track of this.#remoteTracks()) this.#unbind(track);
    try {
      if (leaveFirst) await this.#session.request('room:leave', {}).catch(() => undefined);
      this.#joined(await this.#join(true));
      this.emit('rejoined', { participantId: this.participantId });
    } catch (error) {
      if ((this.#state as RoomState) === 'left') return;
      this.#close();
      this.emit('closed', error instanceof BelfryError ? error : new BelfryError('internal', String(error)));
    }
  }

  *#remoteTracks(): Generator<RemoteTrack> {
    for (const participant of this.participants.values()) yield* participant.tracks.values();
  }

  #findTrack(id: string): RemoteTrack | undefined {
    for (const track of this.#remoteTracks()) if (track.id === id) return track;
    return undefined;
  }

  /** Make the picture that of `infos`, telling listeners the differences. */
  #syncParticipants(infos: ParticipantInfo[]): void {
    const ids = new Set(infos.map((info) => info.id));
    for (const id of [...this.participants.keys()]) if (!ids.has(id)) this.#removeParticipant(id, 'gone');
    for (const info of infos) {
      if (info.id === this.participantId) continue;
      const participant = this.#addParticipant(info);
      const trackIds = new Set(info.tracks.map((track) => track.id));
      for (const track of [...participant.tracks.values()]) if (!trackIds.has(track.id)) this.#removeTrack(track);
      for (const track of info.tracks) this.#addTrack(participant, track);
    }
  }

  #addParticipant(info: ParticipantInfo): Participant {
    const known = this.participants.get(info.id);
    if (known) return known;
    const participant = new Participant(info);
    this.participants.set(info.id, participant);
    this.emit('participant:joined', participant);
    return participant;
  }

  #removeParticipant(id: string, reason: LeaveReason): void {
    const participant = this.participants.get(id);
    if (!participant) return;
    for (const track of [...participant.tracks.values()]) this.#removeTrack(track);
    this.participants.delete(id);
    this.emit('participant:left', { participant, reason });
  }

  #addTrack(participant: Participant, info: RemoteTrack | ServerEvents['track:published']['track']): void {
    const known = participant.tracks.get(info.id);
    if (!known) {
      const track = new RemoteTrack(participant, info);
      participant.tracks.set(track.id, track);
      this.emit('track:published', track);
      return;
    }
    // Still there after joining anew: the server has forgotten what this client wanted of it.
    if (known.wantedLayer !== 'auto') void this.setLayer(known, known.wantedLayer).catch((e: unknown) => this.emit('error', e));
    if (known.paused) void this.pause(known, true).catch((e: unknown) => this.emit('error', e));
    if (known.muted !== info.muted) {
      known.muted = info.muted;
      this.emit('track:muted', known);
    }
  }

  #removeTrack(track: RemoteTrack): void {
    this.#unbind(track);
    track.participant.tracks.delete(track.id);
    this.emit('track:unpublished', track);
  }

  #unbind(track: RemoteTrack): void {
    if (!track.mediaTrack) return;
    track.mediaTrack = null;
    track.transceiver = null;
    this.emit('track:unsubscribed', track);
  }

  #onReceiving(tracks: { offered: OfferedTrack; transceiver: RTCRtpTransceiver }[]): void {
    const ids = new Set(tracks.map((t) => t.offered.track_id));
    for (const track of this.#remoteTracks()) if (!ids.has(track.id)) this.#unbind(track);
    for (const { offered, transceiver } of tracks) {
      const track = this.#findTrack(offered.track_id);
      if (!track || track.transceiver === transceiver) continue;
      this.#unbind(track);
      track.transceiver = transceiver;
      track.mediaTrack = transceiver.receiver.track;
      this.emit('track:subscribed', track);
    }
  }

  #onLocalPublished(track: LocalTrack): void {
    this.emit('local:published', track);
    if (track.muted) void this.mute(track, true).catch((error: unknown) => this.emit('error', error));
  }

  readonly #handlers: { [K in keyof ServerEvents]: (data: ServerEvents[K]) => void } = {
    'participant:joined': ({ participant }) => this.#syncOne(participant),
    'participant:left': ({ participant_id, reason }) => this.#onLeft(participant_id, reason),
    'track:published': ({ participant_id, track }) => {
      const participant = this.participants.get(participant_id);
      if (participant) this.#addTrack(participant, track);
    },
    'track:unpublished': ({ track_id }) => {
      const track = this.#findTrack(track_id);
      if (track) this.#removeTrack(track);
    },
    'track:muted': ({ track_id, muted }) => this.#update(track_id, 'track:muted', (track) => (track.muted = muted)),
    'track:layer': ({ track_id, layer }) => this.#update(track_id, 'track:layer', (track) => (track.layer = layer)),
    'track:unsupported': ({ track_id }) => this.#update(track_id, 'track:unsupported', (track) => (track.unsupported = true)),
    'track:suspended': ({ track_id, suspended }) => this.#update(track_id, 'track:suspended', (track) => (track.suspended = suspended)),
    webrtc_offer: (offer) => this.#subscriber.handleOffer(offer),
    'room:speakers': (speakers) => {
      this.speakers = speakers;
      this.emit('speakers', speakers);
    },
    'pc:state': ({ pc, state }) => {
      if (state === 'closed' && this.peerConnections[pc]) this.#broken(`the server closed the ${pc} connection`);
      else if (state === 'failed' || state === 'disconnected') (pc === 'publish' ? this.#publisher : this.#subscriber).nudge();
    },
    'server:closing': ({ reason }) => this.emit('error', new BelfryError('unreachable', `the server closes: ${reason}`)),
  };

  #onFrame(frame: Frame): void {
    if (frame.type === 'error') {
      const { code, message } = frame.data as { code?: BelfryError['code']; message?: string };
      this.emit('error', new BelfryError(code ?? 'internal', message ?? 'the server reports an error'));
      return;
    }
    // Between two memberships frames of the one that ended may still come in.
    if (this.#state === 'rejoining' || this.#state === 'joining' || this.#state === 'left') return;
    const handler = this.#handlers[frame.type as keyof ServerEvents] as ((data: unknown) => void) | undefined;
    handler?.(frame.data);
  }

  #syncOne(info: ParticipantInfo): void {
    if (info.id === this.participantId) return;
    const participant = this.#addParticipant(info);
    for (const track of info.tracks) this.#addTrack(participant, track);
  }

  #onLeft(id: string, reason: LeaveReason): void {
    if (id !== this.participantId) return this.#removeParticipant(id, reason);
    if (reason !== 'replaced') return this.#broken(`the server ended this participation: ${reason}`);
    this.#close();
    this.emit('closed', new BelfryError('closed', 'someone joined in your place'));
  }

  #update(id: string, event: 'track:muted' | 'track:layer' | 'track:unsupported' | 'track:suspended', change: (track: RemoteTrack) => void): void {
    const track = this.#findTrack(id);
    if (!track) return;
    change(track);
    this.emit(event, track);
  }
}
