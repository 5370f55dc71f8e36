// Chromium by playwright and Firefox by puppeteer, as one kind of thing.
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream=fps=30',
  '--autoplay-policy=no-user-gesture-required',
  // A page in the background gets no frames and slow timers, and only one of the test's windows can be in front.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];

// Counts as permission for camera and microphone, and so reveals the machine's addresses to WebRTC.
const FAKE_UI = '--use-fake-ui-for-media-stream';
const SCREEN = '--auto-select-desktop-capture-source=Entire screen';
// Chromium gathers no candidate on lo without it, and lo is all there is in most of the namespaces.
const LOOPBACK = '--allow-loopback-in-peer-connection';

const FIREFOX_PREFS = {
  // With the default route on lo this makes it gather 127.0.0.1 for UDP too, not for TCP alone. Not used where there is a real address.
  'media.peerconnection.ice.loopback': true,
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.autoplay.default': 0,
};

/**
 * A page with the calls that both drivers have. `evaluate` takes one argument.
 */
class Page {
  constructor(browser, raw) {
    this.browser = browser;
    this.raw = raw;
    this.errors = [];
    raw.on('pageerror', (error) => this.errors.push(String(error)));
    this.console = [];
    raw.on('console', (message) => this.console.push(`${message.type()}: ${message.text()}`));
  }

  goto(url) {
    return this.raw.goto(url);
  }

  evaluate(fn, arg) {
    return this.raw.evaluate(fn, arg);
  }

  click(selector) {
    return this.raw.click(selector);
  }

  press(key) {
    return this.raw.keyboard.press(key);
  }

  async fill(selector, text) {
    if (this.browser.name === 'chromium') return this.raw.fill(selector, text);
    await this.raw.$eval(selector, (input) => {
      input.value = '';
      input.focus();
    });
    return this.raw.keyboard.type(text);
  }

  size(width, height) {
    return this.browser.name === 'chromium' ? this.raw.setViewportSize({ width, height }) : this.raw.setViewport({ width, height });
  }

  screenshot(name) {
    const path = new URL(`../../../build/e2e/${name}.png`, import.meta.url).pathname;
    return this.raw.screenshot({ path });
  }

  close() {
    return this.raw.close();
  }
}

class Browser {
  constructor(name, raw) {
    this.name = name;
    this.raw = raw;
  }

  async newPage() {
    return new Page(this, await this.raw.newPage());
  }
}

/**
 * Start Chromium. One browser for each participant: pages in the background decode nothing.
 *
 * @param denied - no permission for camera and microphone: the viewer then sends mDNS names instead of addresses
 */
export async function startChromium(t, { args = [], denied = false } = {}) {
  const raw = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [...CHROMIUM_ARGS, ...(denied ? [] : [FAKE_UI, SCREEN, LOOPBACK]), ...args],
  });
  t.after(() => raw.close());
  const context = await raw.newContext({ viewport: { width: 1280, height: 800 } });
  return new Browser('chromium', context);
}

/** Start Firefox. */
export async function startFirefox(t, { prefs = {} } = {}) {
  const raw = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    extraPrefsFirefox: { ...FIREFOX_PREFS, ...prefs },
    defaultViewport: { width: 1280, height: 800 },
  });
  t.after(() => raw.close());
  return new Browser('firefox', raw);
}

export const start = { chromium: startChromium, firefox: startFirefox };
