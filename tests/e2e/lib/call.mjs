// People in a room: what they do on the page, and what their browser says about it.
import assert from 'node:assert/strict';
import { start } from './browsers.mjs';
import { pause, until } from './wait.mjs';

/** Lines of the test picture: two layers, and cheap enough for several browsers on two cores. */
const HEIGHT = 360;

export class Person {
  constructor(name, page) {
    this.name = name;
    this.page = page;
  }

  evaluate(fn, arg) {
    return this.page.evaluate(fn, arg);
  }

  until(what, fn, arg, options) {
    return until(`${this.name}: ${what}`, () => this.page.evaluate(fn, arg), options);
  }

  /** Open the page, fill the form, and join as a person would. */
  async join(server, room, { height = HEIGHT } = {}) {
    await this.page.goto(`${server.url}/?room=${room}&height=${height}`);
    await this.submit();
  }

  /** Send the form before the room. */
  async submit() {
    await this.until('the form is ready', () => document.querySelector('.prejoin button[type=submit]')?.disabled === false);
    await this.until('the devices are settled', () => document.querySelector('.problem:not([hidden])') !== null || document.querySelector('.preview video:not([hidden])') !== null);
    await this.page.fill('#name', this.name);
    await this.page.click('.prejoin button[type=submit]');
    await this.inRoom();
  }

  inRoom(options) {
    return this.until('is in the room', () => window.belfry.room?.state === 'joined', undefined, options);
  }

  /** The names of the others, sorted. */
  others() {
    return this.evaluate(() => [...(window.belfry.room?.participants.values() ?? [])].map((p) => p.name).sort());
  }

  async sees(...names) {
    await until(`${this.name} sees ${names}`, async () => String(await this.others()) === String(names.sort()));
  }

  /** What the browser counts for one received track: of `name`'s `source`. */
  inbound(name, source = 'camera') {
    return this.evaluate(
      async ({ name, source }) => {
        const person = [...window.belfry.room.participants.values()].find((p) => p.name === name);
        const track = person?.track(source);
        if (!track?.transceiver) return null;
        const reports = [...(await track.transceiver.receiver.getStats()).values()];
        const r = reports.find((report) => report.type === 'inbound-rtp');
        if (!r) return null;
        const { framesDecoded, frameWidth, frameHeight, framesPerSecond, freezeCount, totalFreezesDuration, packetsReceived, packetsLost, totalAudioEnergy, audioLevel, bytesReceived } = r;
        return { framesDecoded, frameWidth, frameHeight, framesPerSecond, freezeCount, totalFreezesDuration, packetsReceived, packetsLost, totalAudioEnergy, audioLevel, bytesReceived, layer: track.layer, muted: track.muted, id: track.id };
      },
      { name, source },
    );
  }

  /** What is sent of one's own `source`: the layers, largest first. */
  async outbound(source = 'camera') {
    const layers = await this.evaluate(async (source) => {
      const track = window.belfry.room.localTracks.find((t) => t.source === source);
      if (!track?.transceiver) return [];
      const reports = [...(await track.transceiver.sender.getStats()).values()].filter((r) => r.type === 'outbound-rtp');
      return reports.map(({ rid, frameWidth, frameHeight, framesSent, packetsSent }) => ({ rid, frameWidth, frameHeight, framesSent, packetsSent }));
    }, source);
    return layers.sort((a, b) => (b.frameHeight ?? 0) - (a.frameHeight ?? 0));
  }

  /** At least `count` more frames of `name`'s picture are decoded from now on. */
  async decodes(name, { source = 'camera', count = 20, timeoutMs } = {}) {
    const before = (await this.inbound(name, source))?.framesDecoded ?? 0;
    return until(
      `${this.name} decodes ${count} frames of ${name}'s ${source}`,
      async () => {
        const now = await this.inbound(name, source);
        // A track that began anew counts from 0.
        const from = (now?.framesDecoded ?? 0) < before ? 0 : before;
        return now && now.framesDecoded >= from + count ? now : null;
      },
      { timeoutMs: timeoutMs ?? 20_000 },
    );
  }

  /** `name`'s picture arrives in the size in which it is sent. */
  async seesInFull(name, sender, { timeoutMs = 25_000 } = {}) {
    const seen = [];
    const match = await until(
      `${this.name} gets ${name}'s largest layer`,
      async () => {
        const [sent] = await sender.outbound();
        const got = await this.inbound(name);
        const state = `sent ${sent?.frameWidth}x${sent?.frameHeight}, got ${got?.frameWidth}x${got?.frameHeight} in layer ${got?.layer}`;
        if (seen.at(-1) !== state) seen.push(state);
        const same = sent?.frameHeight > 0 && sent.frameWidth === got?.frameWidth && sent.frameHeight === got.frameHeight;
        return same ? got : null;
      },
      { timeoutMs },
    ).catch((error) => {
      throw new Error(`${error.message}; ${seen.join('; ')}`);
    });
    return match;
  }

  /** `name`'s sound is louder than silence. The fake microphone beeps once a second. */
  async hears(name, { source = 'microphone' } = {}) {
    const before = (await this.inbound(name, source))?.totalAudioEnergy ?? 0;
    await until(`${this.name} hears ${name}`, async () => ((await this.inbound(name, source))?.totalAudioEnergy ?? 0) > before + 1e-5);
  }

  /** `counter` of a received track stands still for `forMs`: what was under way when it was stopped has been played. */
  async standsStill(what, counter, { name, source, atMost, forMs }) {
    await until(what, async () => {
      const before = (await this.inbound(name, source))[counter];
      await pause(forMs);
      return (await this.inbound(name, source))[counter] - before <= atMost;
    });
  }

  /** `name`'s picture stands still. */
  decodesNothing(name, { source = 'camera', forMs = 1_500 } = {}) {
    return this.standsStill(`${this.name} decodes nothing of ${name}'s ${source}`, 'framesDecoded', { name, source, atMost: 0, forMs });
  }

  /** `name`'s sound has ended and faded: where two beeps of the fake microphone would have come, nothing is played. */
  hearsNothing(name, { source = 'microphone', forMs = 2_500 } = {}) {
    return this.standsStill(`${this.name} hears nothing of ${name}`, 'totalAudioEnergy', { name, source, atMost: 1e-5, forMs });
  }

  /** Everything that goes wrong in the page is an error of the test. */
  assertClean() {
    assert.deepEqual(this.page.errors, [], `${this.name}'s page threw`);
    const blocked = this.page.console.filter((line) => /Content[- ]Security[- ]Policy/i.test(line));
    assert.deepEqual(blocked, [], `${this.name}'s page broke its policy`);
  }
}

/** A browser with one page for `name`. */
export async function person(t, name, kind = 'chromium', options = {}) {
  const browser = await start[kind](t, options);
  return new Person(name, await browser.newPage());
}
