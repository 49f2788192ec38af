// How large an element is seen, for as long as it shows something.

/** @typedef {import('./wishes.js').Size} Size */

/** Finer screens than this are looked at from nearer than pictures of people need. */
const DENSITY_MAX = 2;

/** Sizes are told in steps of so many pixels: an edge that moves by one changes nothing. */
const STEP = 16;

/** Follows the size at which an element is seen, in pixels of the screen; null: it is not seen. */
export class View {
  /** @type {ResizeObserver | undefined} */
  #resizes;
  /** @type {IntersectionObserver | undefined} */
  #crossings;
  #isInView = true;
  #element;
  #changed;

  /** @param {Element} element @param {() => void} changed */
  constructor(element, changed) {
    this.#element = element;
    this.#changed = changed;
    if (globalThis.ResizeObserver) (this.#resizes = new ResizeObserver(changed)).observe(element);
    if (globalThis.IntersectionObserver) {
      this.#crossings = new IntersectionObserver((entries) => {
        this.#isInView = entries.at(-1)?.isIntersecting ?? true;
        changed();
      });
      this.#crossings.observe(element);
    }
    for (const [target, event] of this.#events()) target.addEventListener(event, changed);
  }

  /** @returns {[EventTarget, string][]} */
  #events() {
    return [[document, 'visibilitychange'], [this.#element, 'enterpictureinpicture'], [this.#element, 'leavepictureinpicture']];
  }

  /** @returns {Size | null} */
  get size() {
    // A picture in a window of its own is seen whatever becomes of the page; how large that is, nobody says.
    const inset = document.pictureInPictureElement;
    const isInset = Boolean(inset) && (inset === this.#element || this.#element.contains(inset));
    if (!isInset && (!this.#isInView || document.visibilityState === 'hidden')) return null;
    const { width, height } = this.#element.getBoundingClientRect();
    if (!width || !height) return null;
    const density = Math.min(globalThis.devicePixelRatio || 1, DENSITY_MAX);
    const pixels = (/** @type {number} */ length) => Math.min(Math.ceil((length * density) / STEP) * STEP, 65_520);
    return { width: pixels(width), height: pixels(height) };
  }

  close() {
    this.#resizes?.disconnect();
    this.#crossings?.disconnect();
    for (const [target, event] of this.#events()) target.removeEventListener(event, this.#changed);
  }
}
