// What one does in a call beside talking: share a screen, write, choose a layer, send bytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { person } from './lib/call.mjs';
import { startServer } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

async function meet(t, room, heights = [360, 360], kinds = ['chromium', 'chromium']) {
  const server = await startServer(t);
  const [ada, bob] = await Promise.all([person(t, 'Ada', kinds[0]), person(t, 'Bob', kinds[1])]);
  await ada.join(server, room, { height: heights[0] });
  await bob.join(server, room, { height: heights[1] });
  await Promise.all([ada.decodes('Bob'), bob.decodes('Ada')]);
  return { server, ada, bob };
}

/** What getDisplayMedia would give, drawn: a headless browser has no screen. */
function fakeScreen(who) {
  return who.evaluate(() => {
    navigator.mediaDevices.getDisplayMedia = async () => {
      const canvas = document.createElement('canvas');
      canvas.width = 1280;
      canvas.height = 720;
      const context = canvas.getContext('2d');
      let n = 0;
      setInterval(() => {
        context.fillStyle = '#f4f1ea';
        context.fillRect(0, 0, 1280, 720);
        context.fillStyle = '#20303c';
        context.font = '600 64px sans-serif';
        context.fillText('Quarterly plan', 90, 150);
        context.font = '32px sans-serif';
        for (let row = 0; row < 5; row++) context.fillRect(90, 230 + row * 80, 180 + ((n + row * 97) % 700), 36);
        context.fillText(String(n++), 1150, 680);
      }, 66);
      const stream = canvas.captureStream();
      window.screenTrack = stream.getVideoTracks()[0];
      return stream;
    };
  });
}

for (const kind of ['chromium', 'firefox']) {
  test(`${kind} shares a screen, twice, and stops`, async (t) => {
    const { ada, bob } = await meet(t, 'screen', [360, 360], [kind, 'chromium']);
    await fakeScreen(ada);
    await ada.page.press('s');
    const got = await bob.decodes('Ada', { source: 'screen', timeoutMs: 30_000 });
    await until('the screen arrives in full', async () => {
      const now = await bob.inbound('Ada', 'screen');
      return now.frameWidth === 1280 && now.frameHeight === 720;
    });
    await bob.until('the stage shows it', () => document.querySelector('.stage:not([hidden]) .tile-screen video')?.videoWidth === 1280);
    await bob.page.screenshot(`screen-${kind}`);
    await ada.page.press('s');
    await bob.until('the stage is gone', () => document.querySelector('.stage').hidden);
    await bob.until('the track is gone', () => ![...window.belfry.room.participants.values()][0].track('screen'));
    const sections = await ada.evaluate(() => window.belfry.room.peerConnections.publish.getTransceivers().length);

    await ada.page.press('s');
    const again = await bob.decodes('Ada', { source: 'screen' });
    assert.notEqual(again.id, got.id, 'another track');
    assert.equal(await ada.evaluate(() => window.belfry.room.peerConnections.publish.getTransceivers().length), sections, 'the section is used again');

    if (kind === 'chromium') {
      // "Stop sharing" of the browser itself: the track ends without the page's doing.
      await ada.evaluate(() => {
        window.screenTrack.stop();
        window.screenTrack.dispatchEvent(new Event('ended'));
      });
    } else await ada.page.press('s'); // listeners of Firefox's tracks take no event that a script made up
    await bob.until('the stage is gone', () => document.querySelector('.stage').hidden);
    await bob.decodes('Ada');
    ada.assertClean();
    bob.assertClean();
  });
}

