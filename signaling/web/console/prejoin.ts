/** The screen before the room: who, where, and with which devices. */
import { problemText, preferences, type DeviceKind, type Devices } from './devices.js';
import { h, hueClass, iconButton, initials, setIconButton } from './dom.js';
import { icon } from './icons.js';
import { watchLevel } from './level.js';

/** What the form was sent with. */
export interface JoinChoice {
  name: string;
  room: string;
  token: string | undefined;
}

export interface PrejoinOptions {
  devices: Devices;
  room: string;
  notice: string | undefined;
  onJoin(choice: JoinChoice): Promise<void>;
}

export class Prejoin {
  readonly element: HTMLElement;

  readonly #options: PrejoinOptions;
  readonly #devices: Devices;
  readonly #video = h('video', { class: 'mirrored', autoplay: true, muted: true, playsInline: true, attrs: { 'aria-label': 'Preview of your camera' } });
  readonly #avatar = h('div', { class: 'avatar' });
  readonly #level = h('div', { class: 'level-fill' });
  readonly #problem = h('div', { class: 'problem', hidden: true, attrs: { role: 'status' } });
  readonly #name = h('input', { id: 'name', required: true, maxLength: 64, autocomplete: 'name', placeholder: 'How others see you' });
  readonly #room = h('input', { id: 'room', required: true, maxLength: 64, autocomplete: 'off', spellcheck: false, pattern: '[A-Za-z0-9._\\-]{1,64}', title: 'Letters, digits, dot, underscore and hyphen' });
  readonly #token = h('input', { id: 'token', type: 'password', autocomplete: 'off' });
  readonly #tokenField = h('div', { class: 'field', hidden: true }, h('label', { htmlFor: 'token' }, 'Join token'), this.#token);
  readonly #camera = h('select', { id: 'camera' });
  readonly #microphone = h('select', { id: 'microphone' });
  readonly #join = h('button', { type: 'submit', class: 'button primary' }, 'Join');
  readonly #status = h('p', { class: 'server-status', attrs: { role: 'status' } });
  readonly #toggles: Record<DeviceKind, HTMLButtonElement>;
  readonly #offs: (() => void)[];
  #stopLevel: (() => void) | null = null;
  #levelOf: MediaStreamTrack | null = null;

