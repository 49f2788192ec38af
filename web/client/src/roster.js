// Who is in a room: everybody where few are; where many are, how many, and the page that somebody looks at.

/** In rooms of more than this only the number is told of itself. */
export const TOLD_SINGLY_MAX = 50;

/** Who is there is read again after a while where the number was told and few are left; all others do the same. */
const READ_AGAIN_MS = { least: 1_000, spread: 4_000 };

/** @typedef {import('../protocol.js').Member} Member */
/** @typedef {import('../protocol.js').RoomMembers} RoomMembers */
/** @typedef {import('../protocol.js').RoomPageChanged} RoomPageChanged */

/**
 * @typedef {object} Source
 * @property {(page: { after?: string, follow?: boolean }) => Promise<RoomMembers>} read
 * @property {() => Promise<unknown>} unfollow
 * @property {() => void} changed
 */

export class Roster {
  /** By connection: everybody, or who is on the page that is followed, or whoever was known last. @type {ReadonlyMap<string, Member>} */
  members = new Map();
  count = 0;
  /** Whether `members` is everybody. */
  complete = false;
  /** The page that is followed: where it begins, and whether there are more after it. @type {{ after: string | null, more: boolean } | null} */
  page = null;

  #source;
  /** What is being read; replaced when something else is. @type {object | null} */
  #reading = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Source} source */
  constructor(source) {
    this.#source = source;
  }

  /** Takes the first page, as the answer to a join has it. @param {Member[]} members @param {number} count */
  begin(members, count) {
    this.rest();
    this.#show(members, count, count <= TOLD_SINGLY_MAX && members.length === count);
    if (this.page) this.follow(this.page.after ?? undefined).catch(() => {});
    else if (!this.complete && count <= TOLD_SINGLY_MAX) this.#readAll().catch(() => {});
  }

  /**
   * Follows the page after a connection, or the first; instead of the one before.
   *
   * @param {string} [after]
   */
  async follow(after) {
    clearTimeout(this.#timer);
    const reading = (this.#reading = {});
    /** @type {{ after: string | null, more: boolean }} */
    const page = { after: after ?? null, more: false };
    this.page = page;
    try {
      const answer = await this.#source.read({ after, follow: true });
      if (this.#reading !== reading) return;
      this.#reading = null;
      page.more = answer.more;
      this.#show(answer.members, answer.memberCount, !after && !answer.more);
    } catch (error) {
      // Once there is a connection again, the room is entered again, and the page with it.
      if (this.page === page && error.code !== 'offline') this.page = null;
      throw error;
    }
  }

  unfollow() {
    if (!this.page) return;
    this.page = null;
    this.rest();
    this.#show(this.members.values(), this.count, this.complete && this.count <= TOLD_SINGLY_MAX);
    this.#source.unfollow().catch(() => {});
    if (!this.complete) this.#readLater();
  }

  /** @param {Member} member */
  join(member) {
    const members = new Map(this.members);
    if (this.#isShown(member.connectionId)) members.set(member.connectionId, member);
    this.#change(members, this.count + 1);
  }

  /** @param {string} connectionId */
  leave(connectionId) {
    const members = new Map(this.members);
    members.delete(connectionId);
    this.#change(members, this.count - 1);
  }

  /** So many are there now, and not each who came or went was told. @param {number} count */
  hear(count) {
    const isFollowed = this.page !== null && this.page.after === null && !this.page.more;
    this.#show(this.members.values(), count, isFollowed);
    if (!this.page) this.#readLater();
  }

  /** @param {RoomPageChanged} change */
  turn({ after = null, joined, left, more }) {
    if (this.page?.after !== after) return;
    this.page.more = more;
    const members = new Map(this.members);
    left.forEach((connectionId) => members.delete(connectionId));
    joined.forEach((member) => members.set(member.connectionId, member));
    this.#show(members.values(), this.count, after === null && !more);
  }

  /** Whether somebody who is told of alone is among those that are shown. @param {string} connectionId */
  #isShown(connectionId) {
    return !this.page?.after || connectionId > this.page.after;
  }

  /** One came or went, as was told to everybody. @param {Map<string, Member>} members @param {number} count */
  #change(members, count) {
    // What is known of everybody says better how many they are than what was counted.
    this.#show(members.values(), this.complete ? members.size : count, this.complete);
  }

  /** Where few are left, all of them are read again. */
  #readLater() {
    clearTimeout(this.#timer);
    if (this.count > TOLD_SINGLY_MAX) return;
    const wait = READ_AGAIN_MS.least + READ_AGAIN_MS.spread * Math.random();
    this.#timer = setTimeout(() => this.#readAll().catch(() => {}), wait);
  }

  /** Reads all of them, who are few. What is told meanwhile comes before or after an answer, as it happened. */
  async #readAll() {
    const reading = (this.#reading = {});
    /** @type {Map<string, Member>} */
    const read = new Map();
    let after;
    let answer;
    do {
      answer = await this.#source.read({ after });
      if (this.#reading !== reading) return;
      for (const member of answer.members) read.set(member.connectionId, member);
      after = answer.members.at(-1)?.connectionId;
    } while (answer.more && answer.memberCount <= TOLD_SINGLY_MAX);
    this.#reading = null;
    this.#show(read.values(), answer.memberCount, read.size === answer.memberCount);
    if (!this.complete) this.#readLater();
  }

  /** @param {Iterable<Member>} members @param {number} count @param {boolean} complete */
  #show(members, count, complete) {
    const sorted = [...members].sort((one, other) => (one.connectionId < other.connectionId ? -1 : 1));
    this.members = new Map(sorted.map((member) => [member.connectionId, member]));
    this.count = count;
    this.complete = complete;
    this.#source.changed();
  }

  /** This device is in the room no more: nobody is known to be there. */
  end() {
    this.rest();
    this.page = null;
    this.#show([], 0, false);
  }

  /** Nothing is read any more. */
  rest() {
    clearTimeout(this.#timer);
    this.#reading = null;
  }
}
