// What breaks in a call and has to mend itself: the socket, the paths of the media, the server.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { person } from './lib/call.mjs';
import { startServer } from './lib/server.mjs';
import { pause, until } from './lib/wait.mjs';

async function pair(t, room, ...args) {
  const server = await startServer(t, ...args);
  const [ada, bob] = await Promise.all([person(t, 'Ada'), person(t, 'Bob')]);
  await ada.join(server, room);
  await bob.join(server, room);
  await Promise.all([ada.decodes('Bob'), bob.decodes('Ada')]);
  return { server, ada, bob };
}

/** Keep a diary of what the room tells, in order. */
function record(who) {
  return who.evaluate(() => {
    const diary = [];
    window.diary = diary;
    const { client, room } = window.belfry;
    for (const name of ['participant:joined', 'track:published', 'track:subscribed', 'track:unpublished', 'track:muted', 'rejoined'])
      room.on(name, (what) => diary.push(`${name} ${what.name ?? what.source ?? ''}${name === 'track:muted' ? ` ${what.muted}` : ''}`.trim()));
    room.on('participant:left', ({ participant }) => diary.push(`participant:left ${participant.name}`));
    client.on('resumed', () => diary.push('resumed'));
    client.on('lost', () => diary.push('lost'));
  });
}

const diary = (who) => who.evaluate(() => window.diary);

/** All of `frames` decoded by then are more than before: the picture did not stop. */
async function framesDuring(who, name, during) {
  const before = await who.inbound(name);
  await during();
  const after = await who.inbound(name);
  assert.equal(after.id, before.id, 'still the same track');
  return after.framesDecoded - before.framesDecoded;
}

test('a lost socket is resumed: media goes on, nothing is missed and nothing comes twice', async (t) => {
  const { server, ada, bob } = await pair(t, 'resume');
  const eve = await person(t, 'Eve');
  await record(ada);
  const frames = await framesDuring(ada, 'Bob', async () => {
    // Cut the socket, and keep it cut for a while in which things happen in the room.
    await ada.evaluate(() => {
      window.RealSocket = window.WebSocket;
      window.WebSocket = class {
        constructor() {
          setTimeout(() => this.onclose?.({ code: 1006, reason: '' }), 10);
        }
        close() {}
      };
      window.belfry.client.reconnect();
    });
    await ada.until('says so', () => window.belfry.room.state === 'reconnecting' && !document.querySelector('.banner').hidden);
    await ada.page.screenshot('reconnecting');
    await eve.join(server, 'resume');
    await bob.page.press('m');
    await bob.until('is muted', () => window.belfry.room.localTracks.find((track) => track.source === 'microphone').muted);
    // What Ada wants meanwhile waits, and is asked for once.
    await ada.page.press('m');
    await pause(1_000);
    await ada.evaluate(() => {
      window.WebSocket = window.RealSocket;
      window.belfry.client.retryNow();
    });
    await ada.until('is back', () => window.belfry.room.state === 'joined' && document.querySelector('.banner').hidden);
  });
  assert.ok(frames > 30, `the picture went on without signaling: ${frames} frames`);
  await ada.decodes('Eve');
  await bob.until('hears that Ada is muted', () => [...window.belfry.room.participants.values()].find((p) => p.name === 'Ada').track('microphone').muted);
  const events = await diary(ada);
  assert.deepEqual(events.filter((e) => e === 'lost' || e === 'rejoined'), [], 'the session was resumed, not begun anew');
  assert.equal(events.filter((e) => e === 'resumed').length, 1);
  for (const once of ['participant:joined Eve', 'track:published camera', 'track:published microphone', 'track:subscribed camera', 'track:subscribed microphone', 'track:muted microphone true'])
    assert.equal(events.filter((e) => e === once).length, 1, `"${once}" once in ${JSON.stringify(events)}`);
  assert.ok(events.indexOf('participant:joined Eve') < events.indexOf('track:published camera'));
  assert.ok(events.indexOf('track:published camera') < events.indexOf('track:subscribed camera'));
  assert.deepEqual(events.filter((e) => e.startsWith('participant:left')), []);
  ada.assertClean();
});

