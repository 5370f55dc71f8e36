// Stand-ins for the clock, the network and the browser's peer connection.

/** A clock that moves when told, and sockets whose other end is the test. */
export class FakeEnv {
  time = 0;
  sockets = [];
  chance = 0.5;
  #timers = new Map();
  #next = 1;

  now = () => this.time;
  random = () => this.chance;

  setTimeout = (callback, ms) => {
    const id = this.#next++;
    this.#timers.set(id, { at: this.time + ms, callback });
    return id;
  };

  clearTimeout = (id) => this.#timers.delete(id);

  openSocket = (url) => {
    const socket = new FakeSocket(url);
    this.sockets.push(socket);
    return socket;
  };

  /** Let `ms` pass; timers fire in order. */
  advance(ms) {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.time = due[1].at;
      due[1].callback();
    }
    this.time = end;
  }

  get socket() {
    return this.sockets.at(-1);
  }
}

export class FakeSocket {
  sent = [];
  closed = null;
  onmessage = null;
  onclose = null;

  constructor(url) {
    this.url = url;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closed = code ?? 1005;
  }

  /** The server sends a frame. */
  say(type, fields = {}) {
    this.onmessage?.({ data: JSON.stringify({ type, ts: 0, ...fields }) });
  }

  /** The socket breaks. */
  drop(code = 1006) {
    this.onclose?.({ code, reason: '' });
  }

  /** What was sent, pings left out. */
  get requests() {
    return this.sent.filter((frame) => frame.type !== 'ping');
  }

  last(type) {
    return this.sent.filter((frame) => frame.type === type).at(-1);
  }
}

export const HELLO = {
  connection_id: '00000000000000aa',
  resume_token: 'first',
  server: { name: 'belfry', version: '0' },
  auth: 'open',
  ice_servers: [],
  limits: { message_bytes: 65536, data_message_bytes: 262144, room_participants: 10 },
  ping_interval_ms: 25000,
};

/** Let promises that are settled run their continuations. */
export const settle = () => new Promise((done) => setImmediate(done));

/** As much of a peer connection as publishing needs. */
export class FakePeerConnection extends EventTarget {
  static all = [];
  static current = () => FakePeerConnection.all.at(-1);
  signalingState = 'stable';
  connectionState = 'new';
  iceConnectionState = 'new';
  localDescription = null;
  offers = [];
  transceivers = [];
  channels = [];
  rollbacks = 0;

  constructor(configuration) {
    super();
    this.configuration = configuration;
    FakePeerConnection.all.push(this);
  }

  addTransceiver(track, init) {
    const transceiver = { mid: null, direction: init.direction, init, sender: { track, replaced: [], replaceTrack: async (next) => void transceiver.sender.replaced.push(next) } };
    this.transceivers.push(transceiver);
    return transceiver;
  }

  createDataChannel(label, init) {
    const channel = { label, init, readyState: 'connecting' };
    this.channels.push(channel);
    return channel;
  }

  setConfiguration(configuration) {
    this.configuration = configuration;
  }

  async createOffer(options) {
    return { type: 'offer', sdp: `offer ${this.offers.push(options)}` };
  }

  async setLocalDescription(description) {
    if (description.type === 'rollback') {
      this.rollbacks++;
      this.signalingState = 'stable';
      return;
    }
    this.transceivers.forEach((transceiver, index) => (transceiver.mid ??= String(index)));
    this.localDescription = description;
    this.signalingState = 'have-local-offer';
  }

  async setRemoteDescription() {
    this.signalingState = 'stable';
  }

  candidate(candidate) {
    this.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate }));
  }

  become(state) {
    this.connectionState = this.iceConnectionState = state;
    this.dispatchEvent(new Event('connectionstatechange'));
  }

  close() {
    this.connectionState = 'closed';
  }
}
