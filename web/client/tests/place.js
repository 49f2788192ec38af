// A place that outlives pages.

/** A browser's place for the messages of one user to one room, as all its pages see it. */
export class Place {
  entries = [];
  isBroken = false;
  #last = Promise.resolve();
  #watching = new Set();

  /** What one page gets. */
  keep = () => {
    /** @type {(() => void) | null} */
    let own = null;
    const tell = () => this.#watching.forEach((look) => look !== own && look());
    return {
      all: () => this.#do(() => structuredClone(this.entries)),
      put: (waiting) => this.#do(() => {
        const at = this.entries.findIndex(({ message }) => message.clientId === waiting.message.clientId);
        this.entries.splice(at < 0 ? this.entries.length : at, at < 0 ? 0 : 1, structuredClone(waiting));
        tell();
      }),
      remove: (clientId) => this.#do(() => {
        this.entries = this.entries.filter(({ message }) => message.clientId !== clientId);
        tell();
      }),
      inTurn: (work) => (this.#last = this.#last.then(work)),
      watch: (look) => {
        own = look;
        this.#watching.add(look);
        return () => this.#watching.delete(look);
      },
    };
  };

  async #do(work) {
    if (this.isBroken) throw new Error('the disk is full');
    return work();
  }
}
