/**
 * The publish connection: this client offers, the server answers.
 *
 * One offer is under way at a time. Whatever changes meanwhile is gathered and goes into the next one, which always states
 * the whole picture.
 */
import type { Channels } from './channels.js';
import { BelfryError, isBelfryError } from './errors.js';
import { IceWatch } from './icewatch.js';
import type { Session } from './session.js';
import { preferCodec, type VideoCodec } from './simulcast.js';
import type { LocalTrack } from './tracks.js';

/** @internal */
export interface PublisherHooks {
  iceServers(): RTCIceServer[];
  published(track: LocalTrack): void;
  /** The connection cannot be mended by an offer: join anew. */
  broken(why: string): void;
  error(error: unknown): void;
}

/** The server asked to come back later with an offer. */
const RETRY_MS = 1_000;

interface Waiter {
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** @internal */
export class Publisher {
  pc: RTCPeerConnection | null = null;
  readonly tracks: LocalTrack[] = [];

  readonly #session: Session;
  readonly #channels: Channels;
  readonly #hooks: PublisherHooks;
  /** Sections whose end the server has confirmed: free for another track of the same shape. */
  #free: { transceiver: RTCRtpTransceiver; shape: string }[] = [];
  /** Sections that the next offer ends. */
  #ending: { transceiver: RTCRtpTransceiver; shape: string }[] = [];
  /** What the offer under way carries apart from tracks; goes back in line if it is refused. */
  #underway: { ending: { transceiver: RTCRtpTransceiver; shape: string }[]; iceRestart: boolean } | null = null;
  #waiters = new Map<LocalTrack, Waiter>();
  /** Those waiting for the offers now due to be through. */
  #settled: (() => void)[] = [];
  #generation = 0;
  #active = false;
  #dirty = false;
  #running = false;
  #restartIce = false;
  #candidates: RTCPeerConnectionIceEvent['candidate'][] = [];
  #mayTrickle = false;
  #watch: IceWatch | null = null;

  constructor(session: Session, channels: Channels, hooks: PublisherHooks) {
    this.#session = session;
    this.#channels = channels;
    this.#hooks = hooks;
  }

  /** The room is joined: publish what there is. `withData`: open a connection even without tracks. */
  start(withData: boolean): void {
    this.#active = true;
    if (withData || this.tracks.length > 0) this.negotiate();
  }

  /** Close the connection and keep the tracks for {@link start}. */
  reset(): void {
    this.#generation++;
    this.#active = false;
    this.#dirty = false;
    this.#running = false;
    this.#restartIce = false;
    this.#underway = null;
    this.#watch?.stop();
    this.#watch = null;
    this.#channels.attach(null);
    this.pc?.close();
    this.pc = null;
    this.#free = [];
    this.#ending = [];
    this.#candidates = [];
    this.#mayTrickle = false;
    for (const track of this.tracks) {
      track.transceiver = null;
      track.id = null;
    }
    this.#resolveSettled();
  }

