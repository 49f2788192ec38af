// Typed events: a handler that throws stops no other.

/** @template {object} Events what is told, by name */
export class Emitter {
  /** @type {Map<keyof Events, ((value: any) => unknown)[]>} */
  #handlers = new Map();

  /**
   * Calls `handler` with every event of this name, until the returned function is called.
   *
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(value: Events[Name]) => unknown} handler
   * @returns {() => void}
   */
  on(name, handler) {
    this.#handlers.set(name, [...(this.#handlers.get(name) ?? []), handler]);
    return () => {
      this.#handlers.set(name, (this.#handlers.get(name) ?? []).filter((known) => known !== handler));
    };
  }

  /**
   * @internal
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {Events[Name]} value
   * @returns {unknown[]} what the handlers returned: promises, if they take time
   */
  emit(name, value) {
    return (this.#handlers.get(name) ?? []).map((handler) => {
      try {
        return handler(value);
      } catch (error) {
        if (typeof reportError === 'function') reportError(error);
        else console.warn(error);
        return undefined;
      }
    });
  }
}
