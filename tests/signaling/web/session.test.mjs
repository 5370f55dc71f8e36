import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Session } from '#sdk/session.ts';
import { FakeEnv, HELLO, settle } from './fakes.mjs';

function start(options = {}) {
  const env = new FakeEnv();
  const session = new Session({ url: 'ws://x/ws', env, ...options });
  const events = [];
  session.on('fresh', ({ lost }) => events.push(lost ? 'lost' : 'fresh'));
  session.on('resumed', () => events.push('resumed'));
  session.on('frame', (frame) => events.push(`${frame.type} ${frame.seq}`));
  session.start();
  return { env, session, events };
}

function open(options) {
  const all = start(options);
  all.env.socket.say('connection_established', { data: HELLO });
  return all;
}

/** Drop the socket and greet on the next one. */
function comeBack({ env }, token = 'second') {
  env.socket.drop();
  nextSocket(env);
  env.socket.say('connection_established', { data: { ...HELLO, resume_token: token } });
}

function nextSocket(env) {
  const before = env.sockets.length;
  while (env.sockets.length === before) env.advance(10);
}

const resume = ({ env }, replayed = 0) => env.socket.say('connection:resumed', { id: env.socket.last('connection:resume').id, data: { connection_id: 'x', replayed } });

test('requests wait for the greeting and are answered by id, in any order', async () => {
  const { env, session } = start();
  const a = session.request('room:leave', {});
  const b = session.request('ice_restart', { pc: 'subscribe' });
  assert.equal(env.socket.sent.length, 0);
  env.socket.say('connection_established', { data: HELLO });
  const [first, second] = env.socket.requests;
  assert.notEqual(first.id, second.id);
  env.socket.say('ok', { id: second.id, seq: 1, data: {} });
  env.socket.say('room:left', { id: first.id, seq: 2, data: { room: 'r' } });
  assert.deepEqual(await a, { room: 'r' });
  assert.deepEqual(await b, {});
});

test('an error answer rejects with the code of the server', async () => {
  const { env, session } = open();
  const request = session.request('room:join', { room: 'r', name: 'n' });
  const { id } = env.socket.last('room:join');
  env.socket.say('error', { id, seq: 1, data: { code: 'room_full', message: 'no seat', ref: id } });
  await assert.rejects(request, { code: 'room_full', message: 'no seat' });
});

test('after a break the session resumes with the old token and the last frame seen', () => {
  const all = open();
  all.env.socket.say('track:muted', { seq: 1, data: {} });
  all.env.socket.say('track:muted', { seq: 2, data: {} });
  comeBack(all);
  assert.deepEqual(all.env.socket.last('connection:resume').data, { token: 'first', last_seq: 2 });
  assert.equal(all.session.state, 'connecting', 'not open before the server has said yes');
  resume(all);
  assert.equal(all.session.state, 'open');
  comeBack(all);
  assert.equal(all.env.socket.last('connection:resume').data.token, 'first', 'the token of the session, not of the socket');
});

test('replayed frames are seen once, also those that had arrived', () => {
  const all = open();
  all.env.socket.say('a', { seq: 1 });
  comeBack(all);
  resume(all, 2);
  all.env.socket.say('a', { seq: 1 });
  all.env.socket.say('b', { seq: 2 });
  all.env.socket.say('b', { seq: 2 });
  all.env.socket.say('c', { seq: 3 });
  assert.deepEqual(all.events, ['fresh', 'a 1', 'resumed', 'b 2', 'c 3']);
});

test('what had no answer is sent again with the same id, what had one is not', async () => {
  const all = open();
  const answered = all.session.request('room:leave', {});
  all.env.socket.say('room:left', { id: all.env.socket.last('room:leave').id, seq: 1, data: { room: 'r' } });
  const waiting = all.session.request('ice_restart', { pc: 'subscribe' });
  const before = all.env.socket.last('ice_restart');
  comeBack(all);
  const whileAway = all.session.request('track:mute', { track_id: 'aa', muted: true });
  assert.deepEqual(all.env.socket.requests.map((r) => r.type), ['connection:resume'], 'nothing before the session is settled');
  resume(all);
  assert.deepEqual(all.env.socket.requests.slice(1).map((r) => r.type), ['ice_restart', 'track:mute']);
  assert.equal(all.env.socket.last('ice_restart').id, before.id);
  all.env.socket.say('ok', { id: before.id, seq: 2 });
  all.env.socket.say('ok', { id: all.env.socket.last('track:mute').id, seq: 3 });
  await Promise.all([answered, waiting, whileAway]);
});

test('a session the server has forgotten is begun anew, and its requests are given back', async () => {
  const all = open();
  all.env.socket.say('a', { seq: 7 });
  const request = all.session.request('room:leave', {});
  comeBack(all);
  const { id } = all.env.socket.last('connection:resume');
  all.env.socket.say('error', { id, data: { code: 'resume_failed', message: 'gone', ref: id } });
  await assert.rejects(request, { code: 'resume_failed' });
  assert.equal(all.session.state, 'open');
  all.env.socket.say('b', { seq: 1 });
  assert.deepEqual(all.events, ['fresh', 'a 7', 'lost', 'b 1'], 'numbers begin anew');
  comeBack(all, 'third');
  assert.deepEqual(all.env.socket.last('connection:resume').data, { token: 'second', last_seq: 1 });
});

