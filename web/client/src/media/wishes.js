// What this device wishes of the tracks that others send: which it shows, how large, and which go first. Said once it
// rests, and again when it was not heard.

import { isPassing } from '../errors.js';

/** @typedef {import('../../protocol.js').TrackWish} TrackWish */
/** @typedef {import('../../protocol.js').TrackSelection} TrackSelection */
/** A size in pixels of the screen. @typedef {{ width: number, height: number }} Size */
/** @typedef {{ pinned?: boolean, enabled?: boolean }} ShowOptions */
/** What one place shows. @typedef {{ trackId: string, size: Size | null } & ShowOptions} Shown */

/** Windows and scrolling move on for longer than this only if somebody pulls at them. */
const REST_MS = 150;

/** What passes is tried again after so long. */
const AGAIN_MS = 1_000;

/** Tracks of one request, as the server takes them. */
const AT_ONCE = 200;

export class Wishes {
  /** What each place shows: two may show the same track. @type {Map<unknown, Shown>} */
  #places = new Map();
  /** What is wished of tracks that are not shown, and of how many. @type {TrackSelection | undefined} */
  #selection;
  /** The same as the server knows it, as text; of one that never was another, nothing is said. @type {string | undefined} */
  #toldSelection;
  /** What the server knows, by track, as text; null: we are not in the session. @type {Map<string, string> | null} */
  #told = null;
  #telling = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Until when nothing is tried, because the server wants it. */
  #waits = false;
  #tell;
  #isSent;

  /**
   * @param {(tracks: TrackWish[], selection?: TrackSelection) => Promise<unknown>} tell
   * @param {(trackId: string) => boolean} isSent whether somebody else sends it
   */
  constructor(tell, isSent) {
    this.#tell = tell;
    this.#isSent = isSent;
  }

  /** A place shows this, or nothing any more. @param {unknown} place @param {Shown | null} shown */
  show(place, shown) {
    const before = this.#places.get(place);
    if (shown) this.#places.set(place, shown);
    else this.#places.delete(place);
    if (before && before.trackId !== shown?.trackId && !this.#isShown(before.trackId)) this.#gone.add(before.trackId);
    if (shown) this.#gone.delete(shown.trackId);
    this.#soon();
  }
  /** Was shown, and nowhere any more. @type {Set<string>} */
  #gone = new Set();

  /** Of tracks that are not shown this is wished, and so many at a time. @param {TrackSelection} selection */
  select(selection) {
    this.#selection = selection;
    this.#soon();
  }

  #isShown = (/** @type {string} */ trackId) => [...this.#places.values()].some((shown) => shown.trackId === trackId);

  /** We are in the session; it knows what was said before only where our seat went over. @param {boolean} isKnown */
  enter(isKnown) {
    if (!isKnown || !this.#told) {
      this.#told = new Map();
      this.#toldSelection = undefined;
    }
    this.#soon();
  }

  /** The session has other tracks now: of those that are new, something may be wished already. */
  changed() {
    for (const trackId of this.#told?.keys() ?? []) if (!this.#isSent(trackId)) this.#told?.delete(trackId);
    for (const trackId of this.#gone) if (!this.#isSent(trackId)) this.#gone.delete(trackId);
    if (this.#news().length > 0) this.#soon();
  }

  leave() {
    this.#told = null;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waits = false;
  }

  /** What is wished of each track that is shown, or was. @returns {Map<string, TrackWish>} */
  #wished() {
    /** @type {Map<string, TrackWish>} */
    const wished = new Map();
    for (const trackId of this.#gone) wished.set(trackId, { trackId, width: 0, height: 0 });
    for (const { trackId, size, pinned = false, enabled = true } of this.#places.values()) {
      const other = wished.get(trackId);
      // Two places: as large as the larger one.
      wished.set(trackId, {
        trackId,
        enabled: enabled || (other?.enabled ?? false),
        width: Math.max(size?.width ?? 0, other?.width ?? 0),
        height: Math.max(size?.height ?? 0, other?.height ?? 0),
        priority: pinned ? 'high' : other?.priority ?? 'normal',
      });
    }
    return wished;
  }

  /** @returns {TrackWish[]} */
  #news() {
    const told = this.#told;
    if (!told) return [];
    const isNew = (/** @type {TrackWish} */ wish) => this.#isSent(wish.trackId) && told.get(wish.trackId) !== JSON.stringify(wish);
    return [...this.#wished().values()].filter(isNew);
  }

  /** What is to be said of all tracks. */
  #newSelection = () => (JSON.stringify(this.#selection) === this.#toldSelection ? undefined : this.#selection);

  #soon(ms = REST_MS) {
    if (this.#waits || !this.#told) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#waits = false;
      this.#catchUp();
    }, ms);
  }

  /** One request at a time: a later one must not be overtaken by an earlier one. */
  async #catchUp() {
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (let news = this.#news(); this.#told && (news.length > 0 || this.#newSelection()); news = this.#news()) {
        const [told, some, selection] = [this.#told, news.slice(0, AT_ONCE), this.#newSelection()];
        await (selection ? this.#tell(some, selection) : this.#tell(some));
        if (selection && told === this.#told) this.#toldSelection = JSON.stringify(selection);
        for (const wish of some) told?.set(wish.trackId, JSON.stringify(wish));
      }
    } catch (error) {
      // A track has ended of which the news has not come yet. Who is not in the session says all when entering again.
      if (this.#told && (error.code === 'media.unknownTrack' || isPassing(error))) {
        this.#soon(error.retryAfterMs ?? AGAIN_MS);
        this.#waits = true;
      }
    } finally {
      this.#telling = false;
    }
  }
}
