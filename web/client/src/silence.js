// Notices a connection that is dead without having been closed.

/** How long a silent connection has to answer a question. */
const PROBE_TIMEOUT_MS = 5_000;

/**
 * Pages never see the server's pings. So when nothing was heard for one interval of them, something harmless is
 * asked; no answer means that the connection is dead.
 */
export class Silence {
  #probe;
  #dead;
  #heardAt = 0;
  #isAsking = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {{ probe: (timeoutMs: number) => Promise<unknown>, dead: () => void }} options */
  constructor({ probe, dead }) {
    this.#probe = probe;
    this.#dead = dead;
  }

  /** Something came. */
  heard() {
    this.#heardAt = performance.now();
  }

  /** @param {number} intervalMs between two pings of the server */
  watch(intervalMs) {
    this.rest();
    this.heard();
    this.#timer = setInterval(() => {
      if (performance.now() - this.#heardAt >= intervalMs) this.check();
    }, intervalMs);
  }

  /** Asks now. */
  async check() {
    if (this.#isAsking || this.#timer === undefined) return;
    const watched = this.#timer;
    this.#isAsking = true;
    try {
      await this.#probe(PROBE_TIMEOUT_MS);
    } catch (error) {
      // A refusal is an answer, and so a sign of life.
      if (error.code === 'timeout' && watched === this.#timer) this.#dead();
    } finally {
      this.#isAsking = false;
    }
  }

  rest() {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
