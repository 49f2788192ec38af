// One call in one room: follows the session's state and keeps the right way of media open.

import { PeerLink } from './peer.js';
import { Said, UNSAID } from './said.js';
import { ServerLink } from './server.js';
import { SpeechMeter } from './speech.js';
import { onNetworkChange } from './network.js';
import { received } from './stats.js';

/** @typedef {import('../../protocol.js').PeerSignal} PeerSignal */
/** @typedef {import('../../protocol.js').MediaOffered} MediaOffered */
/** @typedef {import('../../protocol.js').MediaState} MediaState */
/** @typedef {import('../../protocol.js').MediaParticipant} MediaParticipant */
/** @typedef {import('./said.js').MediaParticipantState} MediaParticipantState */
/** @typedef {import('../../protocol.js').MediaUpdated} MediaUpdated */
/** @typedef {import('../../protocol.js').MediaRoute} MediaRoute */
/** @typedef {import('./local.js').Kind} Kind */
/** @typedef {import('./local.js').LocalMedia} LocalMedia */
/** @typedef {import('../room-events.js').RoomEventName} RoomEventName */
/** @typedef {import('../../protocol.js').Events} Events */
/** @typedef {import('../../protocol.js').Methods} Methods */

/** Signals and offers that overtook the news they belong to. Bounded: a flood must not fill memory. */
const EARLY_SIGNALS_MAX = 64;

/** The other side needs our new track as we need its: the direct way stays this long after ours stands. */
const HANDOVER_MS = 3_000;
const HANDOVER_MAX_MS = 20_000;

const REJOIN_FIRST_MS = 1_000;
const REJOIN_MAX_MS = 15_000;

/**
 * A request about the media of the room that one is in.
 *
 * @typedef {<Method extends Extract<keyof Methods, `media.${string}`>>(
 *   method: Method, params: Omit<Methods[Method]['params'], 'roomId'>) => Promise<Methods[Method]['result']>} MediaRequest
 */

/**
 * Somebody else in the session, and what there is to see and hear of them.
 *
 * @typedef {Omit<MediaParticipant, 'state'> & { state: MediaParticipantState, video: MediaStreamTrack | null, audio: MediaStreamTrack | null, route: MediaRoute,
 *   pcs: { video?: RTCPeerConnection | null, audio?: RTCPeerConnection | null } }} Other
 */

/** @typedef {{ signal: { from: string, signal: PeerSignal } } | { offer: MediaOffered }} Early */

export class MediaSession {
  /** @type {MediaState} */
  state = { route: 'peerToPeer', participants: [], revision: -1 };
  /** Our own connection id, once we entered. @type {string | null} */
  self = null;

  /** @type {PeerLink | null} */
  #peer = null;
  /** @type {ServerLink | null} */
  #server = null;
  /** @type {Early[]} */
  #early = [];
  /** Our own earlier connection ids. @type {Set<string>} */
  #former = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #handover;
  #retry = { timer: /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined), attempts: 0 };
  /** @type {Promise<void> | null} */
  #joining = null;
  #joined = false;
  /** Whether it was entered, or tried to be. */
  #isWanted = false;
  #closed = false;
  /** @type {(() => void)[]} */
  #off = [];
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  /** The latest that each said of itself, for a state that was read before. @type {Map<string, MediaUpdated>} */
  #updates = new Map();
  #said = new Said((state) => this.#request('media.update', { state }));
  #speech = new SpeechMeter((speaking) => this.say({ speaking }));

  /** Before the session can be entered: the room must have been joined. @type {(() => Promise<void>) | undefined} */
  #ready;
  /** @type {(() => void) | undefined} */
  #left;

