/**
 * How good a track looks and sounds, from what `getStats` counts.
 *
 * Score, 5 (clean) to 1 (unusable): 5 less
 *   - loss: 0.4 for each percent of lost packets, at most 2;
 *   - delay: (rtt + 2 * jitter - 150 ms) / 350 ms, between 0 and 1;
 *   - video: 4 times the share of time frozen, at most 2; and for cameras (15 - fps) / 15 below 15 frames a second, at most 1;
 *   - audio: 0.2 for each percent of concealed sound, at most 2;
 * not below 1, rounded to a tenth. A muted or paused track has no score.
 */
import type { LocalTrack, RemoteTrack } from './tracks.js';

/** What is measured of a received track since the measurement before. */
export interface TrackQuality {
  track: RemoteTrack;
  codec: string;
  /** Video only. */
  width: number | undefined;
  height: number | undefined;
  fps: number | undefined;
  freezes: number | undefined;
  /** Share of the interval that the picture stood still, 0 to 1. */
  frozen: number | undefined;
  framesDecoded: number | undefined;
  /** Audio only: 0 to 1. */
  audioLevel: number | undefined;
  /** Audio only: share of sound that was made up, 0 to 1. */
  concealed: number | undefined;
  bitrateBps: number;
  /** Share of packets lost, 0 to 1. */
  loss: number;
  jitterMs: number;
  rttMs: number | undefined;
  layer: number | null;
  /** 1 to 5; null when nothing is due to arrive. */
  score: number | null;
}

/** One layer of a track that is sent. */
export interface SentLayer {
  rid: string;
  codec: string;
  width: number | undefined;
  height: number | undefined;
  fps: number | undefined;
  bitrateBps: number;
  /** Share of packets the server reports lost, 0 to 1. */
  loss: number;
  /** `bandwidth`, `cpu` or `none`, where the browser tells. */
  limitedBy: string | undefined;
}

/** What is measured of a sent track. */
export interface LocalQuality {
  track: LocalTrack;
  layers: SentLayer[];
}

/** The answer of {@link Room.getStats}. */
export interface RoomQuality {
  /** Round trip of signaling. */
  signalingRttMs: number | null;
  /** Round trip of media, sending and receiving. */
  publishRttMs: number | undefined;
  subscribeRttMs: number | undefined;
  remote: TrackQuality[];
  local: LocalQuality[];
  /** The lowest score of the received tracks; null when there is none. */
  score: number | null;
}

/** What {@link scoreOf} looks at; fields that are absent cost nothing. */
export interface ScoreInput {
  kind: 'audio' | 'video';
  isScreen: boolean;
  loss: number;
  jitterMs: number;
  rttMs?: number | undefined;
  fps?: number | undefined;
  frozen?: number | undefined;
  concealed?: number | undefined;
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/** The score described at the top of this file. */
export function scoreOf(input: ScoreInput): number {
  let score = 5;
  score -= clamp(input.loss * 100 * 0.4, 0, 2);
  score -= clamp(((input.rttMs ?? 0) + 2 * input.jitterMs - 150) / 350, 0, 1);
  if (input.kind === 'video') {
    score -= clamp((input.frozen ?? 0) * 4, 0, 2);
    if (!input.isScreen && input.fps !== undefined) score -= clamp((15 - input.fps) / 15, 0, 1);
  } else {
    score -= clamp((input.concealed ?? 0) * 100 * 0.2, 0, 2);
  }
  return Math.round(clamp(score, 1, 5) * 10) / 10;
}

/** The parts of RTCStats reports used here; browsers leave out what they do not have. */
interface Report {
  id: string;
  type: string;
  timestamp: number;
  [key: string]: unknown;
}

interface Counters {
  at: number;
  bytes: number;
  received: number;
  lost: number;
  freezeSeconds: number;
  frames: number;
  concealed: number;
  samples: number;
}

const num = (value: unknown): number => (typeof value === 'number' ? value : 0);
const optional = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

function codecName(reports: Map<string, Report>, id: unknown): string {
  const mime = reports.get(String(id))?.['mimeType'];
  return typeof mime === 'string' ? (mime.split('/')[1] ?? '') : '';
}

function all(stats: RTCStatsReport): Map<string, Report> {
  const reports = new Map<string, Report>();
  stats.forEach((report: Report) => reports.set(report.id, report));
  return reports;
}

function ofType(reports: Map<string, Report>, type: string): Report[] {
  return [...reports.values()].filter((report) => report.type === type);
}

/** Keeps the counters of the measurement before, so that rates can be told.  @internal */
export class QualityMeter {
  #before = new Map<string, Counters>();
  #seen = new Set<string>();

