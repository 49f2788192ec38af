// What is new of the tracks of others: begun, ended, muted or not any more.

/** @typedef {import('./others.js').Other} Other */
/** @typedef {import('./others.js').OtherTrack} OtherTrack */
/** @typedef {{ participant: Other, track: OtherTrack }} TrackNews */

/** Compares what there is with what there was. Tracks without an id are nobody's word, and are not told of. */
export class TracksSeen {
  /** By the track's id. @type {Map<string, TrackNews>} */
  #seen = new Map();

  /**
   * @param {Other[]} others
   * @param {(name: 'trackAdded' | 'trackRemoved' | 'trackMuted', news: TrackNews) => void} tell
   */
  see(others, tell) {
    /** @type {Map<string, TrackNews>} */
    const now = new Map();
    for (const participant of others) {
      for (const track of participant.tracks) if (track.trackId) now.set(track.trackId, { participant, track });
    }
    const before = this.#seen;
    this.#seen = now;
    for (const [id, news] of before) if (!now.has(id)) tell('trackRemoved', news);
    for (const [id, news] of now) {
      const known = before.get(id);
      if (!known) tell('trackAdded', news);
      else if (known.track.muted !== news.track.muted) tell('trackMuted', news);
    }
  }
}
