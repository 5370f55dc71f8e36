/** Measurements as short rows of text. */
import type { LocalQuality, TrackQuality } from '../sdk/index.js';
import type { StatRow } from './tile.js';

const LAYER_NAMES: Record<number, string[]> = { 1: ['only'], 2: ['low', 'high'], 3: ['low', 'medium', 'high'] };

/** What a layer of a track with so many layers is called. */
export function layerName(layer: number, layers: number): string {
  return LAYER_NAMES[layers]?.[layer] ?? String(layer);
}

const rate = (bps: number): string => (bps >= 1_000_000 ? `${(bps / 1_000_000).toFixed(1)} Mbit/s` : `${Math.round(bps / 1000)} kbit/s`);
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const size = (width?: number, height?: number): string => (width && height ? `${width} × ${height}` : '–');

/** Someone else's picture and sound. */
export function remoteRows(video: TrackQuality | undefined, audio: TrackQuality | undefined): StatRow[] {
  const rows: StatRow[] = [];
  if (video) {
    rows.push(['Video', `${video.codec} · ${size(video.width, video.height)} · ${Math.round(video.fps ?? 0)} fps`]);
    rows.push(['Rate', `${rate(video.bitrateBps)} · loss ${percent(video.loss)}`]);
    if (video.track.layers > 1)
      rows.push(['Layer', `${video.layer === null ? '–' : layerName(video.layer, video.track.layers)} of ${video.track.layers}`]);
    rows.push(['Freezes', String(video.freezes ?? '–')]);
  }
  if (audio) rows.push(['Audio', `${audio.codec} · ${rate(audio.bitrateBps)} · loss ${percent(audio.loss)}`]);
  const any = video ?? audio;
  if (any) rows.push(['Delay', `rtt ${any.rttMs ?? '–'} ms · jitter ${any.jitterMs} ms`]);
  const scores = [video?.score, audio?.score].filter((s): s is number => typeof s === 'number');
  if (scores.length > 0) rows.push(['Score', `${Math.min(...scores).toFixed(1)} of 5`]);
  return rows;
}

/** One's own picture and sound: a row for each layer that is sent. */
export function localRows(tracks: LocalQuality[], rttMs: number | undefined): StatRow[] {
  const rows: StatRow[] = [];
  for (const { track, layers } of tracks) {
    const first = layers[0];
    if (!first) continue;
    if (track.kind === 'audio') {
      rows.push(['Audio', `${first.codec} · ${rate(first.bitrateBps)} · loss ${percent(first.loss)}`]);
      continue;
    }
    const limits = new Set(layers.map((layer) => layer.limitedBy).filter((limit) => limit && limit !== 'none'));
    rows.push(['Video', [first.codec, `loss ${percent(Math.max(...layers.map((layer) => layer.loss)))}`, ...[...limits].map((limit) => `limited by ${limit}`)].join(' · ')]);
    for (const layer of layers)
      rows.push([layer.rid || 'Sent', `${size(layer.width, layer.height)} · ${Math.round(layer.fps ?? 0)} fps · ${rate(layer.bitrateBps)}`]);
  }
  if (rows.length > 0) rows.push(['Delay', `rtt ${rttMs ?? '–'} ms`]);
  return rows;
}
