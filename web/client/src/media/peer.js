// Media straight to one other participant. Offers come from one side only, so they never collide: a restart of ICE, too,
// which the other side asks for where it notices first that the path is lost (RFC 8445, section 9). The offer says which
// section carries what, in both directions.

import { preferDecodable } from './codecs.js';
import { DataChannels } from './data-channels.js';
import { KINDS, SOURCES, noTracks, usual } from './tracks.js';

/** @typedef {import('../../protocol.js').PeerSignal} PeerSignal */
/** @typedef {import('./tracks.js').TrackSource} TrackSource */
/** @typedef {import('./tracks.js').Tracks} Tracks */
/** @typedef {import('./local.js').LocalMedia} LocalMedia */

/** A lost path may come back by itself; after this long it is rebuilt. */
const DISCONNECTED_PATIENCE_MS = 4_000;

/** As long a rebuilt path may take to carry anything before it is rebuilt again. */
const RESTART_AGAIN_MS = 10_000;

export class PeerLink {
  /** What the other one sends. @type {Tracks} */
  received = noTracks();

  /** What carries each source, in both directions. @type {Map<TrackSource, RTCRtpTransceiver>} */
  #carriers = new Map();
  /** The sources that the offer names, by media section. @type {Map<string, TrackSource>} */
  #named = new Map();
  /** @type {Promise<unknown>} */
  #queue = Promise.resolve();
  /** @type {Extract<PeerSignal, { kind: 'candidate' }>[]} */
  #candidates = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #patience;
  /** Until when a restart that is under way is given time. */
  #restartsUntil = 0;
  /** Whether the other side has lost the path, however it looks from here. */
  #isAsked = false;