test('the waits between attempts grow, and stay within their bounds', () => {
  const { env, session } = open();
  const waits = [];
  session.on('dropped', ({ retryMs }) => waits.push(retryMs));
  for (let i = 0; i < 8; i++) {
    env.socket.drop();
    env.advance(waits.at(-1) - 1);
    const before = env.sockets.length;
    env.advance(1);
    assert.equal(env.sockets.length, before + 1, 'exactly then');
  }
  assert.deepEqual(waits, [188, 375, 750, 1500, 3000, 6000, 7500, 7500]);
});

test('a server that closes says when to come back', () => {
  const { env, session } = open();
  let wait = 0;
  session.on('dropped', ({ retryMs }) => (wait = retryMs));
  env.socket.say('server:closing', { seq: 1, data: { reason: 'update', reconnect_ms: 4000 } });
  env.socket.drop(1001);
  assert.ok(wait >= 4000 && wait <= 5000, `${wait}`);
});

test('a socket without a greeting, without an answer to resume, or without pong is given up', () => {
  const silent = start();
  silent.env.advance(10_000);
  assert.equal(silent.env.sockets[0].closed, 4001);

  const all = open();
  comeBack(all);
  const before = all.env.sockets.length;
  all.env.advance(10_000);
  assert.equal(all.env.sockets[before - 1].closed, 4001);

  const dead = open();
  dead.env.advance(8_000);
  assert.equal(dead.env.sockets[0].closed, 4001);
  assert.equal(dead.session.state, 'waiting');
});

test('pings measure the round trip, each on its own socket', () => {
  const all = open();
  const { env, session } = all;
  env.advance(30);
  env.socket.say('pong', { id: env.socket.last('ping').id, seq: 1 });
  assert.equal(session.rttMs, 30);
  env.advance(9_970);
  assert.equal(env.socket.sent.filter((f) => f.type === 'ping').length, 2);
  const old = env.socket.last('ping').id;
  comeBack(all);
  resume(all);
  env.socket.say('pong', { id: old, seq: 2 });
  assert.equal(session.rttMs, 30, 'a pong of the old socket measures nothing');
});

test('a request without an answer ends by time, counted on a working socket only', async () => {
  const all = open({ requestTimeoutMs: 5_000 });
  const request = all.session.request('room:leave', {});
  all.env.advance(4_000);
  all.env.socket.drop();
  all.env.advance(60_000); // away; sockets come and go without a greeting
  nextSocket(all.env);
  all.env.socket.say('connection_established', { data: HELLO });
  resume(all);
  let ended = false;
  request.catch(() => (ended = true));
  all.env.advance(4_999);
  await settle();
  assert.equal(ended, false);
  all.env.advance(1);
  await assert.rejects(request, { code: 'timeout' });
});

test('a session that breaks each time right after resuming is given up', () => {
  const all = open();
  for (let i = 0; i < 3; i++) {
    comeBack(all);
    resume(all);
  }
  all.session.request('room:leave', {}).catch(() => undefined);
  comeBack(all, 'clean');
  assert.equal(all.env.socket.last('connection:resume'), undefined);
  assert.equal(all.events.at(-1), 'lost');
});

test('what is too large is not sent, and nothing is after the end', async () => {
  const { env, session } = open();
  await assert.rejects(session.request('webrtc_answer', { pc: 'subscribe', sdp: 'x'.repeat(65_536) }), { code: 'too_large' });
  assert.deepEqual(env.socket.requests, []);
  const waiting = session.request('room:leave', {});
  session.close();
  await assert.rejects(waiting, { code: 'closed' });
  await assert.rejects(session.request('room:leave', {}), { code: 'closed' });
  env.advance(600_000);
  assert.equal(env.sockets.length, 1);
});

test('frames that are not frames are passed over', () => {
  const { env, events } = open();
  for (const data of ['', 'null', '[]', '{"type":7}', '{', new ArrayBuffer(3)]) env.socket.onmessage({ data });
  env.socket.say('a', { seq: 1, data: null });
  assert.deepEqual(events, ['fresh', 'a 1']);
});

test('a request refused for the pace is sent again under its id, a few times', async () => {
  const { env, session } = open();
  const request = session.request('room:leave', {});
  const { id } = env.socket.last('room:leave');
  const refuse = (seq) => env.socket.say('error', { id, seq, data: { code: 'rate_limited', message: 'slow down', ref: id } });
  const count = () => env.socket.requests.filter((r) => r.id === id).length;
  refuse(1);
  env.advance(499);
  assert.equal(count(), 1);
  env.advance(1);
  assert.equal(count(), 2);
  for (let i = 2; i <= 4; i++) {
    refuse(i);
    env.socket.say('pong', { id: env.socket.last('ping').id });
    env.advance(500 * i);
    assert.equal(count(), i + 1);
  }
  refuse(5);
  await assert.rejects(request, { code: 'rate_limited' });
});

test('credentials for TURN servers come with every greeting', () => {
  const all = open();
  all.env.socket.drop();
  nextSocket(all.env);
  const ice_servers = [{ urls: 'turn:x', username: '2', credential: 'new' }];
  all.env.socket.say('connection_established', { data: { ...HELLO, ice_servers, resume_token: 'second' } });
  resume(all);
  assert.deepEqual([all.session.hello.ice_servers, all.session.hello.resume_token], [ice_servers, 'first']);
});
