/** A button that opens a list of choices, one of which is checked. */
import { h, iconButton } from './dom.js';
import { icon, type IconName } from './icons.js';

export interface MenuItem {
  label: string;
  checked: boolean;
  disabled?: boolean;
  choose(): void;
}

export class MenuButton {
  readonly element: HTMLElement;

  readonly #button: HTMLButtonElement;
  readonly #list: HTMLElement;
  readonly #items: () => MenuItem[];

  constructor(iconName: IconName, label: string, items: () => MenuItem[]) {
    this.#items = items;
    this.#button = iconButton(iconName, label, () => this.#toggle());
    this.#button.setAttribute('aria-haspopup', 'menu');
    this.#button.setAttribute('aria-expanded', 'false');
    this.#list = h('div', { class: 'menu', hidden: true, attrs: { role: 'menu', 'aria-label': label } });
    this.#list.addEventListener('keydown', (event) => this.#onKey(event));
    this.element = h('div', { class: 'menu-holder' }, this.#button, this.#list);
    this.element.addEventListener('focusout', (event) => {
      if (!this.element.contains(event.relatedTarget as Node | null)) this.close();
    });
  }

  close(): void {
    this.#list.hidden = true;
    this.#button.setAttribute('aria-expanded', 'false');
  }

  #toggle(): void {
    if (!this.#list.hidden) return this.close();
    this.#list.replaceChildren(...this.#items().map((item) => this.#row(item)));
    this.#list.hidden = false;
    this.#button.setAttribute('aria-expanded', 'true');
    const rows = this.#rows();
    (rows.find((row) => row.getAttribute('aria-checked') === 'true') ?? rows[0])?.focus();
  }

  #row(item: MenuItem): HTMLButtonElement {
    const attrs = { role: 'menuitemradio', 'aria-checked': String(item.checked), tabindex: '-1' };
    const onclick = (): void => {
      this.close();
      this.#button.focus();
      item.choose();
    };
    return h('button', { type: 'button', class: 'menu-item', disabled: item.disabled ?? false, attrs, onclick }, icon('check'), item.label);
  }

  #rows(): HTMLButtonElement[] {
    return [...this.#list.querySelectorAll('button')].filter((row) => !row.disabled);
  }

  #onKey(event: KeyboardEvent): void {
    const rows = this.#rows();
    const at = rows.indexOf(document.activeElement as HTMLButtonElement);
    const to: Record<string, number> = { ArrowDown: (at + 1) % rows.length, ArrowUp: (at - 1 + rows.length) % rows.length, Home: 0, End: rows.length - 1 };
    if (event.key === 'Escape') {
      this.close();
      this.#button.focus();
    } else if (event.key in to) rows[to[event.key] as number]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
