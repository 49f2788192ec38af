// Who has the large tile where the one who speaks has it: told from who says that they speak.

/** Whoever speaks for this long has the place, once it is quiet there. Shorter follows faster, and every cough. */
const TAKE_MS = 1_000;

/** Whoever begins to speak later and goes on for this long has it though the other goes on, too: that may be a fan. */
const INTERRUPT_MS = 4_000;

/** Owns no clock. */
export class ActiveSpeaker {
  /** Nobody, as long as there is nobody. @type {string | null} */
  current = null;

  /** Since when each speaks, in milliseconds. @type {Map<string, number>} */
  #since = new Map();

  /**
   * Takes who is there and who of them speaks.
   *
   * @param {{ connectionId: string, speaking: boolean }[]} others
   * @param {number} now in milliseconds
   * @returns {number | null} after how many milliseconds it has to be told again, though nothing changes until then
   */
  hear(others, now) {
    const before = this.#since;
    this.#since = new Map(others.filter(({ speaking }) => speaking).map(({ connectionId }) => [connectionId, before.get(connectionId) ?? now]));
    const waiting = [...this.#since].filter(([id]) => id !== this.current).map(([id, since]) => ({ id, dueAt: since + this.#patience(since) }));
    const next = waiting.reduce((/** @type {typeof waiting[0] | null} */ first, one) => (first && first.dueAt <= one.dueAt ? first : one), null);
    if (!others.some(({ connectionId }) => connectionId === this.current)) this.current = next?.id ?? others[0]?.connectionId ?? null;
    else if (next && next.dueAt <= now) this.current = next.id;
    else return next && Number.isFinite(next.dueAt) ? next.dueAt - now : null;
    // Those who wait, wait for another one now.
    return waiting.length > 1 ? this.hear(others, now) : null;
  }

  /** How long somebody who speaks since then waits for the place. @param {number} since */
  #patience(since) {
    const current = this.#since.get(this.current ?? '');
    if (current === undefined) return TAKE_MS;
    return since > current ? INTERRUPT_MS : Infinity;
  }
}
