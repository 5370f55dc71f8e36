import { icon, type IconName } from './icons.js';

type Child = Node | string | null | undefined | false;
type Props<K extends keyof HTMLElementTagNameMap> = Partial<Omit<HTMLElementTagNameMap[K], 'style' | 'dataset'>> & {
  class?: string;
  attrs?: Record<string, string>;
};

/** Make an element: properties as they are called in the DOM, attributes under `attrs`. Strings become text, never HTML. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props<K> = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  const { class: className, attrs, ...rest } = props;
  if (className) element.className = className;
  Object.assign(element, rest);
  for (const [name, value] of Object.entries(attrs ?? {})) element.setAttribute(name, value);
  element.append(...children.filter((c): c is Node | string => c !== null && c !== undefined && c !== false));
  return element;
}

/** A button that shows an icon alone. */
export function iconButton(name: IconName, label: string, onclick: (event: MouseEvent) => void, className = ''): HTMLButtonElement {
  return h('button', { type: 'button', class: `icon-button ${className}`, title: label, attrs: { 'aria-label': label }, onclick }, icon(name));
}

/** Change label and icon of an {@link iconButton}. */
export function setIconButton(button: HTMLButtonElement, name: IconName, label: string): void {
  button.replaceChildren(icon(name), ...[...button.children].filter((c) => !c.classList.contains('icon')));
  button.title = label;
  button.setAttribute('aria-label', label);
}

/** Up to two letters for a picture that is missing. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
  return letters.map((word) => [...(word ?? '?')][0]?.toUpperCase() ?? '').join('');
}

/** A hue that stays with a name, for its avatar: one of the classes `hue-0` to `hue-7`. */
export function hueClass(name: string): string {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return `hue-${sum % 8}`;
}

/**
 * A modal dialog with a heading. Focus goes back to where it was when it closes.
 *
 * @returns the dialog, shown
 */
export function openDialog(title: string, ...content: Child[]): HTMLDialogElement {
  const dialog = h('dialog', { class: 'dialog', attrs: { 'aria-label': title } });
  const close = iconButton('close', 'Close', () => dialog.close());
  dialog.append(h('header', { class: 'dialog-head' }, h('h2', {}, title), close), ...content.filter((c): c is Node | string => Boolean(c)));
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close()); // the backdrop
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
