// Two and three people: pictures in the size sent, sound, mute, leaving and coming back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { person } from './lib/call.mjs';
import { startServer } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

async function both(t, kindOfAda, kindOfBob, room) {
  const server = await startServer(t);
  const [ada, bob] = await Promise.all([person(t, 'Ada', kindOfAda), person(t, 'Bob', kindOfBob)]);
  await ada.join(server, room);
  await bob.join(server, room);
  await Promise.all([ada.sees('Bob'), bob.sees('Ada')]);
  await server.runsAsVariant();
  return { server, ada, bob };
}

async function seeAndHear(ada, bob) {
  await Promise.all([ada.decodes('Bob', { count: 30 }), bob.decodes('Ada', { count: 30 })]);
  await Promise.all([ada.hears('Bob'), bob.hears('Ada')]);
  await Promise.all([ada.seesInFull('Bob', bob), bob.seesInFull('Ada', ada)]);
}

test('two Chromiums see and hear each other, mute, leave and come back', async (t) => {
  const { ada, bob } = await both(t, 'chromium', 'chromium', 'pair');
  await seeAndHear(ada, bob);
  await ada.page.screenshot('call-two');

  // Mute: the other's page shows it, and the sound ends.
  await ada.page.press('m');
  await bob.until('sees that Ada is muted', () => [...window.belfry.room.participants.values()][0].track('microphone').muted);
  await bob.until('the tile says so', () => document.querySelector('.tile[aria-label^="Ada"]').getAttribute('aria-label').includes('microphone off'));
  await bob.hearsNothing('Ada');
  await ada.page.press('m');
  await bob.until('sees that Ada is not muted', () => ![...window.belfry.room.participants.values()][0].track('microphone').muted);
  await bob.hears('Ada');

  // Camera off and on: the same track, no new negotiation.
  const { id } = await bob.inbound('Ada');
  await ada.page.press('v');
  await bob.until('sees no picture of Ada', () => document.querySelector('.tile[aria-label^="Ada"] video').hidden);
  assert.equal(await ada.evaluate(() => window.belfry.room.localTracks.find((track) => track.source === 'camera').mediaTrack), null, 'the camera is released');
  await ada.page.press('v');
  await bob.until('sees a picture of Ada', () => !document.querySelector('.tile[aria-label^="Ada"] video').hidden);
  assert.equal((await bob.decodes('Ada')).id, id);

  // Leave by the button, and join again from the form.
  await ada.page.click('.toolbar .danger');
  await bob.sees();
  await ada.submit();
  await Promise.all([ada.sees('Bob'), bob.sees('Ada')]);
  await Promise.all([ada.decodes('Bob'), bob.decodes('Ada')]);
  await bob.hears('Ada');
  ada.assertClean();
  bob.assertClean();
});

test('Chromium and Firefox see and hear each other', async (t) => {
  const { ada, bob } = await both(t, 'chromium', 'firefox', 'mixed');
  await seeAndHear(ada, bob);
  await bob.page.screenshot('call-firefox');
  await bob.page.press('m');
  await ada.until('sees that Bob is muted', () => [...window.belfry.room.participants.values()][0].track('microphone').muted);
  await bob.page.press('m');
  await ada.hears('Bob');
  ada.assertClean();
  bob.assertClean();
});

test('three people, Firefox among them; the one who leaves is gone for the others', async (t) => {
  const { server, ada, bob } = await both(t, 'chromium', 'firefox', 'three');
  const eve = await person(t, 'Eve');
  await eve.join(server, 'three');
  const all = [ada, bob, eve];
  for (const one of all) await one.sees(...all.filter((other) => other !== one).map((other) => other.name));
  for (const one of all) for (const other of all) if (other !== one) await one.decodes(other.name, { count: 10 });
  for (const one of all) for (const other of all) if (other !== one) await one.hears(other.name);
  await ada.page.screenshot('call-three');
  await until('someone is marked as speaking', () => ada.evaluate(() => document.querySelector('.tile.speaking') !== null));
  await eve.page.close(); // without a word
  await Promise.all([ada.sees('Bob'), bob.sees('Ada')]);
  await Promise.all([ada.decodes('Bob'), bob.decodes('Ada')]);
  ada.assertClean();
  bob.assertClean();
});
