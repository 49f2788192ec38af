// Media through the server: what we send on one connection, what we receive on another.

/** @typedef {import('../../protocol.js').MediaOffered} MediaOffered */
/** @typedef {import('./local.js').Kind} Kind */
/** @typedef {import('./local.js').Tracks} Tracks */
/** @typedef {import('./local.js').LocalMedia} LocalMedia */
/** @typedef {import('./session.js').MediaRequest} MediaRequest */

export class ServerLink {
  /** What each participant sends: connection id → tracks. @type {Map<string, Tracks>} */
  received = new Map();
  /** @type {RTCPeerConnection | null} */
  publish = null;
  /** @type {RTCPeerConnection | null} */
  subscribe = null;

  /** @type {Promise<unknown>} */
  #publishing = Promise.resolve();
  /** @type {Promise<unknown>} */
  #subscribing = Promise.resolve();
  #revision = -1;
  /** @type {string | null} */
  #answer = null;
  /** @type {MediaOffered | null} */
  #newest = null;
  #closed = false;

  /**
   * @param {{ iceServers: RTCIceServer[], local: LocalMedia,
   *   request: MediaRequest, changed: () => void, failed: () => void }} options
   */
  constructor({ iceServers, local, request, changed, failed }) {
    this.iceServers = iceServers;
    this.local = local;
    this.request = request;
    this.changed = changed;
    this.failed = failed;
    this.#offer();
  }

  #connection() {
    const pc = new RTCPeerConnection({ iceServers: this.iceServers, bundlePolicy: 'max-bundle' });
    pc.onconnectionstatechange = () => {
      if (this.#closed) return;
      if (pc.connectionState === 'failed') this.failed();
      this.changed();
    };
    return pc;
  }

  /** Whether everything we send arrives there; with nothing to send it does. */
  get published() {
    return !this.publish || this.publish.connectionState === 'connected';
  }

  /** Offers what we send. Again when a kind joined that was not sent before. */
  #offer() {
    this.#publishing = this.#publishing.then(async () => {
      const missing = Object.entries(this.local.tracks).flatMap(([kind, track]) => (track && !this.#sender(kind) ? [track] : []));
      if (missing.length === 0 || this.#closed) return;
      const pc = (this.publish ??= this.#connection());
      for (const track of missing) {
        pc.addTransceiver(track, { direction: 'sendonly', streams: [this.local.stream] });
      }
      await pc.setLocalDescription(await pc.createOffer());
      const { sdp } = await this.request('media.publish', { sdp: pc.localDescription?.sdp ?? '' });
      if (!this.#closed) await pc.setRemoteDescription({ type: 'answer', sdp });
    }).catch((error) => {
      if (this.#closed) return;
      console.warn('Publishing:', error);
      this.failed();
    });
  }

  // A transceiver keeps its kind while its track comes and goes.
  #sender(/** @type {string} */ kind) {
    return this.publish?.getTransceivers().find(({ receiver }) => receiver.track.kind === kind)?.sender;
  }

  /** Sends another track of this kind, or none. @param {Kind} kind @param {MediaStreamTrack | null} track */
  replace(kind, track) {
    const sender = this.#sender(kind);
    if (sender) sender.replaceTrack(track);
    else this.#offer();
  }

  /** Takes a `media.offer`. Only the newest of those that queue up is worth an answer. @param {MediaOffered} offer */
  handleOffer(offer) {
    if (offer.revision < this.#revision) return;
    if (offer.revision === this.#revision && this.#answer) return this.#reply();
    this.#revision = offer.revision;
    this.#answer = null;
    this.#newest = offer;
    this.#subscribing = this.#subscribing
      .then(async () => {
        if (this.#newest === offer && !this.#closed) await this.#accept(offer);
      })
      .catch((error) => {
        if (this.#closed) return;
        console.warn('Receiving:', error);
        this.failed();
      });
  }

  /** @param {MediaOffered} offer */
  async #accept({ sdp, tracks }) {
    const pc = (this.subscribe ??= this.#connection());
    await pc.setRemoteDescription({ type: 'offer', sdp });
    await pc.setLocalDescription(await pc.createAnswer());
    if (this.#closed) return;
    this.#answer = pc.localDescription?.sdp ?? null;
    const byMid = new Map(pc.getTransceivers().map(({ mid, receiver }) => [mid, receiver.track]));
    this.received = new Map();
    for (const { mid, connectionId, kind } of tracks) {
      const track = byMid.get(mid);
      if (!track) continue;
      track.onmute = track.onunmute = this.changed;
      const known = this.received.get(connectionId) ?? { audio: null, video: null };
      this.received.set(connectionId, { ...known, [kind]: track });
    }
    this.#reply();
    this.changed();
  }

  #reply() {
    this.request('media.answer', { revision: this.#revision, sdp: this.#answer ?? '' }).catch((error) => {
      // A newer offer is on its way already.
      if (error.code !== 'media.staleAnswer') console.info('Answer:', error.code);
    });
  }

  close() {
    this.#closed = true;
    this.publish?.close();
    this.subscribe?.close();
  }
}
