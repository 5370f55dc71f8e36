// Someone tries belfry on an ordinary machine: the page is on 127.0.0.1, the machine has another address too, and no browser was
// told anything special. Browsers then may send checks from the one address to the other, or not at all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { person } from './lib/call.mjs';
import { startServer } from './lib/server.mjs';

test('a Firefox with its own settings meets a Chromium', async (t) => {
  const server = await startServer(t);
  const prefs = { 'media.peerconnection.ice.loopback': false, 'media.peerconnection.ice.obfuscate_host_addresses': true };
  const ada = await person(t, 'Ada', 'firefox', { prefs });
  const bob = await person(t, 'Bob');
  await ada.join(server, 'newcomer');
  await bob.join(server, 'newcomer');
  await Promise.all([ada.decodes('Bob', { timeoutMs: 30_000 }), bob.decodes('Ada', { timeoutMs: 30_000 })]);
  await Promise.all([ada.hears('Bob'), bob.hears('Ada')]);
  await ada.page.screenshot('newcomer-firefox');
  ada.assertClean();
});

test('a viewer who gives no camera, and therefore no address', async (t) => {
  const server = await startServer(t);
  const ada = await person(t, 'Ada');
  const bob = await person(t, 'Bob', 'chromium', { denied: true });
  await ada.join(server, 'viewer');
  await bob.page.goto(`${server.url}/?room=viewer&height=360`);
  await bob.until('is told that it can join without', () => /may not use your camera and microphone/.test(document.querySelector('.problem')?.textContent ?? ''));
  await bob.page.screenshot('prejoin-denied');
  await bob.submit();
  await bob.decodes('Ada');
  await bob.hears('Ada');
  const candidates = await bob.evaluate(async () => {
    const stats = await window.belfry.room.peerConnections.subscribe.getStats();
    return { sdp: window.belfry.room.peerConnections.subscribe.localDescription.sdp, local: [...stats.values()].filter((r) => r.type === 'local-candidate').length };
  });
  const addresses = [...candidates.sdp.matchAll(/a=candidate:\S+ \d+ \S+ \d+ (\S+)/g)].map((match) => match[1]);
  assert.ok(addresses.length > 0 && addresses.every((address) => address.endsWith('.local')), `only names: ${addresses}`);
  // Without a camera one can still write.
  await bob.evaluate(() => window.belfry.room.sendData('I only watch'));
  await ada.until('reads', () => document.querySelector('.badge:not([hidden])') !== null);
  await bob.page.screenshot('viewer');
  bob.assertClean();
});
