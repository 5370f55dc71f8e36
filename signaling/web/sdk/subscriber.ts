/**
 * The subscribe connection: the server offers, this client answers, one offer after the other.
 */
import { isBelfryError } from './errors.js';
import { IceWatch } from './icewatch.js';
import type { OfferedTrack, ServerEvents } from './protocol.js';
import type { Session } from './session.js';

/** @internal */
export interface SubscriberHooks {
  iceServers(): RTCIceServer[];
  /** What arrives after an offer has been applied: the whole picture. */
  receiving(tracks: { offered: OfferedTrack; transceiver: RTCRtpTransceiver }[]): void;
  broken(why: string): void;
  error(error: unknown): void;
}

/** @internal */
export class Subscriber {
  pc: RTCPeerConnection | null = null;

  readonly #session: Session;
  readonly #hooks: SubscriberHooks;
  #queue: Promise<void> = Promise.resolve();
  #generation = 0;
  #watch: IceWatch | null = null;

  constructor(session: Session, hooks: SubscriberHooks) {
    this.#session = session;
    this.#hooks = hooks;
  }

  reset(): void {
    this.#generation++;
    this.#watch?.stop();
    this.#watch = null;
    this.pc?.close();
    this.pc = null;
    this.#queue = Promise.resolve();
  }

  handleOffer(offer: ServerEvents['webrtc_offer']): void {
    const generation = this.#generation;
    this.#queue = this.#queue.then(() => this.#answer(offer, generation));
  }

  /** Ask the server for an offer with new credentials. */
  restartIce(): void {
    this.pc?.setConfiguration(this.#configuration());
    this.#session.request('ice_restart', { pc: 'subscribe' }).catch((error: unknown) => this.#hooks.error(error));
  }

  /** See {@link IceWatch.nudge}. */
  nudge(): void {
    this.#watch?.nudge();
  }

  async #answer(offer: ServerEvents['webrtc_offer'], generation: number): Promise<void> {
    if (generation !== this.#generation) return;
    const pc = this.#ensurePc();
    try {
      await pc.setRemoteDescription({ type: 'offer', sdp: offer.sdp });
      await pc.setLocalDescription(await pc.createAnswer());
      if (generation !== this.#generation) return;
      this.#bind(pc, offer.tracks);
      // Not awaited: the next offer may be on its way although the answer's "ok" is not.
      this.#session
        .request('webrtc_answer', { pc: 'subscribe', sdp: pc.localDescription?.sdp ?? '' })
        .catch((error: unknown) => this.#answerFailed(error, generation));
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#hooks.error(error);
      this.#hooks.broken('an offer of the server could not be applied');
    }
  }

  #answerFailed(error: unknown, generation: number): void {
    if (generation !== this.#generation || isBelfryError(error, 'resume_failed', 'closed')) return;
    this.#hooks.error(error);
  }

  #bind(pc: RTCPeerConnection, offered: OfferedTrack[]): void {
    const transceivers = new Map(pc.getTransceivers().map((t) => [t.mid, t]));
    const tracks = offered.flatMap((track) => {
      const transceiver = transceivers.get(track.mid);
      return transceiver ? [{ offered: track, transceiver }] : [];
    });
    this.#hooks.receiving(tracks);
  }

  /** With the TURN credentials of now. */
  #configuration(): RTCConfiguration {
    return { iceServers: this.#hooks.iceServers(), bundlePolicy: 'max-bundle' };
  }

  #ensurePc(): RTCPeerConnection {
    if (this.pc) return this.pc;
    const pc = new RTCPeerConnection(this.#configuration());
    this.pc = pc;
    pc.addEventListener('icecandidate', (event) => {
      if (event.candidate?.candidate === '') return;
      const data = event.candidate
        ? { pc: 'subscribe' as const, candidate: event.candidate.candidate, mid: event.candidate.sdpMid ?? '0' }
        : { pc: 'subscribe' as const, candidate: null };
      this.#session.request('ice_candidate', data).catch(() => undefined);
    });
    this.#watch = new IceWatch(pc, {
      canSignal: () => this.#session.state === 'open',
      restart: () => this.restartIce(),
      giveUp: () => this.#hooks.broken('the subscribe connection failed'),
    });
    return pc;
  }
}
