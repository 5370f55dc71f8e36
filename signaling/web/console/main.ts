/**
 * The console: the page at `/`.
 *
 * Address: `?room=NAME` or `#NAME`; `#room=NAME&token=JWS` for servers that want join tokens (a fragment is not sent to servers and
 * logs); `?height=360` overrides the picture to send.
 *
 * `window.belfry` holds `{client, room}` for scripts and tests that want to look on.
 */
import { connect, isBelfryError, type Client, type Room } from '../sdk/index.js';
import { Devices } from './devices.js';
import { h } from './dom.js';
import { Prejoin, type JoinChoice } from './prejoin.js';
import { RoomView } from './roomview.js';
import { Toasts } from './toasts.js';

declare global {
  interface Window {
    belfry: { client: Client | null; room: Room | null };
  }
}

interface Address {
  room: string;
  token: string | undefined;
  height: number | undefined;
}

function readAddress(): Address {
  const query = new URLSearchParams(location.search);
  const fragment = location.hash.slice(1);
  const named = new URLSearchParams(fragment.includes('=') ? fragment : '');
  const height = Number(query.get('height'));
  const token = named.get('token') ?? undefined;
  const room = query.get('room') ?? named.get('room') ?? (fragment.includes('=') ? '' : decodeURIComponent(fragment));
  // A token should not stay where it is copied along with the link.
  if (token) history.replaceState(null, '', `${location.pathname}?${new URLSearchParams({ room })}`);
  return { room, token, height: height >= 90 && height <= 2160 ? height : undefined };
}

const address = readAddress();
const app = document.getElementById('app') as HTMLElement;
const toasts = new Toasts();
const screenHolder = h('div', { class: 'screen' });
app.append(screenHolder, toasts.element);
window.belfry = { client: null, room: null };

const devices = new Devices(address.height);
let client: Client | null = null;
let prejoin: Prejoin | null = null;

/** Keep trying: the page may be opened before the server is up. */
async function connectForever(): Promise<Client> {
  for (;;) {
    try {
      return await connect();
    } catch {
      prejoin?.setServer('unreachable');
    }
  }
}

function showServer(): void {
  if (!client) return;
  if (client.state === 'waiting') return prejoin?.setServer('unreachable');
  const { server, auth } = client.hello;
  prejoin?.setServer({ ...server, needsToken: auth === 'token', hasToken: address.token !== undefined });
}

function showPrejoin(notice?: string): void {
  window.belfry.room = null;
  document.title = address.room ? `${address.room} · belfry` : 'belfry';
  prejoin = new Prejoin({ devices, room: address.room, notice, onJoin: join });
  screenHolder.replaceChildren(prejoin.element);
  showServer();
  prejoin.focus();
}

async function join(choice: JoinChoice): Promise<void> {
  if (!client) return;
  const token = address.token ?? choice.token;
  let room: Room;
  try {
    room = await client.join({ room: choice.room, name: choice.name, ...(token && { token }) });
  } catch (error) {
    toasts.error(joinFailure(error), error);
    return;
  }
  address.room = choice.room;
  history.replaceState(null, '', `${location.pathname}?${new URLSearchParams({ room: choice.room })}`);
  document.title = `${choice.room} · belfry`;
  window.belfry.room = room;
  prejoin?.close();
  prejoin = null;
  const view = new RoomView({ client, room, name: choice.name, devices, toasts, onLeft: (cause) => showPrejoin(cause ?? 'You left the room.') });
  screenHolder.replaceChildren(view.element);
}

function joinFailure(error: unknown): string {
  if (isBelfryError(error, 'room_full')) return 'The room is full.';
  if (isBelfryError(error, 'unauthorized', 'forbidden')) return 'The server does not let you into this room.';
  if (isBelfryError(error, 'timeout')) return 'The server does not answer.';
  return 'You could not join.';
}

// A page brought back from the browser's memory has left its room when it was put there.
window.addEventListener('pageshow', (event) => event.persisted && location.reload());

showPrejoin();
void devices.startBoth();
client = await connectForever();
window.belfry.client = client;
client.on('state', showServer);
client.on('lost', showServer);
showServer();
