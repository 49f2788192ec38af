// One call in one room: enters it, follows its state, and says what this device sends. By which way that goes is for `Ways`.

import { Emitter } from '../emitter.js';
import { Announcer } from './announced.js';
import { Data } from './data.js';
import { sampled } from './line-sample.js';
import { onNetworkChange } from './network.js';
import { TracksSeen } from './news.js';
import { withTracks } from './others.js';
import { Said } from './said.js';
import { SpeechMeter } from './speech.js';
import { KnownState } from './state.js';
import { received, reported } from './stats.js';
import { SOURCES } from './tracks.js';
import { View } from './view.js';
import { Ways } from './ways.js';
import { Wishes } from './wishes.js';

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

/** @extends {Emitter<MediaEvents>} */
export class MediaSession extends Emitter {
  /** Our own connection id, once we entered. @type {string | null} */
  self = null;

  /**
   * What comes of each track through the server, and why no more, by the track's id: `reason` is `bandwidth` where the
   * network of this device carries no more.
   *
   * @type {Map<string, import('../../protocol.js').TrackSubscription>}
   */
  subscriptions = new Map();

  /** Since the media node has died, until everybody had the time to be back. @type {ReturnType<typeof setTimeout> | undefined} */
  #returning;
  /** Our own earlier connection ids. @type {Set<string>} */
  #former = new Set();
  #retry = { timer: /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined), attempts: 0 };
  /** @type {Promise<void> | null} */
  #joining = null;
  #joined = false;
  /** Whether it was entered, or tried to be. */
  #isWanted = false;
  #closed = false;
  /** @type {(() => void)[]} */
  #off = [];
  #known = new KnownState();
  #said = new Said((news) => this.#request('media.update', news), (source) => this.local.isMuted(source));
  #wishes = new Wishes((tracks, selection) => this.#request('media.subscribe', { tracks, ...(selection && { selection }) }), (trackId) => this.#isSentByOthers(trackId));
  #announcer;
  #ways;
  #seen = new TracksSeen();
  #speech = new SpeechMeter((speaking) => this.say({ speaking }), (level) => (this.#loudest = Math.max(this.#loudest ?? 0, level)));
  /** Of the own microphone since it was asked for. @type {number | null} */
  #loudest = null;

