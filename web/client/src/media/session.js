// One call in one room: follows the session's state and keeps the right way of media open.

import { Emitter } from '../emitter.js';
import { Announcer } from './announced.js';
import { Data } from './data.js';
import { sampled } from './line-sample.js';
import { onNetworkChange } from './network.js';
import { TracksSeen } from './news.js';
import { withTracks } from './others.js';
import { PeerLink } from './peer.js';
import { Said, UNSAID } from './said.js';
import { ServerLink } from './server.js';
import { SpeechMeter } from './speech.js';
import { received, reported } from './stats.js';
import { SOURCES } from './tracks.js';
import { View } from './view.js';
import { Wishes } from './wishes.js';

/** @typedef {import('../../protocol.js').PeerSignal} PeerSignal */
/** @typedef {import('../../protocol.js').MediaOffered} MediaOffered */
/** @typedef {import('../../protocol.js').MediaState} MediaState */
/** @typedef {import('../../protocol.js').MediaParticipant} MediaParticipant */
/** @typedef {import('./said.js').MediaParticipantState} MediaParticipantState */
/** @typedef {import('../../protocol.js').MediaUpdated} MediaUpdated */
/** @typedef {import('../../protocol.js').MediaRoute} MediaRoute */
/** @typedef {import('./tracks.js').TrackSource} TrackSource */
/** @typedef {import('./local.js').LocalMedia} LocalMedia */
/** @typedef {import('../room-events.js').RoomEventName} RoomEventName */
/** @typedef {import('../../protocol.js').Events} Events */
/** @typedef {import('../../protocol.js').Methods} Methods */

/** Signals and offers that overtook the news they belong to. Bounded: a flood must not fill memory. */
const EARLY_SIGNALS_MAX = 64;

/** The other side needs our new track as we need its: the direct way stays this long after ours stands. */
const HANDOVER_MS = 3_000;
const HANDOVER_MAX_MS = 20_000;

/** To another media node everything goes within this, if it goes there at all; then that of before forwards no more. */
const MOVE_MAX_MS = 10_000;

/** Whoever was in a session whose media node died is back within this. */
const RETURN_MAX_MS = 10_000;

const REJOIN_FIRST_MS = 1_000;
const REJOIN_MAX_MS = 15_000;

/**
 * A request about the media of the room that one is in.
 *
 * @typedef {<Method extends Extract<keyof Methods, `media.${string}`>>(
 *   method: Method, params: Omit<Methods[Method]['params'], 'roomId'>) => Promise<Methods[Method]['result']>} MediaRequest
 */

/** @typedef {import('./others.js').Other} Other */
/** @typedef {import('./others.js').OtherTrack} OtherTrack */

/**
 * What is told of others' tracks. `trackMuted`: `track.muted` is another now. And of moderators: `muted`: somebody has
 * muted a track of ours, which sends nothing until one wants it to; `removed`: somebody has taken us out of the session,
 * which has been left. `data`: somebody has said something to everybody, or to us among others.
 *
 * @typedef {{ trackAdded: import('./news.js').TrackNews, trackRemoved: import('./news.js').TrackNews, trackMuted: import('./news.js').TrackNews,
 *   muted: { source: TrackSource, by: string }, removed: { by: string }, data: import('./data.js').DataNews }} MediaEvents
 */

/** @typedef {{ signal: { from: string, signal: PeerSignal } } | { offer: MediaOffered }} Early */

/** @extends {Emitter<MediaEvents>} */
export class MediaSession extends Emitter {
  /** @type {MediaState} */
  state = { route: 'peerToPeer', participants: [], revision: -1, recorded: false };
  /** Our own connection id, once we entered. @type {string | null} */
  self = null;

  /**
   * What comes of each track through the server, and why no more, by the track's id: `reason` is `bandwidth` where the
   * network of this device carries no more.
   *
   * @type {Map<string, import('../../protocol.js').TrackSubscription>}
   */
  subscriptions = new Map();

