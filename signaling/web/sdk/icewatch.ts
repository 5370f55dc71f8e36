/** What a watched connection should do next. */
export interface IceWatchActions {
  /** Whether a restart would reach the server now. */
  canSignal(): boolean;
  /** Gather anew and try other paths. */
  restart(): void;
  /** Restarts did not help. */
  giveUp(): void;
}

/** A short gap heals by itself more often than not, and a restart costs a round of signaling. */
const DISCONNECTED_MS = 2_000;
/** Time a restart gets before the next. */
const BETWEEN_RESTARTS_MS = 5_000;
const RESTARTS = 3;

/**
 * Watches one peer connection and asks for an ICE restart when it is disconnected for a while or has failed; after some restarts
 * without effect it gives up.
 *
 * @internal
 */
export class IceWatch {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #restarts = 0;
  readonly #pc: RTCPeerConnection;
  readonly #actions: IceWatchActions;
  readonly #onChange = (): void => this.#check();

  constructor(pc: RTCPeerConnection, actions: IceWatchActions) {
    this.#pc = pc;
    this.#actions = actions;
    pc.addEventListener('connectionstatechange', this.#onChange);
    pc.addEventListener('iceconnectionstatechange', this.#onChange);
  }

  /** The server or a resumed session says that the path may be gone: look at once. */
  nudge(): void {
    if (this.#isBroken()) this.#restart();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pc.removeEventListener('connectionstatechange', this.#onChange);
    this.#pc.removeEventListener('iceconnectionstatechange', this.#onChange);
  }

  #isBroken(): boolean {
    const { connectionState, iceConnectionState } = this.#pc;
    return [connectionState, iceConnectionState].some((state) => state === 'failed' || state === 'disconnected');
  }

  #check(): void {
    const { connectionState, iceConnectionState } = this.#pc;
    if (!this.#isBroken()) {
      if (connectionState === 'connected') {
        clearTimeout(this.#timer);
        this.#timer = undefined;
        this.#restarts = 0;
      }
      return;
    }
    if (this.#timer !== undefined && this.#restarts > 0) return; // the timer between restarts is running
    if (connectionState === 'failed' || iceConnectionState === 'failed') this.#restart();
    else this.#timer ??= setTimeout(() => this.nudge(), DISCONNECTED_MS);
  }

  #restart(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // Without signaling a restart is not even tried, so it is not counted either.
    const canSignal = this.#actions.canSignal();
    if (canSignal && this.#restarts++ >= RESTARTS) return this.#actions.giveUp();
    this.#timer = setTimeout(() => this.#again(), BETWEEN_RESTARTS_MS);
    if (canSignal) this.#actions.restart();
  }

  #again(): void {
    this.#timer = undefined;
    if (this.#pc.connectionState !== 'connected') this.#restart();
  }
}
