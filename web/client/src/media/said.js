// What this device says of itself and of its tracks in a media session: told once it is different, and again when it was
// not heard.

/** @typedef {import('./tracks.js').TrackSource} TrackSource */
/** @typedef {{ state?: Partial<MediaParticipantState>, tracks?: { source: TrackSource, muted: boolean }[] }} News */
/** All of it, as the server says it. @typedef {Required<import('../../protocol.js').MediaParticipantState>} MediaParticipantState */

/** Nobody asked for less: then again after so long. */
const AGAIN_MS = 1_000;

/** @type {MediaParticipantState} */
export const UNSAID = { muted: false, cameraOff: false, sharing: false, handRaised: false, speaking: false, onHold: false };

export class Said {
  /** @type {MediaParticipantState} */
  now = { ...UNSAID };

  /** What the server knows; null: we are not in the session. @type {MediaParticipantState | null} */
  #told = null;
  /** Which of the published tracks are muted, as the server knows it. @type {Map<TrackSource, boolean>} */
  #toldMuted = new Map();
  #telling = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #again;
  #tell;
  #isMuted;

  /**
   * @param {(news: News) => Promise<unknown>} tell
   * @param {(source: TrackSource) => boolean} isMuted whether nothing is sent from it now
   */
  constructor(tell, isMuted) {
    this.#tell = tell;
    this.#isMuted = isMuted;
  }

  /** @param {Partial<MediaParticipantState>} change */
  say(change) {
    const now = { ...this.now, ...change };
    this.now = { ...now, speaking: now.speaking && !now.muted };
    this.#catchUp();
  }

  /** We are in the session, which was told this much when we entered. @param {MediaParticipantState} told */
  enter(told) {
    this.#told = { ...told };
    this.#toldMuted = new Map();
    this.#catchUp();
  }

  /** These tracks are published, and no others, and were said to be muted or not. @param {{ source: TrackSource, muted: boolean }[]} tracks */
  published(tracks) {
    this.#toldMuted = new Map(tracks.map(({ source, muted }) => [source, muted]));
    this.#catchUp();
  }

  leave() {
    this.#told = null;
    this.#stopWaiting();
  }

  #stopWaiting() {
    clearTimeout(this.#again);
    this.#again = undefined;
  }

  /** @returns {News | null} */
  #news() {
    const told = this.#told;
    if (!told) return null;
    const names = /** @type {(keyof MediaParticipantState)[]} */ (Object.keys(UNSAID));
    const state = Object.fromEntries(names.filter((name) => told[name] !== this.now[name]).map((name) => [name, this.now[name]]));
    const tracks = [...this.#toldMuted].map(([source]) => ({ source, muted: this.#isMuted(source) }));
    const other = tracks.filter(({ source, muted }) => this.#toldMuted.get(source) !== muted);
    const hasState = Object.keys(state).length > 0;
    if (!hasState && other.length === 0) return null;
    return { ...(hasState && { state }), ...(other.length > 0 && { tracks: other }) };
  }

  /** One request at a time: a later one must not be overtaken by an earlier one. */
  async #catchUp() {
    if (this.#telling || this.#again) return;
    this.#telling = true;
    let isMistaken = false;
    try {
      for (let news = this.#news(); news; news = this.#news()) {
        const [told, muted] = [this.#told, this.#toldMuted];
        await this.#tell(news);
        if (told) Object.assign(told, news.state);
        news.tracks?.forEach((track) => muted.has(track.source) && muted.set(track.source, track.muted));
      }
    } catch (error) {
      // Who is not in the session, or not connected, says all of it when entering again.
      const { code, retryAfterMs } = /** @type {{ code?: string, retryAfterMs?: number }} */ (error);
      // What was published is so no longer, and told again when it is.
      isMistaken = code === 'media.unknownTrack';
      if (isMistaken) this.#toldMuted = new Map();
      if (this.#told && (code === 'limit.rate' || code === 'unavailable' || code === 'timeout')) {
        this.#again = setTimeout(() => {
          this.#again = undefined;
          this.#catchUp();
        }, retryAfterMs ?? AGAIN_MS);
      }
    } finally {
      this.#telling = false;
    }
    if (isMistaken) this.#catchUp();
  }
}