  /**
   * @param {{ other: string, offers: boolean, iceServers: RTCIceServer[], local: LocalMedia, encryption?: import('./encryption.js').Encryption, refresh: () => Promise<RTCIceServer[]>,
   *   signal: (signal: PeerSignal) => void, heard: (bytes: Uint8Array, reliable: boolean) => void, changed: () => void }} options
   */
  constructor({ other, offers, iceServers, local, encryption, refresh, signal, heard, changed }) {
    this.other = other;
    this.offers = offers;
    this.local = local;
    this.encryption = encryption;
    this.refresh = refresh;
    this.signal = signal;
    const pc = (this.pc = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' }));
    pc.ontrack = ({ track, transceiver }) => {
      const source = this.#sourceOf(transceiver);
      if (!source) return;
      this.received[source] = track;
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
    this.data = new DataChannels(pc, { heard, changed });
    if (!offers) return;
    // All sources from the start, sent or not, so that a camera can be switched on later without a new offer.
    for (const source of SOURCES) this.#carry(pc.addTransceiver(KINDS[source], { direction: 'sendrecv' }), source);
    this.#enqueue(() => this.#offer());
  }

  /** One description at a time: their steps must not interleave. @param {() => Promise<unknown>} step */
  #enqueue(step) {
    this.#queue = this.#queue.then(() => this.pc.signalingState !== 'closed' && step()).catch((error) => {
      if (this.pc.signalingState !== 'closed') console.warn('Peer to peer:', error);
    });
  }

  /** What a section carries: what the offer says, and else what its kind is taken for. @param {RTCRtpTransceiver} transceiver @returns {TrackSource | null} */
  #sourceOf(transceiver) {
    for (const [source, carrier] of this.#carriers) if (carrier === transceiver) return source;
    const { mid, receiver } = transceiver;
    const source = this.#named.get(mid ?? '') ?? usual(receiver.track.kind);
    if (this.#carriers.has(source)) return null;
    this.#carriers.set(source, transceiver);
    return source;
  }

  /** @param {RTCRtpTransceiver} transceiver @param {TrackSource} source */
  #carry(transceiver, source) {
    this.#carriers.set(source, transceiver);
    // What is negotiated is read by the others only if it is what they expect.
    if (this.encryption) preferDecodable(transceiver, KINDS[source], true);
    this.encryption?.protect(transceiver.sender);
    this.encryption?.protect(transceiver.receiver);
    transceiver.sender.replaceTrack(this.local.sent[source]);
    transceiver.sender.setStreams(this.local.streamOf(source));
  }

  /** @param {RTCOfferOptions} [options] */
  async #offer(options) {
    // One that has no answer yet is sent again as it is: the answer to it would be taken for that to a later one.
    if (this.pc.signalingState !== 'have-local-offer') await this.pc.setLocalDescription(await this.pc.createOffer(options));
    const tracks = [...this.#carriers].map(([source, { mid }]) => ({ mid: mid ?? '', source }));
    this.signal({ kind: 'offer', sdp: this.#described, tracks });
  }

  /** Takes an offer, an answer or a candidate of the other side. @param {PeerSignal} signal */
  handle(signal) {
    if (signal.kind === 'restart') {
      this.#isAsked = true;
      return this.restart();
    }
    this.#enqueue(async () => {
      if (signal.kind === 'offer' && !this.offers) await this.#answer(signal);
      else if (signal.kind === 'answer' && this.pc.signalingState === 'have-local-offer') {
        await this.pc.setRemoteDescription({ type: 'answer', sdp: signal.sdp });
        await this.#flush();
      } else if (signal.kind === 'candidate') {
        this.#candidates.push(signal);
        if (this.pc.remoteDescription) await this.#flush();
      }
    });
  }

  /** @param {Extract<PeerSignal, { kind: 'offer' }>} offer */
  async #answer({ sdp, tracks = [] }) {
    this.#named = new Map(tracks.map(({ mid, source }) => [mid, source]));
    await this.pc.setRemoteDescription({ type: 'offer', sdp });
    for (const transceiver of this.pc.getTransceivers()) {
      const source = this.#sourceOf(transceiver);
      if (!source) continue;
      transceiver.direction = 'sendrecv';
      this.#carry(transceiver, source);
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
    const { connectionState } = this.pc;
    if (connectionState === 'connected') {
      clearTimeout(this.#patience);
      this.#isAsked = false;
    } else if (connectionState === 'failed') this.restart();
    else if (connectionState === 'disconnected') this.#restartAfter(DISCONNECTED_PATIENCE_MS);
  }

  /** Unless there is a path by then. @param {number} ms */
  #restartAfter(ms) {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => (this.#isAsked || !this.connected) && this.restart(), ms);
  }

  /** Looks for a path anew: the present one is lost, or the network of either side has changed. */
  restart() {
    if (this.pc.signalingState === 'closed') return;
    const early = this.#restartsUntil - performance.now();
    if (early > 0) return this.#restartAfter(early);
    this.#restartsUntil = performance.now() + RESTART_AGAIN_MS;
    this.#isAsked = false;
    // What was heard of no path may be lost like the path.
    this.#restartAfter(RESTART_AGAIN_MS);
    if (!this.offers) this.signal({ kind: 'restart' });
    this.#enqueue(async () => {
      // Credentials of relays do not last as long as calls.
      const iceServers = await this.refresh().catch(() => null);
      if (iceServers) this.pc.setConfiguration({ ...this.pc.getConfiguration(), iceServers });
      if (this.offers) await this.#offer({ iceRestart: true });
    });
  }

  /** Our own description, once there is one. */
  get #described() {
    return this.pc.localDescription?.sdp ?? '';
  }

  get connected() {
    return this.pc.connectionState === 'connected';
  }

  /** Sends another track from this source, or none. @param {TrackSource} source @param {MediaStreamTrack | null} track */
  replace(source, track) {
    this.#enqueue(async () => this.#carriers.get(source)?.sender.replaceTrack(track));
  }

  close() {
    clearTimeout(this.#patience);
    this.pc.onconnectionstatechange = this.pc.onicecandidate = this.pc.ontrack = null;
    this.pc.close();
  }
}
