// Media through the server: what we send on one connection, what we receive on another.

import { preferDecodable } from './codecs.js';
import { DataChannels } from './data-channels.js';
import { encodingsOf, sendWanted } from './encodings.js';
import { KINDS, SOURCES, isShared } from './tracks.js';

/** @typedef {import('../../protocol.js').MediaOffered} MediaOffered */
/** @typedef {import('../../protocol.js').OfferedTrack} OfferedTrack */
/** @typedef {import('./tracks.js').TrackSource} TrackSource */
/** @typedef {import('./local.js').LocalMedia} LocalMedia */
/** @typedef {import('./session.js').MediaRequest} MediaRequest */

/** How long a path may be lost before it is looked for anew, and how long that may take before all is set up anew. */
const DISCONNECTED_PATIENCE_MS = 4_000;
const RESTART_PATIENCE_MS = 8_000;

export class ServerLink {
  /** What others send, by the id of the track. @type {Map<string, OfferedTrack & { track: MediaStreamTrack }>} */
  received = new Map();
  /** What carries that which we send. @type {Map<TrackSource, RTCRtpTransceiver>} */
  #carriers = new Map();
  /** The ids of the tracks that we send. @type {Map<string, TrackSource>} */
  #sources = new Map();
  /** @type {RTCPeerConnection | null} */
  publish = null;
  /** @type {RTCPeerConnection | null} */
  subscribe = null;
  /** On what we send by, in both directions. @type {DataChannels | null} */
  data = null;
  #wantsData = false;

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
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #patience;
  #isRestarting = false;
  /** The media node behind it has the session no more: it carries what it does, and nothing else is agreed on. */
  #isRetired = false;

  /**
   * @param {{ iceServers: RTCIceServer[], local: LocalMedia, encryption?: import('./encryption.js').Encryption, refresh: () => Promise<RTCIceServer[]>,
   *   request: MediaRequest, published: (tracks: { source: TrackSource, muted: boolean }[]) => void,
   *   heard: (bytes: Uint8Array, reliable: boolean) => void, changed: () => void, failed: () => void }} options
   */
  constructor({ iceServers, local, encryption, refresh, request, published, heard, changed, failed }) {
    this.iceServers = iceServers;
    this.local = local;
    this.encryption = encryption;
    this.refresh = refresh;
    this.request = request;
    this.told = published;
    this.heard = heard;
    this.changed = changed;
    this.failed = failed;
    this.#offer();
  }

  #connection() {
    const pc = new RTCPeerConnection({ iceServers: this.iceServers, bundlePolicy: 'max-bundle' });
    pc.onconnectionstatechange = () => {
      if (this.#closed) return;
      this.#mend();
      this.changed();
    };
    return pc;
  }

  #isLost = () => [this.publish, this.subscribe].some((pc) => pc && ['failed', 'disconnected'].includes(pc.connectionState));

