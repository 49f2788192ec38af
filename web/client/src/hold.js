// News that wait while the page reads what they are newer than.

export class Hold {
  /** @type {Promise<unknown> | null} */
  #reading = null;
  /** @type {(() => void)[]} */
  #waiting = [];

  /** Holds back what comes until all of `answers` that are promises have settled. @param {unknown[]} answers */
  until(answers) {
    const reading = Promise.allSettled(this.#reading ? [this.#reading, ...answers] : answers);
    this.#reading = reading;
    reading.then(() => {
      if (this.#reading !== reading) return;
      this.#reading = null;
      for (const step of this.#waiting.splice(0)) this.run(step);
    });
  }

  /** Now, or behind what waits already. @param {() => void} step */
  run(step) {
    if (this.#reading) this.#waiting.push(step);
    else step();
  }
}