test('sockets that break again and again lose nothing', async (t) => {
  const { ada, bob } = await pair(t, 'flaky');
  await record(ada);
  const times = 6;
  for (let i = 0; i < times; i++) {
    await bob.page.press('m');
    await ada.evaluate(() => window.belfry.client.reconnect());
    await ada.until('is back', () => window.belfry.client.state === 'open' && window.belfry.room.state === 'joined');
  }
  const expected = Array.from({ length: times }, (_, i) => `track:muted microphone ${i % 2 === 0}`);
  await until('Ada has seen each mute', async () => (await diary(ada)).filter((e) => e.startsWith('track:muted')).length >= times);
  assert.deepEqual((await diary(ada)).filter((e) => e.startsWith('track:muted')), expected);
  assert.equal((await diary(ada)).includes('lost'), false);
  await ada.decodes('Bob');
});

const ufrag = (who, pc) => who.evaluate((name) => /a=ice-ufrag:(\S+)/.exec(window.belfry.room.peerConnections[name].remoteDescription.sdp)?.[1], pc);

test('an ICE restart takes new credentials on both connections and keeps the tracks', async (t) => {
  const { ada, bob } = await pair(t, 'restart');
  const before = { publish: await ufrag(ada, 'publish'), subscribe: await ufrag(ada, 'subscribe') };
  const { id } = await bob.inbound('Ada');
  await ada.evaluate(() => window.belfry.room.restartIce());
  for (const pc of ['publish', 'subscribe']) await until(`new credentials on ${pc}`, async () => (await ufrag(ada, pc)) !== before[pc]);
  await Promise.all([ada.decodes('Bob'), bob.decodes('Ada')]);
  assert.equal((await bob.inbound('Ada')).id, id);
  for (const pc of ['publish', 'subscribe'])
    await ada.until(`${pc} is connected`, (name) => window.belfry.room.peerConnections[name].connectionState === 'connected', pc);
  ada.assertClean();
});

test('a path that was blocked is found again without joining anew', async (t) => {
  const { ada, bob } = await pair(t, 'blocked', '--media.tcp=false');
  await record(ada);
  const rule = ['INPUT', '-p', 'udp', '-j', 'DROP'];
  execFileSync('iptables', ['-A', ...rule]);
  await ada.until('notices', () => window.belfry.room.peerConnections.subscribe.iceConnectionState === 'disconnected', undefined, { timeoutMs: 30_000 });
  execFileSync('iptables', ['-D', ...rule]);
  await Promise.all([ada.decodes('Bob', { timeoutMs: 30_000 }), bob.decodes('Ada', { timeoutMs: 30_000 })]);
  assert.deepEqual((await diary(ada)).filter((e) => e === 'rejoined'), []);
  ada.assertClean();
});

test('after a restart of the server everyone is back, with the same local tracks and no reload', async (t) => {
  const { server, ada, bob } = await pair(t, 'reborn');
  for (const one of [ada, bob]) await one.evaluate(() => (window.marker = window.belfry.room.localTracks.map((track) => track.mediaTrack.id).sort().join()));
  await server.stop('SIGKILL'); // no goodbye
  await ada.until('says so', () => !document.querySelector('.banner').hidden);
  await server.start();
  for (const one of [ada, bob]) await one.inRoom({ timeoutMs: 30_000 });
  await Promise.all([ada.sees('Bob'), bob.sees('Ada')]);
  await Promise.all([ada.decodes('Bob'), bob.decodes('Ada')]);
  await Promise.all([ada.hears('Bob'), bob.hears('Ada')]);
  for (const one of [ada, bob])
    assert.equal(await one.evaluate(() => window.belfry.room.localTracks.map((track) => track.mediaTrack.id).sort().join() === window.marker), true);

  // With a goodbye too, and chat works on the new connection.
  await server.stop();
  await server.start();
  for (const one of [ada, bob]) await one.inRoom({ timeoutMs: 30_000 });
  await Promise.all([ada.decodes('Bob', { timeoutMs: 30_000 }), bob.decodes('Ada', { timeoutMs: 30_000 })]);
  await bob.evaluate(() => window.belfry.room.onData(({ payload }) => (window.heard = payload)));
  await ada.evaluate(() => window.belfry.room.sendData('still here'));
  await bob.until('reads', () => window.heard === 'still here');
  ada.assertClean();
  bob.assertClean();
});