  #data = new Data({
    ways: () => ({
      others: this.#joined && this.#isIn() ? this.state.participants.map(({ connectionId }) => connectionId).filter((id) => id !== this.self) : null,
      peer: this.#ways.peer,
      server: this.#ways.server?.data ?? null,
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
      this.#ways.look();
      this.#seen.see(this.others(), (name, news) => this.emit(name, news));
      this.#wishes.changed();
      this.#data.changed();
      changed();
    };
    this.#ways = new Ways({
      facts: this.#facts,
      local,
      encryption,
      request: this.#request,
      refresh: this.#refresh,
      published: (tracks) => this.#said.published(tracks),
      fromPeer: (peer, bytes, reliable) => this.#data.fromPeer(peer, bytes, reliable),
      fromServer: this.#data.fromServer,
      changed: this.changed,
      failed: () => this.#rejoin(),
    });
    /** @type {<Event extends RoomEventName>(method: Event, handle: (params: Events[Event]) => void) => void} */
    const on = (method, handle) => this.#off.push(client.on(method, (params) => params.roomId === roomId && handle(params)));
    on('media.changed', ({ state }) => this.#apply(state));
    on('media.updated', (updated) => this.#update(updated));
    on('media.signal', (params) => this.#ways.hear(params));
    on('media.offer', (offer) => this.#ways.hearOffer(offer));
    on('media.layers', (layers) => this.#ways.server?.handleLayers(layers));
    on('media.subscriptions', ({ subscriptions }) => {
      this.subscriptions = new Map(subscriptions.map((subscription) => [subscription.trackId, subscription]));
      this.changed();
    });
    on('media.muted', ({ source, by }) => this.#silence(source, by));
    on('media.lost', () => this.#return());
    on('media.moved', () => {
      clearTimeout(this.#retry.timer);
      this.#ways.move();
    });
    on('media.removed', ({ by }) => {
      this.leave();
      this.emit('removed', { by });
    });
    this.#off.push(onNetworkChange(() => this.restart()));
    this.#off.push(client.on('call.resumed', ({ previousConnectionId, connectionId }) => this.moved(previousConnectionId, connectionId)));
  }

  /** Who is there, and by which way media goes, as the server says. */
  get state() {
    return this.#known.now;
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
    this.#ways.iceServers = /** @type {RTCIceServer[]} */ (iceServers);
    this.#joined = true;
    this.#said.enter(told);
    this.#wishes.enter(Boolean(resumed));
    this.#speech.watch(this.local.tracks.microphone);
    const kept = this.#ways.peer;
    this.#apply(state);
    if (kept && kept === this.#ways.peer) this.#ways.goOn();
    this.#ways.catchUpOffers();
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

  #isIn = () => this.state.participants.some(({ connectionId }) => connectionId === this.self);

  #apply(/** @type {MediaState} */ state) {
    this.#known.apply(state);
    if (this.#joined) {
      if (this.#isIn()) this.#follow();
      else this.#rejoin(() => !this.#isIn());
    }
    this.changed();
  }

  /** @param {MediaUpdated} updated */
  #update(updated) {
    if (this.#known.update(updated)) this.changed();
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
    for (const source of SOURCES) this.#ways.replace(source, this.local.sent[source]);
    this.say({ onHold: on });
  }

  #follow() {
    if (this.state.route === 'peerToPeer') {
      this.#announcer.catchUp();
      this.subscriptions = new Map();
    }
    this.#ways.follow();
  }

  /** What the ways of media go by. @returns {import('./ways.js').Facts} */
  #facts = () => ({
    state: this.state,
    self: this.self,
    isJoined: this.#joined,
    isReturning: this.#returning !== undefined,
    isConnectedAsSelf: this.#joined && this.self === this.client.state.connectionId,
    usesData: this.#usesData,
    others: () => this.others(),
  });

  /** Whom media goes straight to. */
  get direct() {
    return this.#ways.peer?.other ?? null;
  }

  /** The other side goes on by another connection. @param {string | null} from @param {string} to */
  moved(from, to) {
    if (!from || from === to) return;
    this.#ways.moved(from, to);
    this.#known.moved(from, to);
    this.changed();
  }

  #dropServer() {
    this.#ways.dropServer();
    this.subscriptions = new Map();
  }

  #drop() {
    this.#dropServer();
    this.#ways.dropPeer();
  }

  /** Who else is there, and the tracks to show for each. @returns {Other[]} */
  others() {
    const { peer, server, leaving } = this.#ways;
    const ways = { peer, server, leaving, route: this.state.route };
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
    return this.#joined && this.#ways.connected;
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
    this.#ways.server?.openData();
  }

  /** Sends another own track from this source, or none. @param {TrackSource} source @param {MediaStreamTrack | null} track */
  replace(source, track) {
    if (source === 'microphone') this.#speech.watch(track);
    if (!this.#said.now.onHold) this.#ways.replace(source, track);
    this.#announcer.catchUp();
    this.say({});
  }

  /** Fresh ICE servers; what we receive through the server is offered anew. @returns {Promise<RTCIceServer[]>} */
  #refresh = async () => {
    const { iceServers } = await this.#request('media.restartIce', {});
    return (this.#ways.iceServers = /** @type {RTCIceServer[]} */ (iceServers));
  };

  /** Looks for a path anew, by whatever way media travels: the network of this device has changed. */
  restart() {
    if (!this.#joined || this.#closed) return;
    this.#ways.restart();
  }

  /** What the line is judged by (see `LineHealth`). Each time anew: how loud the own microphone was is told once. */
  async lineSample() {
    const loudest = this.#loudest;
    this.#loudest = null;
    return { ...await sampled(this, this.#ways.used), own: { isMuted: this.local.isMuted('microphone') || this.#said.now.onHold, loudest } };
  }

  /** What is said of what we send, by whichever way it goes; null: nothing yet. */
  sent() {
    return reported(this.state.route === 'server' ? this.#ways.server?.publish : this.#ways.peer?.pc);
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
