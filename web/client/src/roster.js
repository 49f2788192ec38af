// Who is in a room: read page by page, kept by news, read again where news do not say all.

/** Of more members than this the rest is not read, only counted. */
const MEMBERS_MAX = 1_000;

/** Who is there is read again after a while if it was not told in full; all others do the same. */
const READ_AGAIN_MS = { least: 1_000, spread: 4_000 };

/** @typedef {import('../protocol.js').Member} Member */

export class Roster {
  /** By connection. @type {ReadonlyMap<string, Member>} */
  members = new Map();
  count = 0;

  #read;
  #changed;
  /** Members read so far by a reading that is not done. @type {Map<string, Member> | null} */
  #reading = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {(after: string | undefined) => Promise<{ members: Member[], more: boolean, memberCount: number }>} read
   * @param {() => void} changed
   */
  constructor(read, changed) {
    this.#read = read;
    this.#changed = changed;
  }

  /** Takes the first page, as the answer to a join has it. @param {Member[]} members @param {number} count */
  begin(members, count) {
    this.rest();
    this.#show(members, count);
    if (members.length < count) this.#readFrom(members).catch(() => {});
  }

  /** @param {Member[]} joined @param {string[]} left @param {number} [count] */
  change(joined, left, count) {
    const members = new Map(this.members);
    for (const known of [members, this.#reading]) {
      joined.forEach((member) => known?.set(member.connectionId, member));
      left.forEach((connectionId) => known?.delete(connectionId));
    }
    this.#show(members.values(), count ?? this.count + members.size - this.members.size);
  }

  readLater() {
    clearTimeout(this.#timer);
    const wait = READ_AGAIN_MS.least + READ_AGAIN_MS.spread * Math.random();
    this.#timer = setTimeout(() => this.#readFrom([]).catch(() => {}), wait);
  }

  /** From behind those who are known. @param {Member[]} known */
  async #readFrom(known) {
    const read = (this.#reading = new Map(known.map((member) => [member.connectionId, member])));
    let after = known.at(-1)?.connectionId;
    let answer;
    do {
      answer = await this.#read(after);
      if (this.#reading !== read) return;
      for (const member of answer.members) read.set(member.connectionId, member);
      after = answer.members.at(-1)?.connectionId;
    } while (answer.more && read.size < MEMBERS_MAX);
    this.#reading = null;
    this.#show(read.values(), answer.memberCount);
  }

  /** @param {Iterable<Member>} members @param {number} count */
  #show(members, count) {
    this.members = new Map([...members].map((member) => [member.connectionId, member]));
    this.count = count;
    this.#changed();
  }

  /** Nobody looks any more, or all is read anew. */
  rest() {
    clearTimeout(this.#timer);
    this.#reading = null;
  }
}
