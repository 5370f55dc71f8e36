import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hueClass, initials } from '#console/dom.ts';
import { fitGrid } from '#console/layout.ts';
import { backoffMs } from '#sdk/backoff.ts';
import { socketUrl } from '#sdk/client.ts';
import { packData, packedBytes, unpackData } from '#sdk/datamessage.ts';
import { scoreOf } from '#sdk/quality.ts';
import { chooseEncodings, preferCodec } from '#sdk/simulcast.ts';

const ID = '0123456789abcdef';

test('a data message keeps text text and bytes bytes', () => {
  assert.equal(packData('hé'), `*${'0'.repeat(16)}hé`);
  assert.equal(packedBytes(packData('hé')), 17 + 3);
  assert.equal(packData('x', ID), `>${ID}x`);
  const packed = packData(new Uint8Array([0, 255]), ID);
  assert.equal(packed.length, 19);
  const { header, payload } = unpackData(packed.buffer);
  assert.deepEqual([header, [...payload]], [{ from: ID, direct: true }, [0, 255]]);
  assert.deepEqual(unpackData(`*${ID}`), { header: { from: ID, direct: false }, payload: '' });
  assert.throws(() => packData('x', 'everyone'), TypeError);
});

test('a data message without a valid header is none', () => {
  for (const bad of ['', '*', `*${ID.slice(1)}`, `#${ID}x`, `*${ID.toUpperCase()}x`]) assert.equal(unpackData(bad), null, bad);
  for (let length = 0; length < 17; length++) assert.equal(unpackData(packData('').slice(0, length)), null);
});

test('layers follow the size of the picture', () => {
  const shape = (...args) => chooseEncodings(...args).map((e) => [e.rid, e.scaleResolutionDownBy]);
  assert.deepEqual(shape('camera', { width: 1280, height: 720 }), [['q', 4], ['h', 2], ['f', 1]]);
  assert.deepEqual(shape('camera', { width: 960, height: 540 }), [['q', 4], ['h', 2], ['f', 1]]);
  assert.deepEqual(shape('camera', { width: 958, height: 539 }), [['q', 2], ['h', 1]]);
  assert.deepEqual(shape('camera', { width: 360, height: 640 }), [['q', 2], ['h', 1]], 'upright');
  assert.deepEqual(shape('camera', { width: 320, height: 180 }), [[undefined, undefined]]);
  assert.deepEqual(shape('camera', {}), [[undefined, undefined]], 'unknown');
  assert.deepEqual(shape('screen', { width: 1920, height: 1080 }), [[undefined, undefined]]);
  assert.equal(shape('screen', { width: 1920, height: 1080 }, true).length, 3);
  assert.equal(shape('camera', { width: 1280, height: 720 }, false).length, 1);
  const rates = chooseEncodings('camera', { width: 1280, height: 720 }).map((e) => e.maxBitrate);
  assert.deepEqual([...rates].sort((a, b) => a - b), rates, 'larger pictures get more');
  assert.ok(chooseEncodings('camera', { height: 720 }, true, 'vp9').every((e) => e.scalabilityMode === 'L1T3'));
});

test('a preferred codec comes first and the others stay', () => {
  const codecs = ['video/VP8', 'video/rtx', 'video/H264', 'video/H264'].map((mimeType) => ({ mimeType }));
  assert.deepEqual(preferCodec(codecs, 'h264').map((c) => c.mimeType), ['video/H264', 'video/H264', 'video/VP8', 'video/rtx']);
  assert.equal(preferCodec(codecs, 'av1'), null);
});

test('the score starts at 5 and loses by the stated formula', () => {
  const clean = { kind: 'video', isScreen: false, loss: 0, jitterMs: 0, rttMs: 50, fps: 30, frozen: 0 };
  assert.equal(scoreOf(clean), 5);
  assert.equal(scoreOf({ ...clean, loss: 0.02 }), 4.2);
  assert.equal(scoreOf({ ...clean, loss: 1 }), 3, 'at most 2 for loss');
  assert.equal(scoreOf({ ...clean, rttMs: 325 }), 4.5);
  assert.equal(scoreOf({ ...clean, frozen: 0.25 }), 4);
  assert.equal(scoreOf({ ...clean, fps: 0 }), 4);
  assert.equal(scoreOf({ ...clean, fps: 2, isScreen: true }), 5, 'a screen may stand still');
  assert.equal(scoreOf({ ...clean, loss: 1, rttMs: 2000, frozen: 1, fps: 0 }), 1, 'never below 1');
  assert.equal(scoreOf({ kind: 'audio', isScreen: false, loss: 0, jitterMs: 0, concealed: 0.05 }), 4);
});

test('waits double up to the ceiling and are spread over its upper half', () => {
  assert.deepEqual([backoffMs(0, 0), backoffMs(0, 0.999)], [125, 250]);
  assert.equal(backoffMs(1, 0.999), 500);
  assert.equal(backoffMs(100, 0), 5_000);
  assert.equal(backoffMs(9, 0, { baseMs: 10, maxMs: 40 }), 20);
});

test('the address of the socket follows from that of the page or the server', () => {
  assert.equal(socketUrl(undefined, 'https://a.example/?room=x#y'), 'wss://a.example/ws');
  assert.equal(socketUrl('http://127.0.0.1:7008', undefined), 'ws://127.0.0.1:7008/ws');
  assert.equal(socketUrl('wss://a.example/other', undefined), 'wss://a.example/other');
  assert.throws(() => socketUrl('ftp://a.example/', undefined), TypeError);
});

test('tiles fill the box without overlapping it', () => {
  for (const [width, height] of [[1248, 658], [344, 600], [900, 300]]) {
    for (let count = 1; count <= 30; count++) {
      const { columns, tileWidth, tileHeight } = fitGrid(count, width, height, 12);
      const rows = Math.ceil(count / columns);
      assert.ok(tileWidth > 0 && columns * tileWidth + (columns - 1) * 12 <= width, `${count} in ${width}x${height}`);
      assert.ok(tileHeight > 0 && rows * tileHeight + (rows - 1) * 12 <= height, `${count} in ${width}x${height}`);
    }
  }
  assert.equal(fitGrid(2, 1248, 658, 12).columns, 2);
  assert.equal(fitGrid(2, 344, 600, 12).columns, 1);
  assert.equal(fitGrid(4, 1248, 658, 12).columns, 2);
});

test('names become initials and a colour that stays', () => {
  assert.deepEqual(['Ada Lovelace', 'tim', '  Łukasz  de  Ómar ', '🙂 x'].map(initials), ['AL', 'T', 'ŁÓ', '🙂X']);
  assert.equal(hueClass('Ada'), hueClass('Ada'));
  assert.match(hueClass(''), /^hue-[0-7]$/);
});
