import { h, iconButton } from './dom.js';
import { icon, type IconName } from './icons.js';

export type ToastKind = 'info' | 'good' | 'error';

const ICONS: Record<ToastKind, IconName> = { info: 'info', good: 'check', error: 'warning' };
const SHOWN_MS: Record<ToastKind, number> = { info: 4_000, good: 4_000, error: 10_000 };
const AT_ONCE = 4;

/** Short notices in the corner. Errors are read out at once, others when the reader is idle. */
export class Toasts {
  readonly element = h('div', { class: 'toasts', attrs: { role: 'region', 'aria-label': 'Notices' } });

  show(text: string, kind: ToastKind = 'info', detail?: string): void {
    const toast = h(
      'div',
      { class: `toast toast-${kind}`, attrs: { role: kind === 'error' ? 'alert' : 'status' } },
      icon(ICONS[kind]),
      h('div', { class: 'toast-text' }, h('p', {}, text), detail ? h('p', { class: 'toast-detail' }, detail) : null),
    );
    let timer = 0;
    const remove = (): void => {
      clearTimeout(timer);
      toast.remove();
    };
    const arm = (): void => void (timer = window.setTimeout(remove, SHOWN_MS[kind]));
    toast.append(iconButton('close', 'Dismiss', remove));
    // Nobody should have to read against the clock.
    toast.addEventListener('pointerenter', () => clearTimeout(timer));
    toast.addEventListener('pointerleave', arm);
    toast.addEventListener('focusin', () => clearTimeout(timer));
    toast.addEventListener('focusout', arm);
    this.element.append(toast);
    while (this.element.children.length > AT_ONCE) this.element.firstElementChild?.remove();
    arm();
  }

  error(text: string, cause?: unknown): void {
    this.show(text, 'error', causeText(cause));
  }
}

/** What went wrong, in a sentence. */
export function causeText(cause: unknown): string | undefined {
  if (cause === undefined || cause === null) return undefined;
  if (cause instanceof Error) return cause.message || cause.name;
  return String(cause);
}
