// What is known of a session: the newest state, whichever of the answers and events that tell of it comes first.

import { UNSAID } from './said.js';

/** @typedef {import('../../protocol.js').MediaState} MediaState */
/** @typedef {import('../../protocol.js').MediaUpdated} MediaUpdated */

export class KnownState {
  /** @type {MediaState} */
  now = { route: 'peerToPeer', participants: [], revision: -1, recorded: false };
  /** The latest that each said of itself, for a state that was read before. @type {Map<string, MediaUpdated>} */
  #updates = new Map();

  /** An event may overtake the answer to our joining, which is then the older of the two. @param {MediaState} state */
  apply(state) {
    if (state.revision >= this.now.revision) this.now = this.#overlaid(state);
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

  /** What one participant says of itself and sends; false: that was known, or newer is. @param {MediaUpdated} updated */
  update(updated) {
    const { connectionId, revision } = updated;
    if (revision <= this.now.revision || revision <= (this.#updates.get(connectionId)?.revision ?? -1)) return false;
    if (this.now.participants.some((one) => one.connectionId === connectionId)) {
      const participants = this.now.participants.map((one) => (one.connectionId === connectionId ? { ...one, state: updated.state, tracks: updated.tracks ?? [] } : one));
      this.now = { ...this.now, participants, revision };
    } else this.#updates.set(connectionId, updated);
    return true;
  }

  /** A participant goes on by another connection. @param {string} from @param {string} to */
  moved(from, to) {
    const participants = this.now.participants.map((one) => (one.connectionId === from ? { ...one, connectionId: to } : one));
    this.now = { ...this.now, participants };
  }
}
