/** Camera and microphone of this computer: which there are, which are wanted, and the tracks they give. */
import { Emitter } from '../sdk/index.js';

export type DeviceKind = 'camera' | 'microphone';

/** Why a device gives nothing. */
export type DeviceProblem = 'denied' | 'missing' | 'busy' | 'insecure' | 'failed';

export interface DeviceEvents {
  /** A track came, went or was replaced. */
  track: DeviceKind;
  /** The lists changed. */
  list: void;
}

interface Preferences {
  name: string;
  camera: string;
  microphone: string;
  speaker: string;
  /** Lines of the picture to send. */
  height: number;
}

const STORE = 'belfry';
const DEFAULTS: Preferences = { name: '', camera: '', microphone: '', speaker: '', height: 720 };

/** What the browser keeps between visits. Storage can be forbidden; then every visit is the first. */
export const preferences = {
  load(): Preferences {
    try {
      return { ...DEFAULTS, ...(JSON.parse(localStorage.getItem(STORE) ?? '{}') as Partial<Preferences>) };
    } catch {
      return { ...DEFAULTS };
    }
  },
  save(change: Partial<Preferences>): void {
    try {
      localStorage.setItem(STORE, JSON.stringify({ ...preferences.load(), ...change }));
    } catch {
      // nothing is kept, nothing is lost
    }
  },
};

export class Devices extends Emitter<DeviceEvents> {
  tracks: Record<DeviceKind, MediaStreamTrack | null> = { camera: null, microphone: null };
  problems: Record<DeviceKind, DeviceProblem | null> = { camera: null, microphone: null };
  lists: Record<DeviceKind | 'speaker', MediaDeviceInfo[]> = { camera: [], microphone: [], speaker: [] };
  /** Lines of the picture that the camera is asked for. */
  height: number;

  readonly #media: MediaDevices | undefined = navigator.mediaDevices as MediaDevices | undefined;

  constructor(height?: number) {
    super();
    this.height = height ?? preferences.load().height;
    this.#media?.addEventListener('devicechange', () => void this.refresh());
  }

  get canShareScreen(): boolean {
    return typeof this.#media?.getDisplayMedia === 'function';
  }

  /** Ask for both at once, so that there is one question to answer; for each alone if that fails. */
  async startBoth(): Promise<void> {
    try {
      const stream = await this.#get({ audio: this.#constraints('microphone'), video: this.#constraints('camera') });
      this.#take('camera', stream.getVideoTracks()[0] ?? null);
      this.#take('microphone', stream.getAudioTracks()[0] ?? null);
      await this.refresh();
    } catch {
      await this.start('microphone');
      await this.start('camera');
    }
  }

  /** Start one device. False when it gives nothing; `problems` says why. */
  async start(kind: DeviceKind): Promise<boolean> {
    const wanted = this.#constraints(kind);
    try {
      const stream = await this.#get(kind === 'camera' ? { video: wanted } : { audio: wanted });
      this.#take(kind, stream.getTracks()[0] ?? null);
    } catch (error) {
      this.problems[kind] = problemOf(error);
      this.emit('track', kind);
    }
    await this.refresh();
    return this.tracks[kind] !== null;
  }

  stop(kind: DeviceKind): void {
    this.tracks[kind]?.stop();
    this.tracks[kind] = null;
    this.emit('track', kind);
  }

  /** Use another device from now on, and at once if one is running. */
  async choose(kind: DeviceKind, deviceId: string): Promise<boolean> {
    preferences.save({ [kind]: deviceId });
    return this.tracks[kind] ? this.start(kind) : true;
  }

  async chooseHeight(height: number): Promise<void> {
    this.height = height;
    preferences.save({ height });
    if (this.tracks.camera) await this.start('camera');
  }

  /** The id in use, or the one to be used. */
  current(kind: DeviceKind): string {
    return this.tracks[kind]?.getSettings().deviceId ?? preferences.load()[kind];
  }

  async refresh(): Promise<void> {
    const all = (await this.#media?.enumerateDevices().catch(() => [])) ?? [];
    const of = (kind: MediaDeviceKind): MediaDeviceInfo[] => all.filter((device) => device.kind === kind && device.deviceId !== '');
    this.lists = { camera: of('videoinput'), microphone: of('audioinput'), speaker: of('audiooutput') };
    this.emit('list', undefined);
  }

  async #get(constraints: MediaStreamConstraints): Promise<MediaStream> {
    if (!this.#media) throw new DOMException('no secure context', 'SecurityError');
    return this.#media.getUserMedia(constraints);
  }

  #constraints(kind: DeviceKind): MediaTrackConstraints {
    const id = preferences.load()[kind];
    // `ideal`: a device that was unplugged gives way to another.
    const device: MediaTrackConstraints = id ? { deviceId: { ideal: id } } : {};
    if (kind === 'microphone') return { ...device, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    return { ...device, width: { ideal: Math.round((this.height * 16) / 9) }, height: { ideal: this.height }, frameRate: { ideal: 30, max: 30 } };
  }

  #take(kind: DeviceKind, track: MediaStreamTrack | null): void {
    const before = this.tracks[kind];
    this.tracks[kind] = track;
    this.problems[kind] = track ? null : 'missing';
    track?.addEventListener('ended', () => {
      if (this.tracks[kind] !== track) return;
      this.tracks[kind] = null;
      this.problems[kind] = 'missing';
      this.emit('track', kind);
    });
    this.emit('track', kind);
    before?.stop(); // after the listeners have put the new one in its place
  }
}

function problemOf(error: unknown): DeviceProblem {
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
      return 'denied';
    case 'SecurityError':
      return 'insecure';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing';
    case 'NotReadableError':
    case 'AbortError':
      return 'busy';
    default:
      return 'failed';
  }
}

const NAMES: Record<DeviceKind, string> = { camera: 'camera', microphone: 'microphone' };

/** A problem as a sentence with what to do about it. */
export function problemText(kind: DeviceKind, problem: DeviceProblem): string {
  const name = NAMES[kind];
  switch (problem) {
    case 'denied':
      return `This page may not use your ${name}. Allow it in the site settings beside the address, then try again.`;
    case 'missing':
      return `No ${name} was found. Plug one in, or join without.`;
    case 'busy':
      return `Your ${name} is in use by another program. Close that, then try again.`;
    case 'insecure':
      return `Browsers give a ${name} only to secure pages. Open this page over https.`;
    case 'failed':
      return `Your ${name} could not be started.`;
  }
}
