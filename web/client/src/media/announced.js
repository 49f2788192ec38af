// What this device sends straight to another one: the server, which carries none of it, is told, so that everybody sees
// which tracks there are.

import { isPassing } from '../errors.js';
import { SOURCES, isShared } from './tracks.js';

/** @typedef {import('./tracks.js').TrackSource} TrackSource */
/** @typedef {{ source: TrackSource, muted: boolean }} Announced */

/** What passes is tried again after so long. */
const AGAIN_MS = 1_000;

export class Announcer {
  /** Which sources are announced. A device stays when it is switched off; a screen goes. @type {Set<TrackSource>} */
  #sources = new Set();
  /** As the server knows it. */
  #told = '';
  #telling = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #again;
  #local;
  #tell;
  #isNeeded;

  /**
   * @param {{ local: Pick<import('./local.js').LocalMedia, 'tracks' | 'isMuted'>, tell: (tracks: Announced[]) => Promise<unknown>,
   *   isNeeded: () => boolean }} options `isNeeded`: whether media goes straight, and the session is entered
   */
  constructor({ local, tell, isNeeded }) {
    this.#local = local;
    this.#tell = tell;
    this.#isNeeded = isNeeded;
  }

  /** The server knows nothing of it any more. */
  forget() {
    this.#told = '';
    clearTimeout(this.#again);
    this.#again = undefined;
  }

  /** Tells what is new, one thing after the other. */
  async catchUp() {
    if (this.#telling || this.#again) return;
    this.#telling = true;
    try {
      while (this.#isNeeded()) {
        const sources = this.#present();
        const news = sources.join();
        if (news === this.#told) return;
        await this.#tell(sources.map((source) => ({ source, muted: this.#local.isMuted(source) })));
        this.#told = news;
      }
    } catch (error) {
      // Whoever enters anew tells it anew.
      if (isPassing(error) && this.#isNeeded()) {
        this.#again = setTimeout(() => {
          this.#again = undefined;
          this.catchUp();
        }, error.retryAfterMs ?? AGAIN_MS);
      }
    } finally {
      this.#telling = false;
    }
  }

  #present() {
    for (const source of SOURCES) {
      if (this.#local.tracks[source]) this.#sources.add(source);
      else if (isShared(source)) this.#sources.delete(source);
    }
    return SOURCES.filter((source) => this.#sources.has(source));
  }
}
