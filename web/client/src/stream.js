// One thing that is followed: asked for again after every loss, its news in order, each once, without gaps.

import { backoff } from './backoff.js';
import { SwitchboardError, isPassing } from './errors.js';

/** A number that is missing this long is asked for; until then it may merely be late. */
const GAP_PATIENCE_MS = 1_500;

/** What came behind a gap and is kept; past that all of it is asked for. */
const AHEAD_MAX = 1_000;

/** @typedef {{ seq: number, more: boolean, recovered: boolean }} Page what every answer says of itself */

/**
 * What is followed, as its owner knows it.
 *
 * @template {Page} Answer
 * @template {{ seq: number }} Item
 * @typedef {object} Followed
 * @property {(after: number | undefined) => Promise<Answer>} ask
 * @property {(answer: Answer) => Item[]} items
 * @property {boolean} isGapless whether the numbers are 1, 2, 3, …; else only that they rise is known
 * @property {(item: Item) => void} next the next item, of an event or of a page
 * @property {(answer: Answer, how: { continues: boolean, isFirst: boolean }) => void} settled an answer was the
 *   last one; if it does not continue, what is known must be read again, and its items were not told one by one
 * @property {(error: SwitchboardError) => void} failed it cannot be followed, and trying again would not help
 * @property {(error: SwitchboardError) => boolean} [isAwaited] what refuses it now is expected to let it in later
 */

/** @template {Page} Answer @template {{ seq: number }} Item */
export class Stream {
  /** The number of the latest item that was told; null before the first answer. @type {number | null} */
  seq = null;
  /** @type {'joining' | 'joined' | 'failed' | 'ended'} */
  status = 'joining';
  /** Why it is not followed, where `status` says that. @type {SwitchboardError | null} */
  error = null;

  #followed;
  /** Those who wait until it is followed. @type {(() => void)[]} */
  #waiting = [];
  /** What is to be applied after the answer that is on its way. @type {(() => void)[] | null} */
  #early = null;
  /** Items with a gap before them. @type {Map<number, Item>} */
  #ahead = new Map();
  /** @type {Promise<void> | null} */
  #resuming = null;
  #reloads = false;
  #failures = 0;
  /** @type {{ [Name in 'gap' | 'again']?: ReturnType<typeof setTimeout> }} */
  #timers = {};

  /** @param {Followed<Answer, Item>} followed */
  constructor(followed) {
    this.#followed = followed;
  }

  /**
   * Follows, or goes on where it was left. Rejects if that fails this time; what passes is tried again.
   *
   * @param {{ reload?: boolean }} [how] `reload`: what is known is not worth continuing
   * @returns {Promise<void>}
   */
  resume({ reload = false } = {}) {
    if (this.status === 'ended') return Promise.reject(/** @type {SwitchboardError} */ (this.error));
    this.#reloads ||= reload;
    this.#resuming ??= this.#resume().finally(() => {
      this.#resuming = null;
      if (this.#reloads && this.status === 'joined') this.resume().catch(() => {});
    });
    return this.#resuming;
  }

  async #resume() {
    this.#rest();
    this.#early = [];
    try {
      await this.#read();
      this.#failures = 0;
    } catch (error) {
      this.#failed(error);
      throw error;
    } finally {
      const early = this.#early ?? [];
      this.#early = null;
      early.forEach((apply) => apply());
    }
  }

  /** Page by page. A connection that is lost between two of them goes on from the last one. */
  async #read() {
    const isFirst = this.seq === null;
    let after = this.#reloads || this.seq === null ? undefined : this.seq;
    this.#reloads = false;
    let continues = after !== undefined;
    let answer;
    do {
      answer = await this.#followed.ask(after);
      if (this.status === 'ended') return;
      continues &&= answer.recovered;
      if (continues) for (const item of this.#followed.items(answer)) this.#tell(item);
      after = this.seq = answer.seq;
    } while (answer.more);
    for (const seq of this.#ahead.keys()) if (seq <= answer.seq) this.#ahead.delete(seq);
    this.#turn('joined', null);
    this.#followed.settled(answer, { continues, isFirst });
  }

  /** @param {SwitchboardError} error */
  #failed(error) {
    if (this.status === 'ended') return;
    // Without a connection the next one resumes.
    if (error.code === 'offline' || error.code === 'closed') return;
    if (!isPassing(error) && error.fault === 'caller' && !this.#followed.isAwaited?.(error)) {
      this.#turn('failed', error);
      return this.#followed.failed(error);
    }
    const wait = (error.retryAfterMs ?? 0) + backoff(this.#failures);
    this.#failures += 1;
    this.#timers.again = setTimeout(() => this.resume().catch(() => {}), wait);
  }

  /** Runs `apply` now, or after the answer that is on its way. @param {() => void} apply */
  inOrder(apply) {
    if (this.#early) this.#early.push(apply);
    else if (this.status === 'joined') apply();
  }

  /** Takes an item, from an event or an answer, as often and as early as it comes. @param {Item} item */
  receive(item) {
    this.inOrder(() => this.#receive(item));
  }

  /** @param {Item} item */
  #receive(item) {
    if (this.seq === null || item.seq <= this.seq) return;
    if (!this.#followed.isGapless) return this.#tell(item);
    this.#ahead.set(item.seq, item);
    for (let next = this.#ahead.get(this.seq + 1); next; next = this.#ahead.get(next.seq + 1)) {
      this.#ahead.delete(next.seq);
      this.#tell(next);
    }
    clearTimeout(this.#timers.gap);
    if (this.#ahead.size === 0) return;
    if (this.#ahead.size > AHEAD_MAX) this.#ahead.clear();
    this.#timers.gap = setTimeout(() => this.resume().catch(() => {}), GAP_PATIENCE_MS);
  }

  /** @param {Item} item */
  #tell(item) {
    if (this.seq !== null && item.seq <= this.seq) return;
    this.seq = item.seq;
    this.#followed.next(item);
  }

  /** Numbers are those of another sequence from the answer on that has just come. */
  forget() {
    this.#ahead.clear();
  }

  #rest() {
    clearTimeout(this.#timers.gap);
    clearTimeout(this.#timers.again);
  }

  /** Resolves once it is followed, perhaps at once; rejects where it cannot be. @returns {Promise<void>} */
  followed() {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => (this.error ? reject(this.error) : resolve()));
      if (this.status !== 'joining') this.#turn(this.status, this.error);
    });
  }

  /** @param {Stream<Answer, Item>['status']} status @param {SwitchboardError | null} error */
  #turn(status, error) {
    this.status = status;
    this.error = error;
    for (const tell of this.#waiting.splice(0)) tell();
  }

  /** The server follows it for us no more. A later `resume` may try again. @param {SwitchboardError} error */
  stop(error) {
    if (this.status !== 'ended') this.#turn('failed', error);
    this.#rest();
  }

  /** The page wants nothing of it any more. */
  end() {
    this.#turn('ended', new SwitchboardError('closed', 'it is not followed any more', { fault: 'caller' }));
    this.#ahead.clear();
    this.#rest();
  }
}
