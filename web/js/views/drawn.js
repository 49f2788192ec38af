// How much of a long list of messages is drawn: its end, and more of it as one reads upwards.

/**
 * So many messages are drawn for who reads the latest, and so many more each time for who reads above. Fewer come to
 * their end sooner; of more the browser lays out all anew with every message and every line that is typed.
 */
export const DRAWN = 150;

/** @template {{ seq: number }} Message */
export class Drawn {
  /** The number of the first message that is drawn; 0: from the first one that is known. */
  #from = 0;

  /**
   * What is to be drawn of all messages that are known.
   *
   * @param {readonly Message[]} messages
   * @param {boolean} isAtEnd whether the latest is looked at: nobody misses those far above then
   * @returns {readonly Message[]}
   */
  of(messages, isAtEnd) {
    if (isAtEnd) this.#from = messages.at(-DRAWN)?.seq ?? 0;
    const at = this.#at(messages);
    return at === 0 ? messages : messages.slice(at);
  }

  /** Draws more of those that are known from now on; false if all of them are drawn. @param {readonly Message[]} messages */
  more(messages) {
    const at = this.#at(messages);
    this.#from = at > DRAWN ? messages[at - DRAWN].seq : 0;
    return at > 0;
  }

  /** Where those begin that are drawn. @param {readonly Message[]} messages */
  #at(messages) {
    return this.#from === 0 ? 0 : Math.max(0, messages.findIndex(({ seq }) => seq >= this.#from));
  }
}
