// The ways by which the media of one session goes: straight to the other side, through the server, and for a while two of
// them beside each other, so that nobody is gone while one takes over from the other.

import { PeerLink } from './peer.js';
import { ServerLink } from './server.js';

/** @typedef {import('../../protocol.js').PeerSignal} PeerSignal */
/** @typedef {import('../../protocol.js').MediaOffered} MediaOffered */
/** @typedef {import('../../protocol.js').MediaState} MediaState */
/** @typedef {import('./tracks.js').TrackSource} TrackSource */
/** @typedef {import('./others.js').Other} Other */

/** Signals and offers that overtook the news they belong to. Bounded: a flood must not fill memory. */
const EARLY_SIGNALS_MAX = 64;

/** The other side needs our new track as we need its: the direct way stays this long after ours stands. */
const HANDOVER_MS = 3_000;
const HANDOVER_MAX_MS = 20_000;

/** To another media node everything goes within this, if it goes there at all; then that of before forwards no more. */
const MOVE_MAX_MS = 10_000;

/** @typedef {ReturnType<typeof setTimeout> | undefined} Timer */
/** @typedef {{ signal: { from: string, signal: PeerSignal } } | { offer: MediaOffered }} Early */

/**
 * What the session knows.
 *
 * @typedef {{ state: MediaState, self: string | null, isJoined: boolean,
 *   isReturning: boolean, isConnectedAsSelf: boolean, usesData: boolean, others: () => Other[] }} Facts
 */

/**
 * What links need of the session. `refresh` gets fresh ICE servers, `failed`: media through the server is lost for good.
 *
 * @typedef {{ facts: () => Facts, local: import('./local.js').LocalMedia,
 *   encryption?: import('./encryption.js').Encryption, request: import('./session.js').MediaRequest,
 *   refresh: () => Promise<RTCIceServer[]>, published: ConstructorParameters<typeof ServerLink>[0]['published'],
 *   fromPeer: (peer: PeerLink, bytes: Uint8Array, reliable: boolean) => void,
 *   fromServer: ConstructorParameters<typeof ServerLink>[0]['heard'], changed: () => void, failed: () => void }} Needs
 */

export class Ways {
  /** @type {PeerLink | null} */
  peer = null;
  /** @type {ServerLink | null} */
  server = null;
  /** To the media node of before, while the one that has the session now does not carry everything yet. @type {ServerLink | null} */
  leaving = null;
  /** @type {RTCIceServer[]} */
  iceServers = [];

  #needs;
  #letGo = { timer: /** @type {Timer} */ (undefined), isNear: false };
  #handover = { timer: /** @type {Timer} */ (undefined), isNear: false };
  /** @type {Early[]} */
  #early = [];

  /** @param {Needs} needs */
  constructor(needs) {
    this.#needs = needs;
  }

  /** Goes by what the session is now: opens the way that it names, and lets go of what leads nowhere. */
  follow() {
    const { state: { route, participants }, self, isReturning } = this.#needs.facts();
    if (route === 'server') {
      this.#ensureServer();
      const direct = this.peer?.other;
      if (direct && !isReturning && !participants.some(({ connectionId }) => connectionId === direct)) this.dropPeer();
      return;
    }
    // A new session starts directly again.
    this.dropServer();
    const other = participants.find(({ connectionId }) => connectionId !== self)?.connectionId;
    if (this.peer && this.peer.other !== other && (other || !isReturning)) this.dropPeer();
    if (!other || this.peer) return;
    const { local, encryption, refresh, request, fromPeer, changed } = this.#needs;
    const peer = (this.peer = new PeerLink({
      other,
      offers: participants[0].connectionId === self,
      iceServers: this.iceServers,
      local,
      encryption,
      refresh,
      signal: (signal) => request('media.signal', { to: peer.other, signal }).catch(() => {}),
      heard: (bytes, reliable) => fromPeer(peer, bytes, reliable),
      changed,
    }));
    this.#catchUp(peer);
  }

  /** Something has changed: lets go of the way of before where the new one carries everything. */
  look() {
    this.#hand();
    this.#handMoved();
  }

