// The console itself: at a desk and on a phone, by keyboard, with devices refused; and the SDK as other pages load it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { person } from './lib/call.mjs';
import { startServer } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const DESK = [1280, 800];
const PHONE = [360, 740];

/** Guests without browsers of their own: one page that loads the SDK and joins with each name. */
async function guests(t, server, room, names) {
  const host = await person(t, 'Host');
  await host.page.goto(server.url);
  await host.evaluate(
    async ({ room, names }) => {
      const { connect } = await import('/belfry.js');
      window.guests = [];
      for (const name of names) {
        const client = await connect();
        window.guests.push({ client, room: await client.join({ room, name }) });
      }
    },
    { room, names },
  );
  return host;
}

/** Nothing sticks out to the right, and every control has a name. */
async function assertFits(who, what) {
  const found = await who.evaluate(() => {
    const shown = (element) => element.getClientRects().length > 0;
    const controls = [...document.querySelectorAll('button, input, select, textarea')].filter(shown);
    const nameless = controls.filter((c) => !(c.getAttribute('aria-label') || c.textContent.trim() || c.labels?.length));
    const outside = controls.filter((c) => c.getBoundingClientRect().right > innerWidth + 1 || c.getBoundingClientRect().left < -1);
    const name = (c) => c.getAttribute('aria-label') ?? c.id ?? c.outerHTML;
    return { overflow: document.documentElement.scrollWidth - innerWidth, nameless: nameless.map(name), outside: outside.map(name) };
  });
  assert.ok(found.overflow <= 0, `${what}: ${found.overflow} px too wide`);
  assert.deepEqual([found.nameless, found.outside], [[], []], what);
}

test('the page fits a desk and a phone, before and in the room', async (t) => {
  const server = await startServer(t);
  const ada = await person(t, 'Ada Lovelace');
  await ada.page.goto(`${server.url}/?room=design&height=360`);
  await ada.until('sees the preview', () => document.querySelector('.preview video')?.videoWidth > 0);
  await ada.page.fill('#name', 'Ada Lovelace');
  for (const [name, size] of [['desk', DESK], ['phone', PHONE]]) {
    await ada.page.size(...size);
    await assertFits(ada, `prejoin ${name}`);
    await ada.page.screenshot(`prejoin-${name}`);
  }
  await ada.submit();
  for (const [name, size] of [['phone', PHONE], ['desk', DESK]]) {
    await ada.page.size(...size);
    await assertFits(ada, `alone ${name}`);
    await ada.page.screenshot(`alone-${name}`);
  }
  const host = await guests(t, server, 'design', ['Grace Hopper', 'Tim', 'Radia Perlman', 'Someone with a name that is really quite long, for a name']);
  await ada.until('sees four more', () => window.belfry.room.participants.size === 4);
  await host.evaluate(() => window.guests[0].room.sendData('Slides are in the shared folder.'));
  await ada.until('has a message', () => document.querySelector('.badge:not([hidden])') !== null);
  await until('the notices are gone', () => ada.evaluate(() => document.querySelector('.toast') === null));
  for (const [name, size] of [['desk', DESK], ['phone', PHONE]]) {
    await ada.page.size(...size);
    await assertFits(ada, `room ${name}`);
    await ada.page.screenshot(`room-${name}`);
    await ada.page.press('c');
    await assertFits(ada, `chat ${name}`);
    await ada.page.screenshot(`chat-${name}`);
    await ada.page.press('Escape');
    await ada.page.press('q');
    await ada.until('sees numbers', () => document.querySelector('.tile-stats:not([hidden])') !== null);
    await ada.page.screenshot(`stats-${name}`);
    await ada.page.press('q');
    await ada.page.click('.toolbar [aria-label=Devices]');
    await assertFits(ada, `devices ${name}`);
    await ada.page.screenshot(`devices-${name}`);
    await ada.page.press('Escape');
  }
  ada.assertClean();
});