  /**
   * @param {{ client: Pick<import('../client.js').Client, 'request' | 'on' | 'state'>, roomId: string, local: LocalMedia,
   *   changed: () => void, ready?: () => Promise<void>, left?: () => void }} options
   */
  constructor({ client, roomId, local, changed, ready, left }) {
    this.client = client;
    this.#ready = ready;
    this.#left = left;
    this.roomId = roomId;
    this.local = local;
    this.changed = () => {
      if (this.#closed) return;
      if (this.connected) this.#retry.attempts = 0;
      this.#hand();
      changed();
    };
    /** @type {<Event extends RoomEventName>(method: Event, handle: (params: Events[Event]) => void) => void} */
    const on = (method, handle) => this.#off.push(client.on(method, (params) => params.roomId === roomId && handle(params)));
    on('media.changed', ({ state }) => this.#apply(state));
    on('media.updated', (updated) => this.#update(updated));
    on('media.signal', (params) => this.#hear(params));
    on('media.offer', (offer) => this.#hearOffer(offer));
    this.#off.push(onNetworkChange(() => this.restart()));
    this.#off.push(client.on('call.resumed', ({ previousConnectionId, connectionId }) => this.moved(previousConnectionId, connectionId)));
  }

  /** Enters the session, or enters it anew: under a new connection id, or after media failed. @returns {Promise<void>} */
  join() {
    this.#isWanted = true;
    this.#joining ??= this.#join().finally(() => (this.#joining = null));
    return this.#joining;
  }

  /** Enters anew after a lost connection, as often as it takes. @returns {Promise<void>} */
  async resume() {
    if (!this.#isWanted || this.#closed) return;
    await this.join().catch(() => this.#rejoin());
  }

  async #join() {
    clearTimeout(this.#retry.timer);
    if (this.#ready) await this.#ready();
    if (this.#closed) return;
    const { connectionId } = this.client.state;
    const before = this.self && this.self !== connectionId ? this.self : null;
    if (before) this.#former.add(before);
    else if (this.#joined) await this.#request('media.leave', {}).catch(() => {});
    if (this.#closed) return;
    this.self = connectionId;
    this.#joined = false;
    this.#said.leave();
    if (!before) this.#drop();
    const told = this.#said.now;
    const { state, iceServers, resumed } = await this.#request('media.join', { previousConnectionId: before, state: told });
    // What goes straight to the other side does not go by the connection: it goes on where the seat does.
    if (before && !(resumed && state.route === 'peerToPeer')) this.#drop();
    if (this.#closed) return;
    this.#iceServers = /** @type {RTCIceServer[]} */ (iceServers);
    this.#joined = true;
    this.#said.enter(told);
    this.#speech.watch(this.local.tracks.audio);
    const kept = this.#peer;
    this.#apply(state);
    if (kept && kept === this.#peer) this.#goOn(kept);
    const offers = this.#early.filter((early) => 'offer' in early);
    this.#early = this.#early.filter((early) => 'signal' in early);
    offers.forEach(({ offer }) => this.#hearOffer(offer));
  }

  /** @type {MediaRequest} */
  #request = (method, params) => this.client.request(method, /** @type {any} */ ({ roomId: this.roomId, ...params }));

  /** Tries again to enter, more patiently each time. */
  #rejoin = (isNeeded = () => true) => {
    if (this.#closed || this.#joining) return;
    clearTimeout(this.#retry.timer);
    const wait = Math.min(REJOIN_MAX_MS, REJOIN_FIRST_MS * 2 ** this.#retry.attempts);
    this.#retry.attempts += 1;
    this.#retry.timer = setTimeout(() => {
      // Without a connection the next one rejoins.
      if (this.client.state.phase === 'open' && isNeeded()) this.join().catch(() => this.#rejoin());
    }, wait);
  };

  #isIn = () => this.state.participants.some(({ connectionId }) => connectionId === this.self);

  #apply(/** @type {MediaState} */ state) {
    // An event may overtake the answer to our joining, which is then the older of the two.
    if (state.revision >= this.state.revision) this.state = this.#overlaid(state);
    if (this.#joined) {
      if (this.#isIn()) this.#follow();
      else this.#rejoin(() => !this.#isIn());
    }
    this.changed();
  }

  /** News of a participant may overtake the answer that lists all. @param {MediaState} state @returns {MediaState} */
  #overlaid(state) {
    for (const [connectionId, { revision }] of this.#updates) if (revision <= state.revision) this.#updates.delete(connectionId);
    const participants = state.participants.map((one) => ({ ...one, state: this.#updates.get(one.connectionId)?.state ?? one.state ?? UNSAID }));
    const revision = Math.max(state.revision, ...[...this.#updates.values()].map((update) => update.revision));
    return { ...state, participants, revision };
  }

  /** @param {MediaUpdated} updated */
  #update(updated) {
    const { connectionId, revision } = updated;
    if (revision <= this.state.revision || revision <= (this.#updates.get(connectionId)?.revision ?? -1)) return;
    if (this.state.participants.some((one) => one.connectionId === connectionId)) {
      const participants = this.state.participants.map((one) => (one.connectionId === connectionId ? { ...one, state: updated.state } : one));
      this.state = { ...this.state, participants, revision };
    } else this.#updates.set(connectionId, updated);
    this.changed();
  }

  /** What this device says of itself. */
  get said() {
    return this.#said.now;
  }

  /**
   * Says something of this device, which everybody in the session sees: muted, camera off, and so on. Whether somebody
   * speaks is told by itself, from the microphone.
   *
   * @param {Partial<MediaParticipantState>} change
   */
  say(change) {
    if (this.#closed) return;
    this.#said.say(change);
    this.changed();
  }

  /** Puts the call on hold, or goes on with it: everybody sees it, and nothing of ours is heard or seen. @param {boolean} on */
  hold(on) {
    this.local.hold(on);
    for (const kind of /** @type {Kind[]} */ (['audio', 'video'])) this.#send(kind, this.local.sent[kind]);
    this.say({ onHold: on });
  }

  #follow() {
    const { route, participants } = this.state;
    if (route === 'server') {
      this.#ensureServer();
      const direct = this.#peer?.other;
      if (direct && !participants.some(({ connectionId }) => connectionId === direct)) this.#dropPeer();
      return;
    }
    // A new session starts directly again.
    this.#server?.close();
    this.#server = null;
    const other = participants.find(({ connectionId }) => connectionId !== this.self)?.connectionId;
    if (this.#peer && this.#peer.other !== other) this.#dropPeer();
    if (!other || this.#peer) return;
    const peer = (this.#peer = new PeerLink({
      other,
      offers: participants[0].connectionId === this.self,
      iceServers: this.#iceServers,
      local: this.local,
      refresh: this.#refresh,
      signal: (signal) => this.#request('media.signal', { to: peer.other, signal }).catch(() => {}),
      changed: this.changed,
    }));
    this.#catchUp(peer);
  }

  /** Hands over what overtook the news of who the other side is. @param {PeerLink} peer */
  #catchUp(peer) {
    const isOwn = (/** @type {Early} */ early) => 'signal' in early && early.signal.from === peer.other;
    const own = this.#early.filter(isOwn);
    this.#early = this.#early.filter((early) => !isOwn(early));
    for (const early of own) if ('signal' in early) peer.handle(early.signal.signal);
  }

  /** One of the two goes on by another connection: what either has said by the one before may be lost. @param {PeerLink} peer */
  #goOn(peer) {
    // Whoever is not in by the present one yet could not say anything.
    if (this.#joined && this.self === this.client.state.connectionId && !peer.connected) peer.restart();
  }

  #ensureServer() {
    if (this.#server) return this.#server;
    const server = (this.#server = new ServerLink({
      iceServers: this.#iceServers,
      local: this.local,
      refresh: this.#refresh,
      request: this.#request,
      changed: this.changed,
      failed: () => this.#rejoin(),
    }));
    clearTimeout(this.#handover);
    this.#handover = setTimeout(() => this.#dropPeer(), HANDOVER_MAX_MS);
    return server;
  }

  /** Whom media goes straight to. */
  get direct() {
    return this.#peer?.other ?? null;
  }

  /** The other side goes on by another connection. @param {string | null} from @param {string} to */
  moved(from, to) {
    if (!from || from === to) return;
    for (const early of this.#early) if ('signal' in early && early.signal.from === from) early.signal.from = to;
    if (this.#peer?.other === from) {
      this.#peer.other = to;
      this.#catchUp(this.#peer);
      this.#goOn(this.#peer);
    }
    const participants = this.state.participants.map((one) => (one.connectionId === from ? { ...one, connectionId: to } : one));
    this.state = { ...this.state, participants };
    this.changed();
  }

  /** @param {{ from: string, signal: PeerSignal }} heard */
  #hear({ from, signal }) {
    if (this.#peer?.other === from) this.#peer.handle(signal);
    else if (!this.#joined || this.state.route === 'peerToPeer') this.#keep({ signal: { from, signal } });
  }

  #keep(/** @type {Early} */ early) {
    if (this.#early.length === EARLY_SIGNALS_MAX) this.#early.shift();
    this.#early.push(early);
  }

  #hearOffer(/** @type {MediaOffered} */ offer) {
    if (!this.#joined) return this.#keep({ offer });
    // The offer may overtake the news that media goes through the server.
    this.#ensureServer().handleOffer(offer);
  }

  /** Lets go of the direct way once the other one carries everything. */
  #hand() {
    if (!this.#peer || !this.#server?.published) return;
    const peer = this.#peer;
    const now = this.#server.received.get(peer.other);
    const carried = /** @type {Kind[]} */ (['audio', 'video']).every((kind) => {
      const direct = peer.received[kind];
      return !direct || direct.muted || now?.[kind]?.muted === false;
    });
    if (!carried || !now || this.#handedOver) return;
    this.#handedOver = true;
    clearTimeout(this.#handover);
    this.#handover = setTimeout(() => this.#dropPeer(), HANDOVER_MS);
  }
  #handedOver = false;

  #dropPeer() {
    clearTimeout(this.#handover);
    this.#handedOver = false;
    this.#peer?.close();
    this.#peer = null;
    this.changed();
  }

  #drop() {
    this.#server?.close();
    this.#server = null;
    this.#dropPeer();
  }

  /** Who else is there, and the tracks to show for each. @returns {Other[]} */
  others() {
    return this.state.participants
      .filter(({ connectionId }) => connectionId !== this.self && !this.#former.has(connectionId))
      .map((participant) => ({ ...participant, state: { ...UNSAID, ...participant.state }, ...this.#tracks(participant.connectionId) }));
  }

  // The direct track stays until the other one carries sound or picture: no gap.
  #tracks(/** @type {string} */ connectionId) {
    const direct = this.#peer?.other === connectionId ? this.#peer : null;
    const served = this.#server?.received.get(connectionId);
    const pick = (/** @type {Kind} */ kind) => {
      const through = served?.[kind];
      const track = through && !through.muted ? through : (direct?.received[kind] ?? through ?? null);
      return { track, pc: track === through ? this.#server?.subscribe : direct?.pc };
    };
    const video = pick('video');
    const audio = pick('audio');
    /** @type {MediaRoute} */
    const route = video.track && video.pc === direct?.pc ? 'peerToPeer' : served ? 'server' : 'peerToPeer';
    return { video: video.track, audio: audio.track, pcs: { video: video.pc, audio: audio.pc }, route };
  }

  /** Whether what there is to carry is carried. */
  get connected() {
    if (!this.#joined) return false;
    return this.#server ? this.#server.published : !this.#peer || this.#peer.connected;
  }

  /** Sends another own track of this kind, or none. @param {Kind} kind @param {MediaStreamTrack | null} track */
  replace(kind, track) {
    if (kind === 'audio') this.#speech.watch(track);
    if (!this.#said.now.onHold) this.#send(kind, track);
  }

  #send(/** @type {Kind} */ kind, /** @type {MediaStreamTrack | null} */ track) {
    this.#peer?.replace(kind, track);
    this.#server?.replace(kind, track);
  }

  /** Fresh ICE servers; what we receive through the server is offered anew. @returns {Promise<RTCIceServer[]>} */
  #refresh = async () => {
    const { iceServers } = await this.#request('media.restartIce', {});
    this.#iceServers = /** @type {RTCIceServer[]} */ (iceServers);
    return this.#iceServers;
  };

  /** Looks for a path anew, by whatever way media travels: the network of this device has changed. */
  restart() {
    if (!this.#joined || this.#closed) return;
    this.#peer?.restart();
    this.#server?.restart();
  }

  /** Counters of everything received, for tests and for support. */
  async stats() {
    return Promise.all(this.others().map(async ({ connectionId, name, route, video, audio, pcs }) => {
      const [seen, heard] = await Promise.all([received(pcs.video, video), received(pcs.audio, audio)]);
      return {
        connectionId, name, route, local: false,
        framesDecoded: seen.framesDecoded, videoPackets: seen.packets, videoBytes: seen.bytes,
        audioPackets: heard.packets, audioSamples: heard.samples, audioEnergy: heard.energy,
      };
    }));
  }

  leave() {
    this.#closed = true;
    clearTimeout(this.#retry.timer);
    this.#off.forEach((off) => off());
    this.#left?.();
    this.#said.leave();
    this.#speech.stop();
    this.#drop();
    // Also where no answer said that it was entered: that may still come to pass, and before this.
    if (this.#isWanted) this.#request('media.leave', {}).catch(() => {});
  }
}