  #ensureServer() {
    if (this.server) return this.server;
    const { local, encryption, refresh, request, published, fromServer, changed, failed } = this.#needs;
    const server = (this.server = new ServerLink({
      iceServers: this.iceServers,
      local,
      encryption,
      refresh,
      request,
      published,
      heard: fromServer,
      changed,
      failed,
    }));
    if (this.#needs.facts().usesData) server.openData();
    clearTimeout(this.#handover.timer);
    this.#handover.timer = setTimeout(() => this.dropPeer(), HANDOVER_MAX_MS);
    return server;
  }

  /** Another media node has the session: what goes through the server goes to it, beside the way of before until it carries everything. */
  move() {
    this.#early = this.#early.filter((early) => 'signal' in early);
    if (!this.server) return;
    // Of two moves in a row the first may have carried nothing yet.
    const [leaving, other] = this.leaving && !this.server.published ? [this.leaving, this.server] : [this.server, this.leaving];
    other?.close();
    leaving.retire();
    this.leaving = leaving;
    this.server = null;
    clearTimeout(this.#letGo.timer);
    this.#letGo = { timer: setTimeout(() => this.#dropLeaving(), MOVE_MAX_MS), isNear: false };
    this.#ensureServer();
    this.#needs.changed();
  }

  #dropLeaving() {
    clearTimeout(this.#letGo.timer);
    this.leaving?.close();
    this.leaving = null;
    this.#needs.changed();
  }

  /** Lets go of the media node of before once nothing comes by it alone: others may need it a little longer. */
  #handMoved() {
    const before = this.leaving?.subscribe;
    if (!this.leaving || this.#letGo.isNear || !this.server?.published) return;
    if (before && this.#needs.facts().others().some(({ tracks }) => tracks.some(({ pc }) => pc === before))) return;
    clearTimeout(this.#letGo.timer);
    this.#letGo = { timer: setTimeout(() => this.#dropLeaving(), HANDOVER_MS), isNear: true };
  }

  /** Lets go of the direct way once the other one carries everything. */
  #hand() {
    const { usesData, others } = this.#needs.facts();
    if (!this.peer || !this.server?.published || (usesData && !this.server.data?.isOpen)) return;
    const { other } = this.peer;
    const served = [...this.server.received.values()].filter(({ connectionId }) => connectionId === other);
    const waits = others().find(({ connectionId }) => connectionId === other)?.tracks.some(({ track, muted, route }) =>
      route === 'peerToPeer' && track && !track.muted && !muted);
    if (waits || served.length === 0 || this.#handover.isNear) return;
    clearTimeout(this.#handover.timer);
    this.#handover = { timer: setTimeout(() => this.dropPeer(), HANDOVER_MS), isNear: true };
  }

  /** @param {{ from: string, signal: PeerSignal }} heard */
  hear({ from, signal }) {
    const { isJoined, state } = this.#needs.facts();
    if (this.peer?.other === from) this.peer.handle(signal);
    else if (!isJoined || state.route === 'peerToPeer') this.#keep({ signal: { from, signal } });
  }

  hearOffer(/** @type {MediaOffered} */ offer) {
    if (!this.#needs.facts().isJoined) return this.#keep({ offer });
    // The offer may overtake the news that media goes through the server.
    this.#ensureServer().handleOffer(offer);
  }

  #keep(/** @type {Early} */ early) {
    if (this.#early.length === EARLY_SIGNALS_MAX) this.#early.shift();
    this.#early.push(early);
  }

  /** The session was entered: takes the offers that came before that was known. */
  catchUpOffers() {
    const offers = this.#early.filter((early) => 'offer' in early);
    this.#early = this.#early.filter((early) => 'signal' in early);
    offers.forEach(({ offer }) => this.hearOffer(offer));
  }

  /** Hands over what overtook the news of who the other side is. @param {PeerLink} peer */
  #catchUp(peer) {
    const isOwn = (/** @type {Early} */ early) => 'signal' in early && early.signal.from === peer.other;
    const own = this.#early.filter(isOwn);
    this.#early = this.#early.filter((early) => !isOwn(early));
    for (const early of own) if ('signal' in early) peer.handle(early.signal.signal);
  }

  /** One of the two goes on by another connection: what either has said by the one before may be lost. */
  goOn() {
    // Whoever is not in by the present one yet could not say anything.
    if (this.peer && this.#needs.facts().isConnectedAsSelf && !this.peer.connected) this.peer.restart();
  }

  /** The other side goes on by another connection. @param {string} from @param {string} to */
  moved(from, to) {
    for (const early of this.#early) if ('signal' in early && early.signal.from === from) early.signal.from = to;
    if (this.peer?.other !== from) return;
    this.peer.other = to;
    this.#catchUp(this.peer);
    this.goOn();
  }

  /** Sends another own track from this source, or none. @param {TrackSource} source @param {MediaStreamTrack | null} track */
  replace(source, track) {
    for (const link of [this.peer, this.server, this.leaving]) link?.replace(source, track);
  }

  /** Looks for a path anew: the network of this device has changed. */
  restart() {
    this.peer?.restart();
    this.server?.restart();
  }

  /** Whether what there is to carry is carried. */
  get connected() {
    return this.server ? this.server.published || Boolean(this.leaving?.published) : !this.peer || this.peer.connected;
  }

  /** By which connections media goes, and which are being left: those may end at any time. */
  get used() {
    const direct = this.peer ? [this.peer.pc] : [];
    const of = (/** @type {ServerLink | null} */ link) => [link?.publish, link?.subscribe].filter((pc) => pc !== undefined && pc !== null);
    return this.server ? { carrying: of(this.server), leaving: [...direct, ...of(this.leaving)] } : { carrying: direct, leaving: [] };
  }

  dropPeer() {
    clearTimeout(this.#handover.timer);
    this.#handover.isNear = false;
    this.peer?.close();
    this.peer = null;
    this.#needs.changed();
  }

  dropServer() {
    clearTimeout(this.#letGo.timer);
    this.leaving?.close();
    this.server?.close();
    this.leaving = this.server = null;
  }

  drop() {
    this.dropServer();
    this.dropPeer();
  }
}