test('everything can be reached by keyboard, and focus is seen', async (t) => {
  const server = await startServer(t);
  const ada = await person(t, 'Ada');
  await ada.join(server, 'keys');
  const reached = [];
  for (let i = 0; i < 12; i++) {
    await ada.page.press('Tab');
    const focus = await ada.evaluate(() => {
      const { activeElement: at } = document;
      return { label: at.getAttribute('aria-label') ?? '', outline: getComputedStyle(at).outlineStyle };
    });
    if (!focus.label) continue;
    assert.notEqual(focus.outline, 'none', `focus on ${focus.label} is seen`);
    reached.push(focus.label);
  }
  for (const label of ['Copy the link to this room', 'Turn microphone off (M)', 'Turn camera off (V)', 'Share your screen (S)', 'Chat (C)', 'Connection quality (Q)', 'Devices', 'Leave'])
    assert.ok(reached.includes(label), `${label} among ${reached}`);
  await ada.page.press('?');
  await ada.until('sees the list of keys', () => document.querySelector('dialog[open] kbd') !== null);
  await ada.page.screenshot('help');
  await ada.page.press('m'); // a dialog takes the keys for itself
  await ada.page.press('Escape');
  await ada.until('the list is gone', () => document.querySelector('dialog') === null);
  assert.equal(await ada.evaluate(() => window.belfry.room.localTracks.find((track) => track.source === 'microphone').muted), false);
  // Letters typed into the chat are letters.
  await ada.page.press('c');
  await ada.page.fill('#chat-input', '');
  for (const key of ['m', 'v', 's', 'q']) await ada.page.press(key);
  assert.equal(await ada.evaluate(() => document.querySelector('#chat-input').value), 'mvsq');
  assert.equal(await ada.evaluate(() => window.belfry.room.localTracks.every((track) => !track.muted)), true);
});

test('a full room and a bad name of a room are told in words', async (t) => {
  const server = await startServer(t, '--media.room_participant_count_max=1');
  await guests(t, server, 'full', ['First']);
  const ada = await person(t, 'Ada');
  await ada.page.goto(`${server.url}/?room=full&height=360`);
  await ada.until('the form is ready', () => document.querySelector('.prejoin button[type=submit]')?.disabled === false);
  await ada.page.fill('#name', 'Ada');
  await ada.page.click('.prejoin button[type=submit]');
  await ada.until('is told', () => /The room is full/.test(document.querySelector('.toast-error')?.textContent ?? ''));
  await ada.page.fill('#room', 'not a room!');
  await ada.page.click('.prejoin button[type=submit]');
  assert.equal(await ada.evaluate(() => document.querySelector('#room').matches(':invalid')), true);
  await ada.page.fill('#room', 'free');
  await ada.page.click('.prejoin button[type=submit]');
  await ada.inRoom();
});

test('a server with keys lets in who has a token, as far as it goes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'belfry-keys-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const key = join(folder, 'key.pem');
  const belfry = (...args) => execFileSync(process.env.BELFRY, ['token', ...args], { encoding: 'utf8' }).trim();
  belfry('keygen', key);
  const server = await startServer(t, `--rtc.join_keys=${key}.pub`);
  const ada = await person(t, 'Ada');

  // By the form: no token, a token for another room, the right one.
  await ada.page.goto(`${server.url}/?room=members&height=360`);
  await ada.until('is asked for a token', () => document.querySelector('#token')?.checkVisibility() && !document.querySelector('.prejoin button[type=submit]').disabled);
  await ada.page.fill('#name', 'Ada');
  await ada.page.fill('#token', belfry('sign', key, 'room=another'));
  await ada.page.click('.prejoin button[type=submit]');
  await ada.until('is refused', () => /does not let you into this room/.test(document.querySelector('.toast-error')?.textContent ?? ''));
  await ada.page.fill('#token', belfry('sign', key, 'room=members'));
  await ada.page.click('.prejoin button[type=submit]');
  await ada.inRoom();

  // By the address: a viewer who may neither publish nor write. The token does not stay in the address.
  const bob = await person(t, 'Bob');
  await bob.page.goto(`${server.url}/?height=360#room=members&token=${belfry('sign', key, 'room=members', 'publish=false', 'data=false')}`);
  assert.equal(await bob.evaluate(() => location.href.includes('token')), false);
  await bob.submit();
  await bob.decodes('Ada');
  const can = await bob.evaluate(() => ({
    microphone: !document.querySelector('[aria-label^="Turn microphone"]').disabled,
    write: !document.querySelector('#chat-input').disabled,
    publish: window.belfry.room.peerConnections.publish !== null,
  }));
  assert.deepEqual(can, { microphone: false, write: false, publish: false });
  await assert.rejects(bob.evaluate(() => window.belfry.room.sendData('x')), /does not allow/);
  bob.assertClean();
});