  /** Close for good. */
  close(): void {
    this.reset();
    for (const waiter of this.#waiters.values()) waiter.reject(new BelfryError('closed', 'the room was left'));
    this.#waiters.clear();
    this.tracks.length = 0;
  }

  /** Resolves when the server knows the track, also when that takes a reconnect. */
  add(track: LocalTrack): Promise<void> {
    this.tracks.push(track);
    return new Promise((resolve, reject) => {
      this.#waiters.set(track, { resolve, reject });
      this.negotiate();
    });
  }

  /** Resolves when the server has been told, or the connection is gone anyway. */
  async remove(track: LocalTrack): Promise<void> {
    const index = this.tracks.indexOf(track);
    if (index < 0) return;
    this.tracks.splice(index, 1);
    this.#waiters.get(track)?.reject(new BelfryError('closed', 'the track was taken back'));
    this.#waiters.delete(track);
    this.#retire(track);
    if (!this.#active) return;
    const settled = new Promise<void>((resolve) => this.#settled.push(resolve));
    this.negotiate();
    await settled;
  }

  /** Have an offer made soon, with everything that changes in this turn of the event loop. */
  negotiate(): void {
    if (!this.#active) return;
    this.#dirty = true;
    if (this.#running) return;
    this.#running = true;
    const generation = this.#generation;
    setTimeout(() => void this.#run(generation), 0);
  }

  restartIce(): void {
    if (!this.pc) return;
    this.#restartIce = true;
    this.negotiate();
  }

  /** See {@link IceWatch.nudge}. */
  nudge(): void {
    this.#watch?.nudge();
  }

  async #run(generation: number): Promise<void> {
    while (this.#dirty && generation === this.#generation) {
      this.#dirty = false;
      try {
        await this.#offer(generation);
      } catch (error) {
        if (generation === this.#generation) await this.#offerFailed(error, generation);
      }
    }
    if (generation !== this.#generation) return;
    this.#running = false;
    this.#resolveSettled();
  }

  #resolveSettled(): void {
    const settled = this.#settled;
    this.#settled = [];
    for (const resolve of settled) resolve();
  }

  async #offer(generation: number): Promise<void> {
    const pc = this.#ensurePc();
    for (const track of this.tracks) if (!track.transceiver) this.#attach(pc, track);
    const offered = [...this.tracks];
    const underway = { ending: this.#ending, iceRestart: this.#restartIce };
    this.#underway = underway;
    this.#ending = [];
    this.#restartIce = false;
    this.#mayTrickle = false;
    if (underway.iceRestart) pc.setConfiguration(this.#configuration());
    await pc.setLocalDescription(await pc.createOffer({ iceRestart: underway.iceRestart }));
    if (generation !== this.#generation) return;
    const tracks = offered.flatMap((track) => {
      const mid = track.transceiver?.mid;
      return mid == null || track.transceiver?.direction !== 'sendonly' ? [] : [{ mid, source: track.source }];
    });
    const request = this.#session.request('webrtc_offer', { pc: 'publish', sdp: pc.localDescription?.sdp ?? '', tracks });
    this.#mayTrickle = true; // the server reads the offer before any candidate
    this.#flushCandidates();
    const answer = await request;
    if (generation !== this.#generation) return;
    await pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
    if (generation !== this.#generation) return;
    this.#underway = null;
    this.#free.push(...underway.ending);
    for (const { mid, track_id } of answer.tracks) {
      const track = offered.find((t) => t.transceiver?.mid === mid);
      if (track) this.#publishedAs(track, track_id);
    }
  }

  #publishedAs(track: LocalTrack, id: string): void {
    const isNew = track.id !== id;
    track.id = id;
    if (!this.tracks.includes(track)) return; // unpublished while the offer was under way; the next offer ends it
    this.#waiters.get(track)?.resolve();
    this.#waiters.delete(track);
    if (isNew) this.#hooks.published(track);
  }

  /** Go back to the last agreed state. Tracks that were new in the refused offer are dropped, unless it is to be tried again. */
  async #offerFailed(error: unknown, generation: number): Promise<void> {
    if (isBelfryError(error, 'resume_failed', 'closed')) return; // the room joins anew, or was left
    this.#hooks.error(error);
    try {
      if (this.pc?.signalingState === 'have-local-offer') await this.pc.setLocalDescription({ type: 'rollback' });
    } catch {
      return this.#hooks.broken('the publish connection cannot go back');
    }
    if (generation !== this.#generation) return;
    this.#ending.push(...(this.#underway?.ending ?? []));
    this.#restartIce ||= this.#underway?.iceRestart ?? false;
    this.#underway = null;
    if (isBelfryError(error, 'busy', 'rate_limited')) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      this.#dirty ||= generation === this.#generation;
      return;
    }
    const refused = this.tracks.filter((track) => track.id === null);
    for (const track of refused) {
      this.tracks.splice(this.tracks.indexOf(track), 1);
      this.#retire(track);
      this.#waiters.get(track)?.reject(error);
      this.#waiters.delete(track);
    }
    // An offer without anything new was refused: it was a restart or an ending, which has to get through.
    if (refused.length === 0) this.#hooks.broken('the server refused an offer');
  }

  /** With the TURN credentials of now. */
  #configuration(): RTCConfiguration {
    return { iceServers: this.#hooks.iceServers(), bundlePolicy: 'max-bundle' };
  }

  #ensurePc(): RTCPeerConnection {
    if (this.pc) return this.pc;
    const pc = new RTCPeerConnection(this.#configuration());
    this.pc = pc;
    this.#channels.attach(pc);
    pc.addEventListener('icecandidate', (event) => {
      if (event.candidate?.candidate === '') return; // end of one generation; null ends them all
      this.#candidates.push(event.candidate);
      this.#flushCandidates();
    });
    this.#watch = new IceWatch(pc, {
      canSignal: () => this.#session.state === 'open',
      restart: () => this.restartIce(),
      giveUp: () => this.#hooks.broken('the publish connection failed'),
    });
    return pc;
  }

  #flushCandidates(): void {
    if (!this.#mayTrickle) return;
    for (const candidate of this.#candidates.splice(0)) {
      const data = candidate
        ? { pc: 'publish' as const, candidate: candidate.candidate, mid: candidate.sdpMid ?? '0' }
        : { pc: 'publish' as const, candidate: null };
      // The server finds a path without our candidates too, so a refused one costs nothing.
      this.#session.request('ice_candidate', data).catch(() => undefined);
    }
  }

  /** Give the track a section: a free one of the same shape, else a new one. */
  #attach(pc: RTCPeerConnection, track: LocalTrack): void {
    const shape = shapeOf(track);
    const index = this.#free.findIndex((free) => free.shape === shape);
    const free = index >= 0 ? this.#free.splice(index, 1)[0] : undefined;
    if (free) {
      track.transceiver = free.transceiver;
      free.transceiver.direction = 'sendonly';
      void free.transceiver.sender.replaceTrack(track.mediaTrack).catch((error: unknown) => this.#hooks.error(error));
      return;
    }
    const init: RTCRtpTransceiverInit = { direction: 'sendonly' };
    if (track.kind === 'video' && track.encodings.length > 0) init.sendEncodings = track.encodings;
    track.transceiver = pc.addTransceiver(track.mediaTrack ?? track.kind, init);
    if (track.codec) this.#setCodec(track.transceiver, track.codec as VideoCodec);
  }

  #setCodec(transceiver: RTCRtpTransceiver, codec: VideoCodec): void {
    const codecs = preferCodec(RTCRtpSender.getCapabilities('video')?.codecs ?? [], codec);
    try {
      if (codecs) transceiver.setCodecPreferences(codecs);
    } catch (error) {
      this.#hooks.error(error); // the browser's own order still works
    }
  }

  #retire(track: LocalTrack): void {
    const transceiver = track.transceiver;
    track.transceiver = null;
    track.id = null;
    if (!transceiver || !this.pc) return;
    void transceiver.sender.replaceTrack(null).catch(() => undefined);
    transceiver.direction = 'inactive';
    this.#ending.push({ transceiver, shape: shapeOf(track) });
  }
}

/** What a section keeps for life: its kind, its layers and its codec order. */
function shapeOf(track: LocalTrack): string {
  const layers = track.encodings.map((e) => `${e.rid ?? ''}/${e.scaleResolutionDownBy ?? 1}/${e.maxBitrate ?? 0}`);
  return [track.kind, track.codec ?? '', ...layers].join(' ');
}
