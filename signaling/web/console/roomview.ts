/** The room: tiles, stage, toolbar, chat. It shows what the SDK's room says and turns clicks into its calls. */
import { isBelfryError, type BelfryError, type Client, type DataMessage, type Layer, type LocalTrack, type Participant, type RemoteTrack, type Room, type RoomQuality } from '../sdk/index.js';
import { Chat } from './chat.js';
import { preferences, problemText, type DeviceKind, type Devices } from './devices.js';
import { h, iconButton, setIconButton } from './dom.js';
import { icon } from './icons.js';
import { fitGrid } from './layout.js';
import type { MenuItem } from './menu.js';
import { openDeviceDialog, openHelpDialog } from './settings.js';
import { localRows, remoteRows } from './statrows.js';
import { Tile } from './tile.js';
import { causeText, type Toasts } from './toasts.js';

export interface RoomViewOptions {
  client: Client;
  room: Room;
  name: string;
  devices: Devices;
  toasts: Toasts;
  /** The view is over; `notice` says why if it was not the user's wish. */
  onLeft(notice: string | undefined): void;
}

const GAP_PX = 12;
const STATS_EVERY_MS = 1_000;

export class RoomView {
  readonly element: HTMLElement;

  readonly #options: RoomViewOptions;
  readonly #room: Room;
  readonly #devices: Devices;
  readonly #toasts: Toasts;
  readonly #offs: (() => void)[] = [];

  readonly #people = new Map<string, Tile>();
  readonly #screens = new Map<string, Tile>();
  readonly #sounds = new Map<string, HTMLAudioElement>();
  readonly #local: Record<DeviceKind, LocalTrack | null> = { camera: null, microphone: null };
  /** One change at a time for each device, in the order of the clicks. */
  readonly #deviceQueue: Record<DeviceKind, Promise<void>> = { camera: Promise.resolve(), microphone: Promise.resolve() };
  #sharing: LocalTrack[] = [];
  #own: Tile;
  #left = false;

