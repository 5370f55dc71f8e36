import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Channels } from '#sdk/channels.ts';
import { Publisher } from '#sdk/publisher.ts';
import { Session } from '#sdk/session.ts';
import { LocalTrack } from '#sdk/tracks.ts';
import { FakeEnv, FakePeerConnection, HELLO, settle } from './fakes.mjs';

const pc = FakePeerConnection.current;

beforeEach(() => {
  FakePeerConnection.all = [];
  globalThis.RTCPeerConnection = FakePeerConnection;
});

function setUp() {
  const env = new FakeEnv();
  const session = new Session({ url: 'ws://x/ws', env });
  session.start();
  env.socket.say('connection_established', { data: HELLO });
  const channels = new Channels(() => undefined);
  channels.want('chat');
  const log = { published: [], broken: [], errors: [] };
  const publisher = new Publisher(session, channels, {
    iceServers: () => [],
    published: (track) => log.published.push(track.id),
    broken: (why) => log.broken.push(why),
    error: (error) => log.errors.push(error),
  });
  let seq = 0;
  const answer = async (ids) => {
    const offer = env.socket.last('webrtc_offer');
    env.socket.say('webrtc_answer', { id: offer.id, seq: ++seq, data: { pc: 'publish', sdp: 'a', tracks: offer.data.tracks.map(({ mid }, i) => ({ mid, track_id: ids[i] })) } });
    await quiet();
  };
  const refuse = async (code) => {
    const { id } = env.socket.last('webrtc_offer');
    env.socket.say('error', { id, seq: ++seq, data: { code, message: code, ref: id } });
    await quiet();
  };
  const offers = () => env.socket.sent.filter((frame) => frame.type === 'webrtc_offer').map((frame) => frame.data);
  return { env, session, publisher, log, answer, refuse, offers };
}

const track = (source, kind = 'video') => new LocalTrack(source, { kind, id: source }, [{ maxBitrate: 1 }]);

/** Let the offer that waits for the end of the turn be made. */
async function quiet() {
  for (let i = 0; i < 3; i++) {
    await new Promise((done) => setTimeout(done, 1));
    await settle();
  }
}

test('the first connection opens the chat, and tracks of one turn share one offer', async () => {
  const { publisher, answer, offers, log } = setUp();
  publisher.start(true);
  const both = [publisher.add(track('camera')), publisher.add(track('microphone', 'audio'))];
  await quiet();
  assert.deepEqual(offers().map((o) => o.tracks), [[{ mid: '0', source: 'camera' }, { mid: '1', source: 'microphone' }]]);
  assert.deepEqual(pc().channels.map((c) => c.label), ['chat']);
  await answer(['aa', 'bb']);
  await Promise.all(both);
  assert.deepEqual(log.published, ['aa', 'bb']);
  assert.equal(offers().length, 1);
});

test('changes while an offer is under way wait, and go together into the next one', async () => {
  const { publisher, answer, offers } = setUp();
  publisher.start(true);
  await quiet();
  const camera = track('camera');
  const adding = [publisher.add(camera), publisher.add(track('screen'))];
  await quiet();
  assert.equal(offers().length, 1, 'one at a time');
  await answer([]);
  assert.equal(offers().length, 2);
  assert.equal(offers()[1].tracks.length, 2);
  await answer(['aa', 'bb']);
  await Promise.all(adding);
});

test('a section is used again once the server has confirmed its end', async () => {
  const { publisher, answer, offers } = setUp();
  publisher.start(false);
  const screen = track('screen');
  const added = publisher.add(screen);
  await quiet();
  await answer(['aa']);
  await added;
  const removed = publisher.remove(screen);
  const early = publisher.add(track('screen')); // before the end is confirmed: another section
  await quiet();
  assert.deepEqual(offers()[1].tracks, [{ mid: '1', source: 'screen' }]);
  assert.equal(pc().transceivers[0].direction, 'inactive');
  await answer(['bb']);
  await Promise.all([removed, early]);
  const later = publisher.add(track('screen'));
  await quiet();
  assert.equal(pc().transceivers.length, 2);
  assert.equal(pc().transceivers[0].direction, 'sendonly');
  await answer(['bb', 'cc']);
  await later;
});

test('candidates follow the offer they belong to', async () => {
  const { publisher, env } = setUp();
  publisher.start(true);
  await quiet();
  pc().candidate({ candidate: 'candidate:1', sdpMid: '0' });
  pc().candidate({ candidate: '', sdpMid: '0' });
  pc().candidate(null);
  const types = env.socket.requests.map((r) => [r.type, r.data.candidate]);
  assert.deepEqual(types.slice(0, 3), [['webrtc_offer', undefined], ['ice_candidate', 'candidate:1'], ['ice_candidate', null]]);
});

test('a refused offer is taken back, and its new tracks are told why', async () => {
  const { publisher, answer, refuse, offers, log } = setUp();
  publisher.start(false);
  const camera = track('camera');
  const good = publisher.add(camera);
  await quiet();
  await answer(['aa']);
  await good;
  const bad = publisher.add(track('screen'));
  const told = assert.rejects(bad, { code: 'forbidden' });
  await quiet();
  await refuse('forbidden');
  await told;
  assert.equal(pc().rollbacks, 1);
  assert.deepEqual([camera.id, publisher.tracks.length], ['aa', 1], 'what was published before stays');
  assert.deepEqual(log.broken, []);
  assert.equal(offers().length, 2, 'not tried again by itself');
});

test('a refused offer without anything new means that the connection is broken', async () => {
  const { publisher, answer, refuse, log } = setUp();
  publisher.start(true);
  await quiet();
  await answer([]);
  publisher.restartIce();
  await quiet();
  assert.deepEqual(pc().offers.at(-1), { iceRestart: true });
  await refuse('bad_state');
  assert.equal(log.broken.length, 1);
});

test('a connection that has failed restarts ICE at once', async () => {
  const { publisher, answer, offers } = setUp();
  publisher.start(true);
  await quiet();
  await answer([]);
  pc().become('connected');
  pc().become('failed');
  await quiet();
  assert.equal(offers().length, 2);
  assert.deepEqual(pc().offers.at(-1), { iceRestart: true });
  publisher.close();
});

test('a reset keeps the tracks and publishes them again on a new connection', async () => {
  const { publisher, answer, offers, log } = setUp();
  publisher.start(true);
  const camera = track('camera');
  const added = publisher.add(camera);
  await quiet();
  publisher.reset(); // the answer never came: the session was lost
  assert.equal(FakePeerConnection.all[0].connectionState, 'closed');
  publisher.start(true);
  await quiet();
  assert.equal(FakePeerConnection.all.length, 2);
  assert.deepEqual(offers().at(-1).tracks, [{ mid: '0', source: 'camera' }]);
  await answer(['bb']);
  await added;
  assert.deepEqual([camera.id, log.published], ['bb', ['bb']]);
});