  /** @type {PeerLink | null} */
  #peer = null;
  /** @type {ServerLink | null} */
  #server = null;
  /** To the media node of before, while the one that has the session now does not carry everything yet. @type {ServerLink | null} */
  #leaving = null;
  #letGo = { timer: /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined), isNear: false };
  /** Since the media node has died, until everybody had the time to be back. @type {ReturnType<typeof setTimeout> | undefined} */
  #returning;
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
  #said = new Said((news) => this.#request('media.update', news), (source) => this.local.isMuted(source));
  #wishes = new Wishes((tracks, selection) => this.#request('media.subscribe', { tracks, ...(selection && { selection }) }), (trackId) => this.#isSentByOthers(trackId));
  #announcer;
  #seen = new TracksSeen();
  #speech = new SpeechMeter((speaking) => this.say({ speaking }), (level) => (this.#loudest = Math.max(this.#loudest ?? 0, level)));
  /** Of the own microphone since it was asked for. @type {number | null} */
  #loudest = null;

  #data = new Data({
    ways: () => ({
      others: this.#joined && this.#isIn() ? this.state.participants.map(({ connectionId }) => connectionId).filter((id) => id !== this.self) : null,
      peer: this.#peer,
      server: this.#server?.data ?? null,
    }),
    heard: (news) => this.emit('data', news),
  });
  /** Somebody on this page has a use for data channels. */
  #usesData = false;

  /** Before the session can be entered: the room must have been joined. @type {(() => Promise<void>) | undefined} */
  #ready;
  /** @type {(() => void) | undefined} */
  #left;

  /**
   * @param {{ client: Pick<import('../client.js').Client, 'request' | 'on' | 'state'>, roomId: string, local: LocalMedia,
   *   changed: () => void, encryption?: import('./encryption.js').Encryption, ready?: () => Promise<void>, left?: () => void }} options
   */
  constructor({ client, roomId, local, changed, encryption, ready, left }) {
    super();
    this.client = client;
    this.encryption = encryption;
    this.#ready = ready;
    this.#left = left;
    this.roomId = roomId;
    this.local = local;
    this.#announcer = new Announcer({
      local,
      isNeeded: () => this.#joined && !this.#closed && this.state.route === 'peerToPeer',
      tell: async (tracks) => {
        await this.#request('media.publish', { tracks });
        this.#said.published(tracks);
      },
    });
    this.changed = () => {
      if (this.#closed) return;
      if (this.connected) this.#retry.attempts = 0;
      this.#hand();
      this.#handMoved();
      this.#seen.see(this.others(), (name, news) => this.emit(name, news));
      this.#wishes.changed();
      this.#data.changed();
      changed();
    };
    /** @type {<Event extends RoomEventName>(method: Event, handle: (params: Events[Event]) => void) => void} */
    const on = (method, handle) => this.#off.push(client.on(method, (params) => params.roomId === roomId && handle(params)));
    on('media.changed', ({ state }) => this.#apply(state));
    on('media.updated', (updated) => this.#update(updated));
    on('media.signal', (params) => this.#hear(params));
    on('media.offer', (offer) => this.#hearOffer(offer));
    on('media.layers', (layers) => this.#server?.handleLayers(layers));
    on('media.subscriptions', ({ subscriptions }) => {
      this.subscriptions = new Map(subscriptions.map((subscription) => [subscription.trackId, subscription]));
      this.changed();
    });
    on('media.muted', ({ source, by }) => this.#silence(source, by));
    on('media.lost', () => this.#return());
    on('media.moved', () => this.#move());
    on('media.removed', ({ by }) => {
      this.leave();
      this.emit('removed', { by });
    });
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
    else if (this.#joined && !this.#returning) await this.#request('media.leave', {}).catch(() => {});
    if (this.#closed) return;
    this.self = connectionId;
    this.#joined = false;
    this.#said.leave();
    if (!before) this.#wishes.leave();
    this.#announcer.forget();
    if (this.#returning) this.#dropServer();
    else if (!before) this.#drop();
    const told = this.#said.now;
    const { state, iceServers, resumed } = await this.#request('media.join', { previousConnectionId: before, state: told });
    // What goes straight to the other side does not go by the connection: it goes on where the seat does.
    if (before && !(resumed && state.route === 'peerToPeer')) this.#drop();
    if (this.#closed) return;
    this.#iceServers = /** @type {RTCIceServer[]} */ (iceServers);
    this.#joined = true;
    this.#said.enter(told);
    this.#wishes.enter(Boolean(resumed));
    this.#speech.watch(this.local.tracks.microphone);
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

  /** The media node has died, and our seat with it: takes another. What goes straight to the other side goes on meanwhile. */
  #return() {
    if (!this.#joined || this.#closed) return;
    clearTimeout(this.#returning);
    this.#returning = setTimeout(() => {
      this.#returning = undefined;
      if (this.#joined && this.#isIn()) this.#follow();
    }, RETURN_MAX_MS);
    this.join().catch(() => this.#rejoin());
  }

  /** Another media node has the session: what goes through the server goes to it, beside the way of before until it carries everything. */
  #move() {
    clearTimeout(this.#retry.timer);
    this.#early = this.#early.filter((early) => 'signal' in early);
    if (!this.#server) return;
    // Of two moves in a row the first may have carried nothing yet.
    const [leaving, other] = this.#leaving && !this.#server.published ? [this.#leaving, this.#server] : [this.#server, this.#leaving];
    other?.close();
    leaving.retire();
    this.#leaving = leaving;
    this.#server = null;
    clearTimeout(this.#letGo.timer);
    this.#letGo = { timer: setTimeout(() => this.#dropLeaving(), MOVE_MAX_MS), isNear: false };
    this.#ensureServer();
    this.changed();
  }

  #dropLeaving() {
    clearTimeout(this.#letGo.timer);
    this.#leaving?.close();
    this.#leaving = null;
    this.changed();
  }

  /** Lets go of the media node of before once nothing comes by it alone: others may need it a little longer. */
  #handMoved() {
    const before = this.#leaving?.subscribe;
    if (!this.#leaving || this.#letGo.isNear || !this.#server?.published) return;
    if (before && this.others().some(({ tracks }) => tracks.some(({ pc }) => pc === before))) return;
    clearTimeout(this.#letGo.timer);
    this.#letGo = { timer: setTimeout(() => this.#dropLeaving(), HANDOVER_MS), isNear: true };
  }

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
    const participants = state.participants.map((one) => {
      const { state: said, tracks } = this.#updates.get(one.connectionId) ?? one;
      return { ...one, state: said ?? UNSAID, tracks: tracks ?? [] };
    });
    const revision = Math.max(state.revision, ...[...this.#updates.values()].map((update) => update.revision));
    return { ...state, participants, revision };
  }

  /** @param {MediaUpdated} updated */
  #update(updated) {
    const { connectionId, revision } = updated;
    if (revision <= this.state.revision || revision <= (this.#updates.get(connectionId)?.revision ?? -1)) return;
    if (this.state.participants.some((one) => one.connectionId === connectionId)) {
      const participants = this.state.participants.map((one) => (one.connectionId === connectionId ? { ...one, state: updated.state, tracks: updated.tracks ?? [] } : one));
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
    for (const source of SOURCES) this.#send(source, this.local.sent[source]);
    this.say({ onHold: on });
  }

  #follow() {
    const { route, participants } = this.state;
    if (route === 'server') {
      this.#ensureServer();
      const direct = this.#peer?.other;
      if (direct && !this.#returning && !participants.some(({ connectionId }) => connectionId === direct)) this.#dropPeer();
      return;
    }
    this.#announcer.catchUp();
    // A new session starts directly again.
    this.#dropServer();
    const other = participants.find(({ connectionId }) => connectionId !== this.self)?.connectionId;
    if (this.#peer && this.#peer.other !== other && (other || !this.#returning)) this.#dropPeer();
    if (!other || this.#peer) return;
    const peer = (this.#peer = new PeerLink({
      other,
      offers: participants[0].connectionId === this.self,
      iceServers: this.#iceServers,
      local: this.local,
      encryption: this.encryption,
      refresh: this.#refresh,
      signal: (signal) => this.#request('media.signal', { to: peer.other, signal }).catch(() => {}),
      heard: (bytes, reliable) => this.#data.fromPeer(peer, bytes, reliable),
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
      encryption: this.encryption,
      refresh: this.#refresh,
      request: this.#request,
      published: (tracks) => this.#said.published(tracks),
      heard: this.#data.fromServer,
      changed: this.changed,
      failed: () => this.#rejoin(),
    }));
    if (this.#usesData) server.openData();
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
    if (!this.#peer || !this.#server?.published || (this.#usesData && !this.#server.data?.isOpen)) return;
    const { other } = this.#peer;
    const served = [...this.#server.received.values()].filter(({ connectionId }) => connectionId === other);
    const waits = this.others().find(({ connectionId }) => connectionId === other)?.tracks.some(({ track, muted, route }) =>
      route === 'peerToPeer' && track && !track.muted && !muted);
    if (waits || served.length === 0 || this.#handedOver) return;
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

  #dropServer() {
    clearTimeout(this.#letGo.timer);
    this.#leaving?.close();
    this.#server?.close();
    this.#leaving = this.#server = null;
    this.subscriptions = new Map();
  }

  #drop() {
    this.#dropServer();
    this.#dropPeer();
  }

  /** Who else is there, and the tracks to show for each. @returns {Other[]} */
  others() {
    const ways = { peer: this.#peer, server: this.#server, leaving: this.#leaving, route: this.state.route };
    return this.state.participants
      .filter(({ connectionId }) => connectionId !== this.self && !this.#former.has(connectionId))
      .map((participant) => withTracks(participant, ways));
  }

  #isSentByOthers = (/** @type {string} */ trackId) =>
    this.state.participants.some(({ connectionId, tracks }) => connectionId !== this.self && tracks?.some((track) => track.trackId === trackId));

  /**
   * Says how large a track of somebody else is shown, so that no more of it is sent than is seen, and nothing of one that
   * is shown nowhere. Of tracks of which nothing is said all is sent. Where an element shows it, {@link view} says it by
   * itself.
   *
   * @param {string} trackId
   * @param {import('./wishes.js').Size | null} size in pixels of the screen; null: it is shown nowhere
   * @param {import('./wishes.js').ShowOptions} [options] `pinned`: it goes before all others where the network does not
   *   carry everything; `enabled`: false: it is not wanted, wherever it is shown
   */
  show(trackId, size, options) {
    this.#wishes.show(trackId, { trackId, size, ...options });
  }

  /**
   * Says what is wished of tracks of which nothing is said by {@link show} or {@link view}, whatever was said before:
   * `autoSubscribe: false` has none of them sent; `lastN` as many pictures at a time at most, those that are pinned,
   * screens, and who speaks or spoke last.
   *
   * @param {import('./wishes.js').TrackSelection} selection
   */
  select(selection) {
    this.#wishes.select(selection);
  }

  /**
   * Follows how large an element is seen, scrolled away and in a page that nobody looks at included, and says so of the
   * track that it shows: call `show` each time that it may be another one, with null for none, and `close` once the
   * element is gone.
   *
   * @param {Element} element around the picture, or the picture itself
   * @returns {{ show: (trackId: string | null, options?: import('./wishes.js').ShowOptions) => void, close: () => void }}
   */
  view(element) {
    let shown = /** @type {{ trackId: string } & import('./wishes.js').ShowOptions | null} */ (null);
    const say = () => this.#wishes.show(element, shown && { ...shown, size: view.size });
    const view = new View(element, say);
    return {
      show: (trackId, options = {}) => {
        if (trackId === (shown?.trackId ?? null) && Boolean(options.pinned) === Boolean(shown?.pinned) && options.enabled === shown?.enabled) return;
        shown = trackId ? { trackId, ...options } : null;
        say();
      },
      close: () => {
        view.close();
        this.#wishes.show(element, null);
      },
    };
  }

  /** A moderator has muted what comes from this source. @param {TrackSource} source @param {string} by */
  async #silence(source, by) {
    if (source === 'microphone' || source === 'screenAudio') {
      this.local.mute(true, source);
      this.say(source === 'microphone' ? { muted: true } : {});
    } else if (source === 'camera') {
      this.replace('camera', await this.local.camera(false));
      this.say({ cameraOff: true });
    } else {
      await this.local.share(false);
      this.replace('screen', null);
      this.replace('screenAudio', null);
      this.say({ sharing: false });
    }
    this.emit('muted', { source, by });
  }

  /** Whether what there is to carry is carried. */
  get connected() {
    if (!this.#joined) return false;
    return this.#server ? this.#server.published || Boolean(this.#leaving?.published) : !this.#peer || this.#peer.connected;
  }

  /**
   * Sends something that is no picture and no sound to everybody else in the session, or to some of them. Who comes later
   * does not get it.
   *
   * @param {ArrayBuffer | ArrayBufferView} data up to 15,360 bytes, and of what is not reliable 1,200
   * @param {{ reliable?: boolean, topic?: string, to?: string[] }} [options] `reliable` (true unless said otherwise): it comes, in
   *   order, and waits for channels to open; otherwise it comes at once or never. `to`: connection ids
   * @returns {Promise<boolean>} false: it was dropped, which happens to nothing reliable. Resolves once so little waits to be
   *   sent that there is room for more. Rejects where nothing opens for 15 seconds (`timeout`), and what is too long (`limit.size`)
   */
  async sendData(data, { reliable = true, topic = '', to = [] } = {}) {
    this.#openData();
    return this.#data.send(data, { reliable, topic, to });
  }

  /** @type {Emitter<MediaEvents>['on']} */
  on(name, handler) {
    if (name === 'data') this.#openData();
    return super.on(name, handler);
  }

  /** Through the server they are opened for who has a use for them; both ways later, too. */
  #openData() {
    if (this.#usesData) return;
    this.#usesData = true;
    this.#server?.openData();
  }

  /** Sends another own track from this source, or none. @param {TrackSource} source @param {MediaStreamTrack | null} track */
  replace(source, track) {
    if (source === 'microphone') this.#speech.watch(track);
    if (!this.#said.now.onHold) this.#send(source, track);
    this.#announcer.catchUp();
    this.say({});
  }

  #send(/** @type {TrackSource} */ source, /** @type {MediaStreamTrack | null} */ track) {
    this.#peer?.replace(source, track);
    this.#server?.replace(source, track);
    this.#leaving?.replace(source, track);
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

  /** What the line is judged by (see `LineHealth`). Each time anew: how loud the own microphone was is told once. */
  async lineSample() {
    const loudest = this.#loudest;
    this.#loudest = null;
    const direct = this.#peer ? [this.#peer.pc] : [];
    const of = (/** @type {ServerLink | null} */ link) => [link?.publish, link?.subscribe].filter((pc) => pc !== undefined && pc !== null);
    // While one way takes over from the other, the one that is being left may end at any time.
    const ways = this.#server ? { carrying: of(this.#server), leaving: [...direct, ...of(this.#leaving)] } : { carrying: direct, leaving: [] };
    return { ...await sampled(this, ways), own: { isMuted: this.local.isMuted('microphone') || this.#said.now.onHold, loudest } };
  }

  /** What is said of what we send, by whichever way it goes; null: nothing yet. */
  sent() {
    return reported(this.state.route === 'server' ? this.#server?.publish : this.#peer?.pc);
  }

  /** Counters of everything received, for tests and for support. */
  async stats() {
    return Promise.all(this.others().map(async ({ connectionId, name, route, tracks }) => ({
      connectionId, name, route, local: false,
      tracks: await Promise.all(tracks.map(async ({ trackId, source, muted, track, pc }) => ({ trackId, source, muted, ...await received(pc, track) }))),
    })));
  }

  leave() {
    this.#closed = true;
    clearTimeout(this.#retry.timer);
    clearTimeout(this.#returning);
    this.#off.forEach((off) => off());
    this.#left?.();
    this.#said.leave();
    this.#wishes.leave();
    this.#announcer.forget();
    this.#speech.stop();
    this.#data.close();
    this.#drop();
    // Also where no answer said that it was entered: that may still come to pass, and before this.
    if (this.#isWanted) this.#request('media.leave', {}).catch(() => {});
  }
}