  readonly #stage = h('section', { class: 'stage', hidden: true, attrs: { 'aria-label': 'Shared screen' } });
  readonly #grid = h('section', { class: 'grid', attrs: { 'aria-label': 'Participants' } });
  readonly #hint = h(
    'div',
    { class: 'alone' },
    'You are the first one here.',
    h('button', { type: 'button', class: 'button small', onclick: () => void this.#copyLink() }, 'Copy link'),
  );
  readonly #banner = h('div', { class: 'banner', hidden: true, attrs: { role: 'status' } });
  readonly #count = h('span', { class: 'count' });
  readonly #quality = h('span', { class: 'quality', attrs: { role: 'img' } }, h('i'), h('i'), h('i'));
  readonly #announcer = h('p', { class: 'visually-hidden', attrs: { 'aria-live': 'polite' } });
  readonly #chat: Chat;
  readonly #badge = h('span', { class: 'badge', hidden: true });
  readonly #buttons: Record<'microphone' | 'camera' | 'screen' | 'chat' | 'stats', HTMLButtonElement>;
  readonly #resize = new ResizeObserver(() => this.#arrange());
  #statsTimer = 0;
  #showStats = false;
  #measured: RoomQuality | null = null;

  constructor(options: RoomViewOptions) {
    this.#options = options;
    this.#room = options.room;
    this.#devices = options.devices;
    this.#toasts = options.toasts;
    this.#chat = new Chat({
      send: (text) => this.#sendChat(text),
      onClose: () => this.#toggleChat(),
      onUnread: (count) => this.#showUnread(count),
    });
    this.#chat.setWritable(this.#room.grants.data);
    this.#buttons = {
      microphone: iconButton('mic', 'Turn microphone off (M)', () => this.#toggleDevice('microphone')),
      camera: iconButton('camera', 'Turn camera off (V)', () => this.#toggleDevice('camera')),
      screen: iconButton('screen', 'Share your screen (S)', () => void this.#toggleScreen()),
      chat: iconButton('chat', 'Chat (C)', () => this.#toggleChat()),
      stats: iconButton('chart', 'Connection quality (Q)', () => this.#toggleStats()),
    };
    this.#own = new Tile({ name: options.name, kind: 'person', own: true });
    this.element = this.#layout();
    this.#listen();
    for (const participant of this.#room.participants.values()) {
      this.#addPerson(participant);
      for (const track of participant.tracks.values()) if (track.mediaTrack) this.#showTrack(track);
    }
    this.#resize.observe(this.#grid);
    this.#statsTimer = window.setInterval(() => void this.#measure(), STATS_EVERY_MS);
    this.#showDevices();
    this.#showCount();
    void this.#publishDevice('microphone');
    void this.#publishDevice('camera');
  }

  async leave(): Promise<void> {
    if (this.#left) return;
    try {
      await this.#room.leave();
    } catch (error) {
      this.#toasts.error('The server did not confirm that you left.', error);
    }
    this.#close(undefined);
  }

  #layout(): HTMLElement {
    const { microphone, camera, screen, chat, stats } = this.#buttons;
    chat.append(this.#badge);
    chat.setAttribute('aria-controls', 'chat');
    for (const toggle of [chat, stats]) toggle.setAttribute('aria-pressed', 'false');
    screen.hidden = !this.#devices.canShareScreen;
    const devices = iconButton('devices', 'Devices', () =>
      openDeviceDialog(this.#devices, (id) => this.#setSpeaker(id), (text) => this.#toasts.error(text)),
    );
    const leave = iconButton('leave', 'Leave', () => void this.leave(), 'danger');
    const toolbar = h('div', { class: 'toolbar', attrs: { role: 'toolbar', 'aria-label': 'Call' } }, microphone, camera, screen, chat, stats, devices, leave);
    const header = h(
      'header',
      { class: 'room-head' },
      h('div', { class: 'brand small' }, icon('bell')),
      h('h1', {}, this.#room.name),
      this.#count,
      h('span', { class: 'spacer' }),
      this.#quality,
      iconButton('link', 'Copy the link to this room', () => void this.#copyLink()),
      iconButton('help', 'Keyboard shortcuts (?)', openHelpDialog),
    );
    this.#grid.append(this.#own.element);
    const floor = h('div', { class: 'floor' }, this.#stage, this.#grid, this.#hint);
    this.#setQuality(null);
    return h('main', { class: 'room' }, header, this.#banner, h('div', { class: 'room-body' }, floor, this.#chat.element), toolbar, this.#announcer);
  }

  #listen(): void {
    const { client } = this.#options;
    const room = this.#room;
    this.#offs.push(
      room.on('participant:joined', (participant) => this.#onJoined(participant)),
      room.on('participant:left', ({ participant }) => this.#onLeft(participant)),
      room.on('track:published', (track) => this.#refresh(track)),
      room.on('track:subscribed', (track) => this.#showTrack(track)),
      room.on('track:unsubscribed', (track) => this.#hideTrack(track)),
      room.on('track:unpublished', (track) => this.#hideTrack(track)),
      room.on('track:muted', (track) => this.#refresh(track)),
      room.on('track:unsupported', (track) => this.#refresh(track)),
      room.on('track:suspended', (track) => this.#refresh(track)),
      room.on('local:unpublished', ({ track, ended }) => this.#onLocalEnded(track, ended)),
      room.on('speakers', ({ speaking }) => this.#showSpeakers(speaking)),
      room.onData((message) => this.#onChat(message), 'chat'),
      room.on('state', () => this.#showState()),
      room.on('rejoined', () => this.#toasts.show('You are back in the room.', 'good')),
      room.on('closed', (error) => this.#close(closedText(error))),
      room.on('error', (error) => console.warn('belfry:', error)),
      client.on('dropped', () => this.#showState()),
      this.#devices.on('track', (kind) => this.#onDevice(kind)),
    );
    const onKey = (event: KeyboardEvent): void => this.#onKey(event);
    document.addEventListener('keydown', onKey);
    const onHide = (): void => void this.#room.leave().catch(() => undefined);
    window.addEventListener('pagehide', onHide);
    this.#offs.push(() => document.removeEventListener('keydown', onKey), () => window.removeEventListener('pagehide', onHide));
  }

  #close(notice: string | undefined): void {
    if (this.#left) return;
    this.#left = true;
    for (const off of this.#offs) off();
    clearInterval(this.#statsTimer);
    this.#resize.disconnect();
    for (const track of this.#sharing) track.mediaTrack?.stop();
    for (const tile of [this.#own, ...this.#people.values(), ...this.#screens.values()]) tile.close();
    for (const sound of this.#sounds.values()) sound.srcObject = null;
    this.element.remove();
    this.#options.onLeft(notice);
  }

  // --- people and their tracks

  #onJoined(participant: Participant): void {
    this.#addPerson(participant);
    this.#showCount();
    this.#say(`${participant.name} joined`);
  }

  #onLeft(participant: Participant): void {
    this.#people.get(participant.id)?.close();
    this.#people.delete(participant.id);
    this.#showCount();
    this.#say(`${participant.name} left`);
  }

  #addPerson(participant: Participant): void {
    const tile = new Tile({ name: participant.name, kind: 'person', own: false, menu: () => this.#menuFor(participant.track('camera')) });
    this.#people.set(participant.id, tile);
    this.#grid.append(tile.element);
    this.#refreshPerson(participant);
    this.#arrange();
  }

  #showTrack(track: RemoteTrack): void {
    if (!track.mediaTrack) return;
    if (track.kind === 'audio') return this.#playSound(track);
    if (track.source === 'screen') {
      const tile = new Tile({ name: track.participant.name, kind: 'screen', own: false, menu: () => this.#menuFor(track) });
      this.#addScreen(track.id, tile, track.mediaTrack);
      this.#say(`${track.participant.name} shares the screen`);
    }
    this.#refresh(track);
  }

  #hideTrack(track: RemoteTrack): void {
    const sound = this.#sounds.get(track.id);
    if (sound) sound.srcObject = null;
    this.#sounds.delete(track.id);
    this.#removeScreen(track.id);
    this.#refresh(track);
  }

  #refresh(track: RemoteTrack): void {
    this.#screens.get(track.id)?.setNote(noteFor(track));
    this.#refreshPerson(track.participant);
  }

  #refreshPerson(participant: Participant): void {
    const tile = this.#people.get(participant.id);
    if (!tile) return;
    const camera = participant.track('camera');
    const microphone = participant.track('microphone');
    const isShown = camera !== undefined && !camera.muted && !camera.paused && !camera.unsupported && !camera.suspended;
    tile.setVideo(isShown ? camera.mediaTrack : null);
    tile.setNote(camera ? noteFor(camera) : null);
    tile.setMuted(!microphone || microphone.muted);
  }

  #playSound(track: RemoteTrack): void {
    const audio = this.#sounds.get(track.id) ?? new Audio();
    this.#sounds.set(track.id, audio);
    audio.autoplay = true;
    audio.srcObject = new MediaStream([track.mediaTrack as MediaStreamTrack]);
    const speaker = preferences.load().speaker;
    if (speaker && 'setSinkId' in audio) void audio.setSinkId(speaker).catch(() => undefined); // unplugged: the default plays
    audio.play().catch((error: unknown) => {
      if ((error as Error).name === 'NotAllowedError') this.#askForSound();
    });
  }

  /** The browser wants a click before it plays sound. */
  #askForSound(): void {
    const start = (): void => {
      for (const audio of this.#sounds.values()) void audio.play().catch(() => undefined);
      this.#showState();
    };
    const button = h('button', { type: 'button', class: 'button small', onclick: start }, 'Turn sound on');
    this.#banner.replaceChildren('Your browser keeps the sound off until you agree.', button);
    this.#banner.hidden = false;
  }

  #setSpeaker(deviceId: string): void {
    preferences.save({ speaker: deviceId });
    for (const audio of this.#sounds.values())
      if ('setSinkId' in audio) audio.setSinkId(deviceId).catch((error: unknown) => this.#toasts.error('The speaker could not be changed.', error));
  }

  #menuFor(track: RemoteTrack | undefined): MenuItem[] {
    if (!track) return [{ label: 'No picture to choose for', checked: false, disabled: true, choose: () => undefined }];
    const choose = (layer: Layer) => () => this.#attempt('The picture could not be changed.', this.#room.setLayer(track, layer));
    const item = (label: string, layer: Layer, available = true): MenuItem => ({
      label,
      checked: !track.paused && track.wantedLayer === layer,
      disabled: !available || track.paused,
      choose: choose(layer),
    });
    const top = (track.layers - 1) as 0 | 1 | 2;
    const layers = [item('Auto', 'auto'), item('High', track.layers > 1 ? top : 2, track.layers > 1)];
    layers.push(item('Medium', 1, track.layers === 3), item('Low', 0, track.layers > 1));
    if (track.layers === 2) layers.splice(2, 1); // the upper of two is "High"
    const pause = async (): Promise<void> => {
      await this.#room.pause(track, !track.paused);
      this.#refresh(track);
    };
    return [...layers, { label: 'Do not receive', checked: track.paused, choose: () => this.#attempt('The picture could not be changed.', pause()) }];
  }

  // --- shared screens

  #addScreen(key: string, tile: Tile, track: MediaStreamTrack): void {
    this.#removeScreen(key);
    tile.setVideo(track);
    this.#screens.set(key, tile);
    this.#stage.append(tile.element);
    this.#arrange();
  }

  #removeScreen(key: string): void {
    this.#screens.get(key)?.close();
    if (this.#screens.delete(key)) this.#arrange();
  }

  async #toggleScreen(): Promise<void> {
    if (this.#sharing.length > 0) return this.#stopSharing();
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 15, max: 30 } }, audio: true });
    } catch (error) {
      const refused = (error as Error).name === 'NotAllowedError';
      if (refused) this.#toasts.show('Nothing is shared.', 'info');
      else this.#toasts.error('The screen could not be shared.', error);
      return;
    }
    try {
      for (const track of stream.getTracks()) {
        const local = await this.#room.publish(track, { source: track.kind === 'video' ? 'screen' : 'screen_audio' });
        this.#sharing.push(local);
        if (track.kind === 'video') this.#addScreen('own', new Tile({ name: this.#options.name, kind: 'screen', own: true }), track);
      }
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      this.#toasts.error('The screen could not be shared.', error);
    }
    this.#showDevices();
  }

  async #stopSharing(): Promise<void> {
    const tracks = this.#sharing;
    this.#sharing = [];
    this.#removeScreen('own');
    this.#showDevices();
    await Promise.all(
      tracks.map((track) => {
        track.mediaTrack?.stop();
        return this.#room.unpublish(track);
      }),
    );
  }

  #onLocalEnded(track: LocalTrack, ended: boolean): void {
    if (!ended) return;
    if (this.#sharing.includes(track)) void this.#stopSharing();
  }

  // --- own devices

  #toggleDevice(kind: DeviceKind): void {
    this.#deviceQueue[kind] = this.#deviceQueue[kind].then(() => this.#switchDevice(kind));
  }

  /** The camera's light should be out when the camera is off, so its track is stopped; a microphone is only muted: it is back at once. */
  async #switchDevice(kind: DeviceKind): Promise<void> {
    const local = this.#local[kind];
    try {
      if (kind === 'microphone' && local && this.#devices.tracks.microphone) await this.#room.mute(local, !local.muted);
      else if (this.#devices.tracks[kind]) this.#devices.stop(kind);
      else if (!(await this.#devices.start(kind))) {
        const problem = this.#devices.problems[kind];
        if (problem) this.#toasts.error(problemText(kind, problem));
      }
    } catch (error) {
      this.#toasts.error(`The ${kind} could not be switched.`, error);
    }
    this.#showDevices();
  }

  /** A device's track came, went or changed: let the room have the same. */
  #onDevice(kind: DeviceKind): void {
    this.#showDevices();
    this.#deviceQueue[kind] = this.#deviceQueue[kind].then(() => this.#publishDevice(kind));
  }

  async #publishDevice(kind: DeviceKind): Promise<void> {
    const track = this.#devices.tracks[kind];
    const local = this.#local[kind];
    try {
      if (local && this.#room.localTracks.includes(local)) {
        if (local.mediaTrack === track) return;
        await this.#room.replaceTrack(local, track);
        if (local.muted !== (track === null)) await this.#room.mute(local, track === null);
      } else if (track && this.#room.grants.publish) {
        this.#local[kind] = await this.#room.publish(track, { source: kind });
      }
    } catch (error) {
      if (!this.#left) this.#toasts.error(`Your ${kind} is not sent.`, error);
    }
    this.#showDevices();
  }

  #showDevices(): void {
    const { camera, microphone } = this.#devices.tracks;
    const micOn = microphone !== null && !(this.#local.microphone?.muted ?? false);
    const sharing = this.#sharing.length > 0;
    setIconButton(this.#buttons.microphone, micOn ? 'mic' : 'micOff', `Turn microphone ${micOn ? 'off' : 'on'} (M)`);
    setIconButton(this.#buttons.camera, camera ? 'camera' : 'cameraOff', `Turn camera ${camera ? 'off' : 'on'} (V)`);
    setIconButton(this.#buttons.screen, sharing ? 'screenOff' : 'screen', sharing ? 'Stop sharing (S)' : 'Share your screen (S)');
    this.#buttons.microphone.classList.toggle('off', !micOn);
    this.#buttons.camera.classList.toggle('off', !camera);
    this.#buttons.screen.classList.toggle('on', sharing);
    for (const name of ['microphone', 'camera', 'screen'] as const) this.#buttons[name].disabled = !this.#room.grants.publish;
    this.#own.setVideo(camera);
    this.#own.setMuted(!micOn);
  }

  // --- chat

  async #sendChat(text: string): Promise<void> {
    try {
      await this.#room.sendData(text);
    } catch (error) {
      this.#toasts.error('The message was not sent.', error);
      throw error;
    }
  }

  #onChat(message: DataMessage): void {
    if (typeof message.payload !== 'string') return;
    const name = this.#room.participants.get(message.from)?.name ?? 'Someone who left';
    this.#chat.add(message.from, name, message.payload, false);
  }

  #toggleChat(): void {
    if (this.#chat.isOpen) {
      this.#chat.close();
      this.#buttons.chat.focus();
    } else this.#chat.open();
    this.#buttons.chat.setAttribute('aria-pressed', String(this.#chat.isOpen));
    this.element.classList.toggle('with-chat', this.#chat.isOpen);
  }

  #showUnread(count: number): void {
    this.#badge.hidden = count === 0;
    this.#badge.textContent = count > 99 ? '99+' : String(count);
    this.#buttons.chat.setAttribute('aria-label', count > 0 ? `Chat (C), ${count} unread` : 'Chat (C)');
  }

  // --- state and measurements

  #showState(): void {
    const text: Partial<Record<Room['state'], string>> = {
      reconnecting: 'The connection to the server is interrupted. Picture and sound may go on; reconnecting…',
      rejoining: 'The server has lost this call. Joining again…',
    };
    const { state } = this.#room;
    const message = this.#options.client.state === 'waiting' ? (text[state] ?? text.reconnecting) : text[state];
    this.#banner.hidden = message === undefined;
    const retry = h('button', { type: 'button', class: 'button small', onclick: () => this.#options.client.retryNow() }, 'Try now');
    this.#banner.replaceChildren(h('span', { class: 'spinner' }), message ?? '', retry);
    this.element.classList.toggle('interrupted', message !== undefined);
  }

  #showSpeakers(speaking: string[]): void {
    this.#own.setSpeaking(speaking.includes(this.#room.participantId));
    for (const [id, tile] of this.#people) tile.setSpeaking(speaking.includes(id));
  }

  #showCount(): void {
    const count = this.#people.size + 1;
    this.#count.replaceChildren(icon('people'), String(count));
    this.#count.setAttribute('aria-label', `${count} in the room`);
    this.#hint.hidden = count > 1;
    this.#arrange();
  }

  #toggleStats(): void {
    this.#showStats = !this.#showStats;
    this.#buttons.stats.setAttribute('aria-pressed', String(this.#showStats));
    this.#showNumbers();
  }

  async #measure(): Promise<void> {
    try {
      this.#measured = await this.#room.getStats();
    } catch {
      return; // a connection was being replaced; the next second tells
    }
    if (this.#left) return;
    this.#setQuality(this.#measured.score);
    this.#showNumbers();
  }

  #showNumbers(): void {
    const quality = this.#showStats ? this.#measured : null;
    if (!quality) {
      for (const tile of [this.#own, ...this.#people.values(), ...this.#screens.values()]) tile.setStats([]);
      return;
    }
    const of = (track: RemoteTrack | undefined) => quality.remote.find((q) => q.track === track);
    for (const participant of this.#room.participants.values()) {
      const rows = remoteRows(of(participant.track('camera')), of(participant.track('microphone')));
      this.#people.get(participant.id)?.setStats(rows);
      const screen = participant.track('screen');
      if (screen) this.#screens.get(screen.id)?.setStats(remoteRows(of(screen), of(participant.track('screen_audio'))));
    }
    const isScreen = (source: string): boolean => source.startsWith('screen');
    this.#own.setStats(localRows(quality.local.filter((q) => !isScreen(q.track.source)), quality.publishRttMs));
    this.#screens.get('own')?.setStats(localRows(quality.local.filter((q) => isScreen(q.track.source)), quality.publishRttMs));
  }

  #setQuality(score: number | null): void {
    const bars = score === null ? 0 : score >= 4 ? 3 : score >= 2.5 ? 2 : 1;
    const text = ['Quality not known yet', 'Poor connection', 'Fair connection', 'Good connection'][bars] as string;
    this.#quality.dataset['bars'] = String(bars);
    this.#quality.title = score === null ? text : `${text}: ${score.toFixed(1)} of 5`;
    this.#quality.setAttribute('aria-label', this.#quality.title);
  }

  /** Give the tiles their size: a grid that fills the floor, or a strip beside the stage. */
  #arrange(): void {
    const staged = this.#screens.size > 0;
    this.#stage.hidden = !staged;
    this.element.classList.toggle('staged', staged);
    if (staged) {
      this.#grid.style.removeProperty('--tile-width');
      this.#grid.style.removeProperty('--tile-height');
      return;
    }
    const { clientWidth, clientHeight } = this.#grid;
    const shape = fitGrid(this.#grid.children.length, clientWidth, clientHeight, GAP_PX);
    this.#grid.style.setProperty('--tile-width', `${shape.tileWidth}px`);
    this.#grid.style.setProperty('--tile-height', `${shape.tileHeight}px`);
  }

  async #copyLink(): Promise<void> {
    const url = new URL(location.pathname, location.href);
    url.searchParams.set('room', this.#room.name);
    try {
      await navigator.clipboard.writeText(url.href);
      this.#toasts.show('The link to this room is in the clipboard.', 'good');
    } catch {
      this.#toasts.show(url.href, 'info');
    }
  }

  #onKey(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    const isTyping = target.closest('input, textarea, select, dialog') !== null;
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const actions: Record<string, () => void> = {
      m: () => this.#buttons.microphone.click(),
      v: () => this.#buttons.camera.click(),
      s: () => this.#buttons.screen.click(),
      c: () => this.#toggleChat(),
      q: () => this.#toggleStats(),
      '?': openHelpDialog,
    };
    const action = actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  }

  #attempt(failure: string, promise: Promise<void>): void {
    promise.catch((error: unknown) => this.#toasts.error(failure, error));
  }

  #say(text: string): void {
    this.#announcer.textContent = text;
    this.#toasts.show(text, 'info');
  }
}

function noteFor(track: RemoteTrack): string | null {
  if (track.unsupported) return `This browser cannot show ${track.codec || 'this picture'}.`;
  if (track.paused) return 'Not received';
  if (track.suspended) return 'The server is busy: sound only for now';
  return null;
}

function closedText(error: BelfryError): string {
  if (isBelfryError(error, 'unauthorized', 'forbidden')) return 'The server no longer lets you into this room.';
  if (isBelfryError(error, 'room_full')) return 'The room is full.';
  return `The call ended: ${causeText(error) ?? 'unknown cause'}.`;
}
