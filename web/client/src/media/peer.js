// Media straight to one other participant. Offers come from one side only, so they never collide.

/** @typedef {import('../../protocol.js').PeerSignal} PeerSignal */
/** @typedef {import('./local.js').Kind} Kind */
/** @typedef {import('./local.js').Tracks} Tracks */
/** @typedef {import('./local.js').LocalMedia} LocalMedia */

/** A lost path may come back by itself; after this long it is rebuilt. */
const DISCONNECTED_PATIENCE_MS = 4_000;

export class PeerLink {
  /** What the other one sends. @type {Tracks} */
  received = { audio: null, video: null };

  /** @type {Promise<unknown>} */
  #queue = Promise.resolve();
  /** @type {Extract<PeerSignal, { kind: 'candidate' }>[]} */
  #candidates = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #patience;

  /**
   * @param {{ other: string, offers: boolean, iceServers: RTCIceServer[], local: LocalMedia,
   *   signal: (signal: PeerSignal) => void, changed: () => void }} options
   */
  constructor({ other, offers, iceServers, local, signal, changed }) {
    this.other = other;
    this.offers = offers;
    this.local = local;
    this.signal = signal;
    const pc = (this.pc = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' }));
    pc.ontrack = ({ track }) => {
      this.received[/** @type {Kind} */ (track.kind)] = track;
      track.onmute = track.onunmute = changed;
      changed();
    };
    pc.onicecandidate = ({ candidate }) => signal({
      kind: 'candidate',
      candidate: candidate?.candidate ?? '',
      sdpMid: candidate?.sdpMid ?? null,
      sdpMLineIndex: candidate?.sdpMLineIndex ?? null,
    });
    pc.onconnectionstatechange = () => {
      this.#mend();
      changed();
    };
    if (!offers) return;
    // Both kinds from the start, sent or not, so that a camera can be switched on later without a new offer.
    for (const kind of /** @type {Kind[]} */ (['audio', 'video'])) this.#carry(pc.addTransceiver(kind, { direction: 'sendrecv' }), kind);
    this.#enqueue(() => this.#offer());
  }

  /** One description at a time: their steps must not interleave. @param {() => Promise<unknown>} step */
  #enqueue(step) {
    this.#queue = this.#queue.then(() => this.pc.signalingState !== 'closed' && step()).catch((error) => {
      if (this.pc.signalingState !== 'closed') console.warn('Peer to peer:', error);
    });
  }

  /** @param {RTCRtpTransceiver} transceiver @param {Kind} kind */
  #carry({ sender }, kind) {
    sender.replaceTrack(this.local.tracks[kind]);
    sender.setStreams(this.local.stream);
  }

  /** @param {RTCOfferOptions} [options] */
  async #offer(options) {
    await this.pc.setLocalDescription(await this.pc.createOffer(options));
    this.signal({ kind: 'offer', sdp: this.#described });
  }

  /** Takes an offer, an answer or a candidate of the other side. @param {PeerSignal} signal */
  handle(signal) {
    this.#enqueue(async () => {
      if (signal.kind === 'offer' && !this.offers) await this.#answer(signal.sdp);
      else if (signal.kind === 'answer' && this.pc.signalingState === 'have-local-offer') {
        await this.pc.setRemoteDescription({ type: 'answer', sdp: signal.sdp });
        await this.#flush();
      } else if (signal.kind === 'candidate') {
        this.#candidates.push(signal);
        if (this.pc.remoteDescription) await this.#flush();
      }
    });
  }

  /** @param {string} sdp */
  async #answer(sdp) {
    await this.pc.setRemoteDescription({ type: 'offer', sdp });
    for (const transceiver of this.pc.getTransceivers()) {
      transceiver.direction = 'sendrecv';
      this.#carry(transceiver, /** @type {Kind} */ (transceiver.receiver.track.kind));
    }
    await this.pc.setLocalDescription(await this.pc.createAnswer());
    this.signal({ kind: 'answer', sdp: this.#described });
    await this.#flush();
  }

  /** Candidates make sense only once the description they belong to is known. */
  async #flush() {
    for (const { candidate, sdpMid, sdpMLineIndex } of this.#candidates.splice(0)) {
      // The empty one only says that there are no more.
      if (candidate) await this.pc.addIceCandidate({ candidate, sdpMid, sdpMLineIndex });
    }
  }

  #mend() {
    clearTimeout(this.#patience);
    const { connectionState } = this.pc;
    if (!this.offers || !['failed', 'disconnected'].includes(connectionState)) return;
    this.#patience = setTimeout(
      () => this.#enqueue(() => this.#offer({ iceRestart: true })),
      connectionState === 'failed' ? 0 : DISCONNECTED_PATIENCE_MS,
    );
  }

  /** Our own description, once there is one. */
  get #described() {
    return this.pc.localDescription?.sdp ?? '';
  }

  get connected() {
    return this.pc.connectionState === 'connected';
  }

  /** Sends another track of this kind, or none. @param {Kind} kind @param {MediaStreamTrack | null} track */
  replace(kind, track) {
    this.#enqueue(async () => {
      const carrier = this.pc.getTransceivers().find(({ receiver }) => receiver.track.kind === kind);
      await carrier?.sender.replaceTrack(track);
    });
  }

  close() {
    clearTimeout(this.#patience);
    this.pc.onconnectionstatechange = this.pc.onicecandidate = this.pc.ontrack = null;
    this.pc.close();
  }
}
