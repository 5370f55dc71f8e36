/** One picture in the room with what is to be known about it: a person or a shared screen. */
import { h, hueClass, initials } from './dom.js';
import { icon } from './icons.js';
import { MenuButton, type MenuItem } from './menu.js';

export interface TileOptions {
  name: string;
  kind: 'person' | 'screen';
  own: boolean;
  /** Entries of the menu in the corner; without it there is no menu. */
  menu?: () => MenuItem[];
}

/** A row of the quality overlay. */
export type StatRow = [label: string, value: string];

export class Tile {
  readonly element: HTMLElement;
  readonly video: HTMLVideoElement;

  readonly #options: TileOptions;
  readonly #avatar: HTMLElement;
  readonly #muted = h('span', { class: 'tile-muted', hidden: true, attrs: { title: 'Microphone is off' } }, icon('micOff'));
  readonly #note = h('p', { class: 'tile-note', hidden: true });
  readonly #stats = h('dl', { class: 'tile-stats', hidden: true });
  #isMuted = false;
  #speaking = false;

  constructor(options: TileOptions) {
    this.#options = options;
    const { name, kind, own } = options;
    this.video = h('video', { autoplay: true, muted: true, playsInline: true, hidden: true, attrs: { tabindex: '-1' } });
    if (own && kind === 'person') this.video.classList.add('mirrored');
    this.#avatar = h('div', { class: `avatar ${hueClass(name)}`, attrs: { 'aria-hidden': 'true' } }, kind === 'screen' ? icon('screen') : initials(name));
    const label = kind === 'screen' ? (own ? 'Your screen' : `${name}’s screen`) : own ? `${name} (you)` : name;
    this.element = h(
      'article',
      { class: `tile tile-${kind}` },
      this.#avatar,
      this.video,
      this.#note,
      h('div', { class: 'tile-bar' }, this.#muted, h('span', { class: 'tile-name' }, label)),
      this.#stats,
      options.menu ? new MenuButton('more', `Options for ${label}`, options.menu).element : null,
    );
    this.#label();
  }

  /** Show a picture, or the initials when there is none. */
  setVideo(track: MediaStreamTrack | null): void {
    const shown = (this.video.srcObject as MediaStream | null)?.getVideoTracks()[0] ?? null;
    if (shown !== track) this.video.srcObject = track ? new MediaStream([track]) : null;
    this.video.hidden = track === null;
    this.#avatar.hidden = track !== null;
  }

  setMuted(muted: boolean): void {
    this.#isMuted = muted;
    this.#muted.hidden = !muted;
    this.#label();
  }

  setSpeaking(speaking: boolean): void {
    this.#speaking = speaking;
    this.element.classList.toggle('speaking', speaking);
    this.#label();
  }

  /** A sentence over the picture: why there is none. */
  setNote(text: string | null): void {
    this.#note.hidden = text === null;
    this.#note.textContent = text;
  }

  /** Lay measurements over the picture; none: take them away. */
  setStats(rows: StatRow[]): void {
    this.#stats.hidden = rows.length === 0;
    this.#stats.replaceChildren(...rows.flatMap(([label, value]) => [h('dt', {}, label), h('dd', {}, value)]));
  }

  close(): void {
    this.video.srcObject = null;
    this.element.remove();
  }

  #label(): void {
    const { name, kind, own } = this.#options;
    const states = [this.#isMuted ? 'microphone off' : '', this.#speaking ? 'speaking' : ''].filter(Boolean);
    const who = kind === 'screen' ? `Screen of ${name}` : own ? `${name}, you` : name;
    this.element.setAttribute('aria-label', [who, ...states].join(', '));
  }
}