test('chat and bytes go over data channels, to everyone and to one', async (t) => {
  const { server, ada, bob } = await meet(t, 'chat', [360, 360], ['chromium', 'firefox']);
  const eve = await person(t, 'Eve');
  await eve.join(server, 'chat');
  await ada.sees('Bob', 'Eve');
  // Messages reach those whose channels are open, so let each be heard first.
  await ada.evaluate(() => {
    window.ready = new Set();
    window.belfry.room.onData(({ from }) => window.ready.add(from), 'ready');
  });
  for (const one of [bob, eve]) await one.evaluate(() => window.belfry.room.sendData('', { label: 'ready' }));
  await ada.until('has heard both', () => window.ready.size === 2);

  await ada.page.press('c');
  await ada.page.fill('#chat-input', 'Shall we begin? \u{1F514} <b>not bold</b>');
  await ada.page.press('Enter');
  for (const one of [bob, eve]) await one.until('sees the badge', () => document.querySelector('.badge:not([hidden])')?.textContent === '1');
  await bob.page.press('c');
  await bob.until('reads it as it was written', () => [...document.querySelectorAll('.chat-text')].map((p) => p.textContent).join() === 'Shall we begin? \u{1F514} <b>not bold</b>');
  await bob.page.fill('#chat-input', 'Yes, everyone is here.');
  await bob.page.press('Enter');
  await ada.until('reads the answer', () => document.querySelectorAll('.chat-item').length === 2);
  assert.equal(await ada.evaluate(() => document.querySelector('.chat-item:last-child strong').textContent), 'Bob');
  await ada.page.screenshot('chat');

  for (const one of [bob, eve])
    await one.evaluate(() => {
      window.got = [];
      window.belfry.room.onData(({ from, label, direct, payload }) => window.got.push({ from, label, direct, bytes: payload.length, sum: typeof payload === 'string' ? payload : payload.reduce((a, b) => (a + b) % 65521, 0) }));
    });
  const sent = await ada.evaluate(async () => {
    const { room } = window.belfry;
    const eve = [...room.participants.values()].find((p) => p.name === 'Eve').id;
    const bytes = new Uint8Array(262144 - 17).map((_, i) => i * 7);
    await room.sendData(bytes, { label: 'file' });
    await room.sendData('for Eve only', { label: 'file', to: eve });
    await room.sendData('end', { label: 'file' });
    return { id: room.participantId, bytes: bytes.length, sum: bytes.reduce((a, b) => (a + b) % 65521, 0) };
  });
  for (const one of [bob, eve]) await one.until('has all', () => window.got.at(-1)?.sum === 'end');
  const big = { from: sent.id, label: 'file', direct: false, bytes: sent.bytes, sum: sent.sum };
  const end = { from: sent.id, label: 'file', direct: false, bytes: 3, sum: 'end' };
  assert.deepEqual(await bob.evaluate(() => window.got), [big, end]);
  assert.deepEqual(await eve.evaluate(() => window.got), [big, { from: sent.id, label: 'file', direct: true, bytes: 12, sum: 'for Eve only' }, end]);
  await assert.rejects(ada.evaluate(() => window.belfry.room.sendData(new Uint8Array(262144), { label: 'file' })), /above the limit/);
  for (const one of [ada, bob, eve]) one.assertClean();
});

test('a receiver chooses a layer, and the picture goes on', async (t) => {
  const { ada, bob } = await meet(t, 'layers', [720, 360]);
  const layers = await until('Ada sends three layers', async () => {
    const sent = await ada.outbound();
    return sent.length === 3 && sent.every((layer) => layer.framesSent > 0) ? sent : null;
  }, { timeoutMs: 30_000 });
  assert.deepEqual(layers.map((layer) => layer.rid), ['f', 'h', 'q']);
  await bob.seesInFull('Ada', ada, { timeoutMs: 40_000 });
  const freezes = (await bob.inbound('Ada')).freezeCount;
  for (const [layer, height] of [[0, 180], [2, 720], [1, 360], ['auto', 720]]) {
    const pace = paceOf(bob);
    await bob.evaluate((layer) => {
      const track = [...window.belfry.room.participants.values()][0].track('camera');
      return window.belfry.room.setLayer(track, layer);
    }, layer);
    await until(`Bob gets ${height} lines after asking for ${layer}`, async () => {
      await pace.look();
      return (await bob.inbound('Ada')).frameHeight === height;
    }, { timeoutMs: 30_000 });
    assert.ok(pace.longestMs < 1_500, `frames went on while switching to ${layer}: the longest gap was ${pace.longestMs} ms`);
  }
  const now = await bob.inbound('Ada');
  assert.ok(now.freezeCount - freezes <= 1, `no freezes: ${now.freezeCount - freezes}`);
  assert.equal(now.layer, 2);

  // From the tile's menu, by keyboard.
  await bob.evaluate(() => document.querySelector('.tile[aria-label^="Ada"] .menu-holder button').focus());
  await bob.page.press('Enter');
  await bob.until('the menu is open', () => document.activeElement?.getAttribute('role') === 'menuitemradio');
  await bob.page.screenshot('layer-menu');
  await bob.page.press('End'); // do not receive
  await bob.page.press('ArrowUp'); // low
  await bob.page.press('Enter');
  await until('Bob gets the low layer', async () => (await bob.inbound('Ada')).frameHeight === 180);
  await bob.page.press('q');
  await bob.until('the overlay tells', () => /320 × 180/.test(document.querySelector('.tile[aria-label^="Ada"] .tile-stats').textContent));
  await bob.page.screenshot('stats');
  bob.assertClean();
});

/** Watches how long no new frame was decoded. */
function paceOf(who) {
  let frames = -1;
  let since = Date.now();
  return {
    longestMs: 0,
    async look() {
      const now = (await who.inbound('Ada'))?.framesDecoded ?? 0;
      if (now !== frames) {
        frames = now;
        since = Date.now();
      }
      this.longestMs = Math.max(this.longestMs, Date.now() - since);
    },
  };
}

test('a track that is paused does not arrive, and comes back', async (t) => {
  const { bob } = await meet(t, 'pause');
  const set = (paused) => bob.evaluate((paused) => window.belfry.room.pause([...window.belfry.room.participants.values()][0].track('camera'), paused), paused);
  await set(true);
  await bob.decodesNothing('Ada');
  await set(false);
  await bob.decodes('Ada');
});
