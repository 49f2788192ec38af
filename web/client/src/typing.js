// Telling others that one types: often enough that they do not forget it, and never more.

/** Others forget a notice after six seconds. */
const REPEATED_MS = 3_000;

/** Who presses no key for this long has stopped. */
const PAUSE_MS = 4_000;

export class Typing {
  #tell;
  #toldAt = -Infinity;
  #isTold = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pause;

  /** @param {(typing: boolean) => void} tell */
  constructor(tell) {
    this.#tell = tell;
  }

  /** A key was pressed. */
  typed() {
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.stop(), PAUSE_MS);
    if (this.#isTold && performance.now() - this.#toldAt < REPEATED_MS) return;
    this.#isTold = true;
    this.#toldAt = performance.now();
    this.#tell(true);
  }

  /** The text was sent, or given up. */
  stop() {
    clearTimeout(this.#pause);
    if (!this.#isTold) return;
    this.#isTold = false;
    this.#tell(false);
  }
}