  /** Forget the tracks that were not measured since the last call. */
  sweep(): void {
    for (const key of this.#before.keys()) if (!this.#seen.has(key)) this.#before.delete(key);
    this.#seen.clear();
  }

  async rttMs(pc: RTCPeerConnection | null): Promise<number | undefined> {
    if (!pc || pc.connectionState === 'closed') return undefined;
    const reports = all(await pc.getStats());
    const selected = ofType(reports, 'transport')[0]?.['selectedCandidatePairId'];
    const pairs = ofType(reports, 'candidate-pair');
    const pair = pairs.find((p) => p.id === selected) ?? pairs.find((p) => p['nominated'] === true && p['state'] === 'succeeded');
    const seconds = optional(pair?.['currentRoundTripTime']);
    return seconds === undefined ? undefined : Math.round(seconds * 1000);
  }

  async remote(track: RemoteTrack, rttMs: number | undefined): Promise<TrackQuality | null> {
    if (!track.transceiver) return null;
    const reports = all(await track.transceiver.receiver.getStats());
    const inbound = ofType(reports, 'inbound-rtp')[0];
    if (!inbound) return null;
    const now = countersOf(inbound);
    const before = this.#swap(`${track.id}/${inbound['ssrc'] as number}`, now);
    const seconds = Math.max(0.001, (now.at - before.at) / 1000);
    const received = Math.max(0, now.received - before.received);
    const lost = Math.max(0, now.lost - before.lost);
    const isVideo = track.kind === 'video';
    const quality: TrackQuality = {
      track,
      codec: codecName(reports, inbound['codecId']) || track.codec,
      width: optional(inbound['frameWidth']),
      height: optional(inbound['frameHeight']),
      fps: isVideo ? (optional(inbound['framesPerSecond']) ?? (now.frames - before.frames) / seconds) : undefined,
      freezes: optional(inbound['freezeCount']),
      frozen: isVideo ? clamp((now.freezeSeconds - before.freezeSeconds) / seconds, 0, 1) : undefined,
      framesDecoded: optional(inbound['framesDecoded']),
      audioLevel: optional(inbound['audioLevel']),
      concealed: isVideo || now.samples <= before.samples ? undefined : (now.concealed - before.concealed) / (now.samples - before.samples),
      bitrateBps: (Math.max(0, now.bytes - before.bytes) * 8) / seconds,
      loss: received + lost > 0 ? lost / (received + lost) : 0,
      jitterMs: Math.round(num(inbound['jitter']) * 1000),
      rttMs,
      layer: track.layer,
      score: null,
    };
    if (!track.muted && !track.paused && !track.unsupported && !track.suspended)
      quality.score = scoreOf({ kind: track.kind, isScreen: track.source === 'screen', ...quality });
    return quality;
  }

  async local(track: LocalTrack): Promise<LocalQuality | null> {
    if (!track.transceiver) return null;
    const reports = all(await track.transceiver.sender.getStats());
    const layers = ofType(reports, 'outbound-rtp').map((outbound): SentLayer => {
      const now = { ...countersOf(outbound), bytes: num(outbound['bytesSent']) };
      const before = this.#swap(`${track.source}/${outbound['ssrc'] as number}`, now);
      const seconds = Math.max(0.001, (now.at - before.at) / 1000);
      const heard = ofType(reports, 'remote-inbound-rtp').find((r) => r['ssrc'] === outbound['ssrc']);
      const limitedBy = outbound['qualityLimitationReason'];
      return {
        rid: typeof outbound['rid'] === 'string' ? outbound['rid'] : '',
        codec: codecName(reports, outbound['codecId']),
        width: optional(outbound['frameWidth']),
        height: optional(outbound['frameHeight']),
        fps: optional(outbound['framesPerSecond']),
        bitrateBps: (Math.max(0, now.bytes - before.bytes) * 8) / seconds,
        loss: clamp(num(heard?.['fractionLost']), 0, 1),
        limitedBy: typeof limitedBy === 'string' ? limitedBy : undefined,
      };
    });
    return { track, layers };
  }

  /** Store the counters of now and give those of the time before; the first time both are the same. */
  #swap(key: string, now: Counters): Counters {
    const before = this.#before.get(key) ?? now;
    this.#before.set(key, now);
    this.#seen.add(key);
    return before;
  }
}

function countersOf(report: Report): Counters {
  return {
    at: report.timestamp,
    bytes: num(report['bytesReceived']),
    received: num(report['packetsReceived']),
    lost: num(report['packetsLost']),
    freezeSeconds: num(report['totalFreezesDuration']),
    frames: num(report['framesDecoded']),
    concealed: num(report['concealedSamples']) - num(report['silentConcealedSamples']),
    samples: num(report['totalSamplesReceived']),
  };
}
