/** The device menu of the room, and the list of shortcuts. */
import { preferences, problemText, type DeviceKind, type Devices } from './devices.js';
import { h, openDialog } from './dom.js';
import { fillDeviceSelect } from './prejoin.js';

const HEIGHTS: [number, string][] = [
  [360, '360p: saves data and power'],
  [720, '720p'],
  [1080, '1080p: needs a fast connection'],
];

/** Choose camera, microphone, speaker and picture size. `onSpeaker` gets the id of a chosen speaker. */
export function openDeviceDialog(devices: Devices, onSpeaker: (deviceId: string) => void, onError: (text: string) => void): void {
  const select = (kind: DeviceKind): HTMLSelectElement => {
    const list = h('select', { id: `dialog-${kind}` });
    list.onchange = async () => {
      const ok = await devices.choose(kind, list.value);
      const problem = devices.problems[kind];
      if (!ok && problem) onError(problemText(kind, problem));
    };
    return list;
  };
  const camera = select('camera');
  const microphone = select('microphone');
  const speaker = h('select', { id: 'dialog-speaker' });
  speaker.onchange = () => onSpeaker(speaker.value);
  const height = h('select', { id: 'dialog-height' }, ...HEIGHTS.map(([value, label]) => h('option', { value: String(value) }, label)));
  height.value = String(devices.height);
  height.onchange = () => void devices.chooseHeight(Number(height.value));
  const canChooseSpeaker = 'setSinkId' in HTMLMediaElement.prototype;

  const show = (): void => {
    fillDeviceSelect(camera, devices, 'camera');
    fillDeviceSelect(microphone, devices, 'microphone');
    const speakers = devices.lists.speaker.map((device, i) => h('option', { value: device.deviceId }, device.label || `Speaker ${i + 1}`));
    speaker.replaceChildren(...(speakers.length > 0 ? speakers : [h('option', { value: '' }, 'Default')]));
    speaker.value = preferences.load().speaker || (devices.lists.speaker[0]?.deviceId ?? '');
  };
  const field = (label: string, control: HTMLSelectElement): HTMLElement => h('div', { class: 'field' }, h('label', { htmlFor: control.id }, label), control);
  const dialog = openDialog(
    'Devices',
    field('Camera', camera),
    field('Microphone', microphone),
    canChooseSpeaker && field('Speaker', speaker),
    field('Picture you send', height),
  );
  const off = devices.on('list', show);
  dialog.addEventListener('close', off);
  show();
  void devices.refresh();
}

const SHORTCUTS: [string, string][] = [
  ['M', 'Microphone on or off'],
  ['V', 'Camera on or off'],
  ['S', 'Share your screen, or stop'],
  ['C', 'Chat'],
  ['Q', 'Quality of each connection'],
  ['?', 'This list'],
];

export function openHelpDialog(): void {
  openDialog(
    'Keyboard shortcuts',
    h('dl', { class: 'shortcuts' }, ...SHORTCUTS.flatMap(([key, text]) => [h('dt', {}, h('kbd', {}, key)), h('dd', {}, text)])),
  );
}