  #mend() {
    // What comes of a restart is looked at when its time is over.
    if (this.#isRestarting || this.#isRetired) return;
    if (!this.#isLost()) {
      clearTimeout(this.#patience);
      this.#patience = undefined;
    } else this.#patience ??= setTimeout(() => this.restart(), DISCONNECTED_PATIENCE_MS);
  }

  /**
   * Looks for a path anew, in both directions (RFC 8445, section 9): the present one is lost, or the network has changed.
   * Where that finds none, all is set up anew.
   */
  restart() {
    if (this.#closed || this.#isRetired || this.#isRestarting) return;
    this.#isRestarting = true;
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => {
      this.#isRestarting = false;
      this.#patience = undefined;
      if (this.#isLost() && !this.#isRetired) this.failed();
    }, RESTART_PATIENCE_MS);
    // The offer of what we receive comes with the answer, and is taken after it.
    const fresh = this.refresh().catch(() => null);
    const renew = async (/** @type {RTCPeerConnection | null} */ pc) => {
      const iceServers = await fresh;
      if (pc && iceServers && !this.#closed) pc.setConfiguration({ ...pc.getConfiguration(), iceServers });
    };
    this.#subscribing = this.#subscribing.then(() => renew(this.subscribe)).catch((error) => console.info('Restarting:', error));
    this.#publishing = this.#publishing.then(async () => {
      if (!this.publish || this.#closed || this.#isRetired) return;
      await renew(this.publish);
      await this.#publish(this.publish, { iceRestart: true });
      // The time that is up counts: a request that fails is tried by it.
    }).catch((error) => this.#closed || console.info('Restarting:', error));
  }

  /** Another media node has the session now: goes on with what it carries until it is closed. */
  retire() {
    this.#isRetired = true;
    clearTimeout(this.#patience);
  }

  /** Whether everything we send arrives there; with nothing to send it does. */
  get published() {
    return !this.publish || this.publish.connectionState === 'connected';
  }

  /** Opens data channels, unless they are. */
  openData() {
    if (this.#wantsData) return;
    this.#wantsData = true;
    this.#offer();
  }

  /** Offers what we send. Again when a source joined that was not sent before, and when a screen is shared no more. */
  #offer() {
    this.#publishing = this.#publishing.then(async () => {
      if (this.#closed || this.#isRetired) return;
      const { sent, tracks } = this.local;
      const missing = SOURCES.filter((source) => sent[source] && !this.#carriers.has(source));
      const ended = SOURCES.filter((source) => isShared(source) && !tracks[source] && this.#carriers.has(source));
      const opens = this.#wantsData && !this.data;
      if (missing.length === 0 && ended.length === 0 && !opens) return;
      const pc = (this.publish ??= this.#connection());
      // The first section stays for as long as the connection does, whatever comes and goes behind it (RFC 8843, section 7.2).
      // That of data does, too, where nothing else is sent.
      if (missing.length > 0 && !this.data && !this.#carriers.has('microphone') && !missing.includes('microphone')) missing.unshift('microphone');
      for (const source of ended) {
        this.#carriers.get(source)?.stop();
        this.#carriers.delete(source);
      }
      for (const source of missing) {
        const encodings = encodingsOf(source, sent[source]);
        const options = { direction: /** @type {const} */ ('sendonly'), streams: [this.local.streamOf(source)], ...encodings };
        const carrier = pc.addTransceiver(sent[source] ?? KINDS[source], options);
        preferDecodable(carrier, KINDS[source], Boolean(this.encryption));
        this.encryption?.protect(carrier.sender);
        this.#carriers.set(source, carrier);
      }
      if (opens) this.data = new DataChannels(pc, { heard: this.heard, changed: this.changed });
      await this.#publish(pc);
    }).catch((error) => {
      if (this.#closed || this.#isRetired) return;
      console.warn('Publishing:', error);
      this.failed();
    });
  }

  /** @param {RTCPeerConnection} pc @param {RTCOfferOptions} [options] */
  async #publish(pc, options) {
    await pc.setLocalDescription(await pc.createOffer(options));
    const tracks = [...this.#carriers].map(([source, { mid }]) => ({ mid, source, muted: this.local.isMuted(source) }));
    const { sdp, tracks: published = [] } = await this.#ask({ sdp: pc.localDescription?.sdp ?? '', tracks });
    // What another media node answers is not for this transport.
    if (this.#closed || this.#isRetired) return;
    this.#sources = new Map(published.map(({ trackId, source }) => [trackId, source]));
    this.told(tracks);
    await pc.setRemoteDescription({ type: 'answer', sdp: sdp ?? '' });
  }

  /**
   * Publishes; whoever does so too often waits for as long as the server wants.
   *
   * @param {{ sdp: string, tracks: { mid: string | null, source: TrackSource, muted: boolean }[] }} what
   * @returns {Promise<import('../../protocol.js').MediaPublished>}
   */
  async #ask(what) {
    try {
      return await this.request('media.publish', what);
    } catch (error) {
      if (error.code !== 'limit.rate' || this.#closed || this.#isRetired) throw error;
      await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs));
      return this.#ask(what);
    }
  }

  /** Sends another track from this source, or none. @param {TrackSource} source @param {MediaStreamTrack | null} track */
  replace(source, track) {
    this.#carriers.get(source)?.sender.replaceTrack(track).catch((error) => console.warn('Sending:', error));
    this.#offer();
  }

  /** Takes a `media.layers`: what nobody wants of a track is not encoded. @param {import('../../protocol.js').MediaLayers} layers */
  handleLayers({ trackId, encodings }) {
    const wanted = new Map(encodings.map(({ rid, wanted }) => [rid, wanted]));
    // One after the other: what a sender was asked for is lost when something else is set meanwhile.
    this.#publishing = this.#publishing.then(async () => {
      const source = this.#sources.get(trackId);
      const sender = source && this.#carriers.get(source)?.sender;
      if (sender && !this.#closed) await sendWanted(sender, wanted);
    }).catch((error) => console.info('Layers:', error));
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
        if (this.#newest === offer && !this.#closed && !this.#isRetired) await this.#accept(offer);
      })
      .catch((error) => {
        if (this.#closed || this.#isRetired) return;
        console.warn('Receiving:', error);
        this.failed();
      });
  }

  /** @param {MediaOffered} offer */
  async #accept({ sdp, tracks }) {
    const pc = (this.subscribe ??= this.#connection());
    await pc.setRemoteDescription({ type: 'offer', sdp });
    pc.getTransceivers().forEach(({ receiver }) => this.encryption?.protect(receiver));
    await pc.setLocalDescription(await pc.createAnswer());
    if (this.#closed || this.#isRetired) return;
    this.#answer = pc.localDescription?.sdp ?? null;
    const byMid = new Map(pc.getTransceivers().map(({ mid, receiver }) => [mid, receiver.track]));
    this.received = new Map();
    for (const offered of tracks) {
      const track = byMid.get(offered.mid);
      if (!track) continue;
      track.onmute = track.onunmute = this.changed;
      this.received.set(offered.trackId, { ...offered, track });
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
    clearTimeout(this.#patience);
    this.publish?.close();
    this.subscribe?.close();
  }
}
