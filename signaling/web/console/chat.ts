/** The chat beside the room: plain text to everyone, kept for as long as the page is open. */
import { h, iconButton } from './dom.js';
import { icon } from './icons.js';

const TEXT_MAX = 4000;
const KEPT = 500;

export interface ChatOptions {
  send(text: string): Promise<void>;
  onClose(): void;
  onUnread(count: number): void;
}

export class Chat {
  readonly element: HTMLElement;

  readonly #options: ChatOptions;
  readonly #list = h('ol', { class: 'chat-list', attrs: { role: 'log', 'aria-label': 'Messages', 'aria-live': 'polite', tabindex: '0' } });
  readonly #empty = h('p', { class: 'chat-empty' }, 'No messages yet. What is written here is seen by everyone who is in the room now.');
  readonly #input = h('textarea', { id: 'chat-input', rows: 1, maxLength: TEXT_MAX, placeholder: 'Message to everyone', attrs: { 'aria-label': 'Message to everyone' } });
  readonly #send = h('button', { type: 'submit', class: 'icon-button accent', title: 'Send', attrs: { 'aria-label': 'Send' } }, icon('send'));
  #unread = 0;
  #lastFrom: string | null = null;

  constructor(options: ChatOptions) {
    this.#options = options;
    const form = h('form', { class: 'chat-form', onsubmit: (event: Event) => this.#submit(event) }, this.#input, this.#send);
    this.#input.onkeydown = (event) => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) this.#submit(event);
      if (event.key === 'Escape') options.onClose();
    };
    this.#input.oninput = () => this.#grow();
    this.element = h(
      'aside',
      { class: 'chat', id: 'chat', hidden: true, attrs: { 'aria-label': 'Chat' } },
      h('header', { class: 'panel-head' }, h('h2', {}, 'Chat'), iconButton('close', 'Close chat', options.onClose)),
      this.#empty,
      this.#list,
      form,
    );
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  open(): void {
    this.element.hidden = false;
    this.#setUnread(0);
    this.#scrollDown();
    this.#input.focus();
  }

  close(): void {
    this.element.hidden = true;
  }

  setWritable(writable: boolean): void {
    this.#input.disabled = this.#send.disabled = !writable;
    this.#input.placeholder = writable ? 'Message to everyone' : 'You may read here, not write';
  }

  /** Add a message; `from` is its sender's id, to keep what one person writes together. */
  add(from: string, name: string, text: string, own: boolean): HTMLElement {
    const atBottom = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 40;
    const time = new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    const head = h('div', { class: 'chat-head' }, h('strong', {}, own ? 'You' : name), h('time', {}, time));
    const item = h('li', { class: own ? 'chat-item own' : 'chat-item' }, this.#lastFrom === from ? null : head, h('p', { class: 'chat-text' }, text));
    this.#lastFrom = from;
    this.#empty.hidden = true;
    this.#list.append(item);
    while (this.#list.children.length > KEPT) this.#list.firstElementChild?.remove();
    if (own || atBottom) this.#scrollDown();
    if (!own && !this.isOpen) this.#setUnread(this.#unread + 1);
    return item;
  }

  #submit(event: Event): void {
    event.preventDefault();
    const text = this.#input.value.trim();
    if (!text) return;
    this.#input.value = '';
    this.#grow();
    const item = this.add('', 'You', text, true);
    this.#options.send(text).catch(() => item.classList.add('failed'));
  }

  #grow(): void {
    this.#input.style.height = 'auto';
    this.#input.style.height = `${Math.min(120, this.#input.scrollHeight)}px`;
  }

  #scrollDown(): void {
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  #setUnread(count: number): void {
    this.#unread = count;
    this.#options.onUnread(count);
  }
}