  constructor(options: PrejoinOptions) {
    this.#options = options;
    this.#devices = options.devices;
    this.#toggles = {
      microphone: iconButton('mic', 'Turn microphone off', () => void this.#toggle('microphone'), 'round'),
      camera: iconButton('camera', 'Turn camera off', () => void this.#toggle('camera'), 'round'),
    };
    this.#name.value = preferences.load().name;
    this.#room.value = options.room;
    this.#camera.onchange = () => void this.#devices.choose('camera', this.#camera.value);
    this.#microphone.onchange = () => void this.#devices.choose('microphone', this.#microphone.value);
    this.#name.oninput = () => this.#showAvatar();
    this.element = this.#layout();
    this.#offs = [this.#devices.on('track', () => this.#showDevices()), this.#devices.on('list', () => this.#showLists())];
    this.#showDevices();
    this.#showLists();
    this.setServer(null);
  }

  /** Focus what is to be filled in next. */
  focus(): void {
    (this.#name.value ? (this.#room.value ? this.#join : this.#room) : this.#name).focus();
  }

  /** What is known of the server: null while it is being asked. */
  setServer(server: { name: string; version: string; needsToken: boolean; hasToken: boolean } | 'unreachable' | null): void {
    this.#join.disabled = server === null || server === 'unreachable';
    this.#status.classList.toggle('bad', server === 'unreachable');
    if (server === null) this.#status.textContent = 'Connecting to the server…';
    else if (server === 'unreachable') this.#status.textContent = 'The server does not answer. Still trying…';
    else {
      this.#status.textContent = `Connected to ${server.name} ${server.version}`;
      this.#tokenField.hidden = !server.needsToken || server.hasToken;
      this.#token.required = !this.#tokenField.hidden;
    }
  }

  close(): void {
    for (const off of this.#offs) off();
    this.#watchLevel(null);
    this.#video.srcObject = null;
    this.element.remove();
  }

  #layout(): HTMLElement {
    const form = h(
      'form',
      { class: 'prejoin-form', attrs: { 'aria-label': 'Join a room' }, onsubmit: (event: Event) => void this.#submit(event) },
      h('div', { class: 'brand' }, icon('bell'), h('span', {}, 'belfry')),
      h('h1', {}, 'Ready to join?'),
      this.#options.notice ? h('p', { class: 'notice', attrs: { role: 'status' } }, this.#options.notice) : null,
      h('div', { class: 'field' }, h('label', { htmlFor: 'name' }, 'Your name'), this.#name),
      h('div', { class: 'field' }, h('label', { htmlFor: 'room' }, 'Room'), this.#room),
      this.#tokenField,
      h(
        'div',
        { class: 'field-pair' },
        h('div', { class: 'field' }, h('label', { htmlFor: 'camera' }, 'Camera'), this.#camera),
        h('div', { class: 'field' }, h('label', { htmlFor: 'microphone' }, 'Microphone'), this.#microphone),
      ),
      this.#join,
      this.#status,
    );
    const preview = h(
      'section',
      { class: 'preview', attrs: { 'aria-label': 'Your devices' } },
      h(
        'div',
        { class: 'preview-frame' },
        this.#avatar,
        this.#video,
        h('div', { class: 'preview-bar' }, this.#toggles.microphone, this.#toggles.camera),
      ),
      h('div', { class: 'level', attrs: { 'aria-hidden': 'true' } }, icon('mic'), h('div', { class: 'level-track' }, this.#level)),
      this.#problem,
    );
    return h('main', { class: 'prejoin' }, h('div', { class: 'prejoin-card' }, preview, form));
  }

  async #submit(event: Event): Promise<void> {
    event.preventDefault();
    const name = this.#name.value.trim();
    if (!name) return this.#name.focus();
    preferences.save({ name });
    this.#join.disabled = true;
    this.#join.textContent = 'Joining…';
    try {
      await this.#options.onJoin({ name, room: this.#room.value, token: this.#tokenField.hidden ? undefined : this.#token.value });
    } finally {
      this.#join.disabled = false;
      this.#join.textContent = 'Join';
    }
  }

  async #toggle(kind: DeviceKind): Promise<void> {
    if (this.#devices.tracks[kind]) this.#devices.stop(kind);
    else await this.#devices.start(kind);
  }

  #showAvatar(): void {
    const name = this.#name.value || '?';
    this.#avatar.className = `avatar ${hueClass(name)}`;
    this.#avatar.textContent = initials(name);
  }

  #showDevices(): void {
    const { camera, microphone } = this.#devices.tracks;
    this.#showAvatar();
    this.#video.hidden = !camera;
    this.#video.srcObject = camera ? new MediaStream([camera]) : null;
    setIconButton(this.#toggles.camera, camera ? 'camera' : 'cameraOff', camera ? 'Turn camera off' : 'Turn camera on');
    setIconButton(this.#toggles.microphone, microphone ? 'mic' : 'micOff', microphone ? 'Turn microphone off' : 'Turn microphone on');
    this.#toggles.camera.classList.toggle('off', !camera);
    this.#toggles.microphone.classList.toggle('off', !microphone);
    this.#watchLevel(microphone);
    this.#showProblems();
  }

  #watchLevel(track: MediaStreamTrack | null): void {
    if (track === this.#levelOf) return;
    this.#stopLevel?.();
    this.#levelOf = track;
    this.#level.style.transform = 'scaleX(0)';
    this.#stopLevel = track ? watchLevel(track, (level) => (this.#level.style.transform = `scaleX(${level.toFixed(3)})`)) : null;
  }

  #showProblems(): void {
    const { camera, microphone } = this.#devices.problems;
    const same = camera !== null && camera === microphone;
    const texts: string[] = [];
    if (same && camera === 'denied')
      texts.push('This page may not use your camera and microphone. Allow them in the site settings beside the address, then try again.');
    else if (same && camera === 'missing') texts.push('No camera and no microphone were found. Plug them in, or join without.');
    else {
      if (microphone) texts.push(problemText('microphone', microphone));
      if (camera) texts.push(problemText('camera', camera));
    }
    this.#problem.hidden = texts.length === 0;
    this.#problem.replaceChildren(
      icon('info'),
      h(
        'div',
        {},
        ...texts.map((text) => h('p', {}, text)),
        h('p', { class: 'quiet' }, 'You can join without: you will see and hear the others.'),
        h('button', { type: 'button', class: 'button small', onclick: () => void this.#devices.startBoth() }, 'Try again'),
      ),
    );
  }

  #showLists(): void {
    fillDeviceSelect(this.#camera, this.#devices, 'camera');
    fillDeviceSelect(this.#microphone, this.#devices, 'microphone');
  }
}

/** Offer the devices of one kind in a list, the one in use selected. */
export function fillDeviceSelect(select: HTMLSelectElement, devices: Devices, kind: DeviceKind): void {
  const list = devices.lists[kind];
  const current = devices.current(kind);
  select.replaceChildren(
    ...list.map((device, index) => h('option', { value: device.deviceId }, device.label || `${kind === 'camera' ? 'Camera' : 'Microphone'} ${index + 1}`)),
  );
  if (list.length === 0) select.append(h('option', { value: '' }, devices.problems[kind] === 'denied' ? 'Not allowed' : 'None found'));
  select.disabled = list.length === 0;
  if (list.some((device) => device.deviceId === current)) select.value = current;
}
