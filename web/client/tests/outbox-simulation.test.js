import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from '../src/outbox.js';

const SEEDS = 60;
const STEPS = 120;

/** Mulberry32: the same numbers for the same seed. */
function chance(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const refused = (code) => Object.assign(new Error(code), { code });

/** A browser with pages that come and go between any two steps, a database that they share, and a server. */
class World {
  stored = [];
  entries = [];
  pages = [];
  said = 0;
  /** What waits for its turn to happen. @type {{ page: object, run: () => void }[]} */
  #due = [];
  #locked = null;
  #queue = [];

  constructor(random) {
    this.random = random;
    for (let count = 0; count < 3; count += 1) this.open();
  }

  pick(list) {
    return list[Math.floor(this.random() * list.length)];
  }

  /** Happens at some time; for a page that is gone by then, what it had begun of the database and the server still does. */
  later(page, work) {
    return new Promise((resolve, reject) => {
      this.#due.push({ page, run: () => {
        try {
          const result = work();
          if (page.isThere) resolve(result);
        } catch (error) {
          if (page.isThere) reject(error);
        }
      } });
    });
  }

  /** In order for each page, as a database and a connection have it. */
  async step() {
    const heads = [...new Map(this.#due.toReversed().map((due) => [due.page, due])).values()];
    const next = this.pick(heads);
    if (next) {
      this.#due.splice(this.#due.indexOf(next), 1);
      next.run();
    }
    for (let turn = 0; turn < 12; turn += 1) await Promise.resolve();
  }

  get isDone() {
    return this.#due.length === 0;
  }

  open() {
    const page = { isThere: true, isOnline: true, said: [] };
    const send = ({ clientId, text }) => {
      if (!page.isOnline) return Promise.reject(refused('offline'));
      const fate = this.random();
      return this.later(page, () => {
        if (fate < 0.1) throw refused('limit.rate');
        if (!this.stored.some((known) => known.clientId === clientId)) this.stored.push({ clientId, text });
        // Stored, and nobody hears of it.
        if (fate < 0.2) throw refused('timeout');
        return { id: clientId, seq: this.stored.findIndex((known) => known.clientId === clientId) + 1 };
      });
    };
    let look = () => {};
    const tell = () => this.pages.forEach((other) => other !== page && other.isThere && this.later(other, other.look));
    page.look = () => look();
    const keep = {
      all: () => this.later(page, () => structuredClone(this.entries)),
      put: (waiting) => this.later(page, () => {
        const at = this.entries.findIndex(({ message }) => message.clientId === waiting.message.clientId);
        this.entries.splice(at < 0 ? this.entries.length : at, at < 0 ? 0 : 1, structuredClone(waiting));
        tell();
      }),
      remove: (clientId) => this.later(page, () => {
        this.entries = this.entries.filter(({ message }) => message.clientId !== clientId);
        tell();
      }),
      inTurn: (work) => new Promise((resolve, reject) => {
        this.#queue.push({ page, run: () => work().then(resolve, reject).finally(() => this.#release(page)) });
        this.#grant();
      }),
      watch: (callback) => {
        look = callback;
        return () => (look = () => {});
      },
    };
    page.outbox = new Outbox(send, { keep });
    this.pages.push(page);
    page.outbox.restore();
    page.outbox.open();
    return page;
  }

  #grant() {
    if (this.#locked) return;
    const next = this.#queue.shift();
    if (!next) return;
    this.#locked = next.page;
    queueMicrotask(next.run);
  }

  #release(page) {
    if (this.#locked !== page) return;
    this.#locked = null;
    this.#grant();
  }

  /** Its turn is free, and nothing that it waits for is told to it. */
  kill(page) {
    page.isThere = false;
    page.outbox.end(refused('closed'));
    this.pages.splice(this.pages.indexOf(page), 1);
    this.#queue = this.#queue.filter((waiting) => waiting.page !== page);
    this.#release(page);
  }

  say(page) {
    this.said += 1;
    const text = `${this.said}`;
    const said = page.outbox.add({ text });
    page.said.push(text);
    said.catch(() => {});
  }

  toggle(page) {
    page.isOnline = !page.isOnline;
    if (page.isOnline) page.outbox.open();
    else page.outbox.hold();
  }
}

test('whatever pages that share a place do, each message is stored once, and those of a page in the order in which they were said', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const random = chance(seed);
    const world = new World(random);
    const pages = [...world.pages];
    for (let step = 0; step < STEPS; step += 1) {
      const act = random();
      const page = world.pick(world.pages);
      if (act < 0.15) world.say(page);
      else if (act < 0.2) world.toggle(page);
      else if (act < 0.22) {
        world.kill(page);
        pages.push(world.open());
      } else if (act < 0.4) t.mock.timers.tick(Math.floor(random() * 400));
      else await world.step();
    }
    for (const page of world.pages) if (!page.isOnline) world.toggle(page);
    for (let step = 0; step < 5_000 && !(world.isDone && world.entries.length === 0); step += 1) {
      if (world.isDone || step % 10 === 0) t.mock.timers.tick(200);
      await world.step();
    }
    const texts = world.stored.map(({ text }) => text);
    const why = `seed ${seed}`;
    assert.deepEqual(world.entries, [], why);
    assert.equal(new Set(texts).size, texts.length, why);
    for (const page of pages) {
      // What had not reached the place when a page ended is lost with it.
      const stored = page.said.filter((text) => texts.includes(text));
      if (page.isThere) assert.equal(stored.length, page.said.length, why);
      assert.deepEqual(texts.filter((text) => page.said.includes(text)), stored, why);
    }
    for (const page of world.pages) {
      assert.deepEqual(page.outbox.pending.filter(({ storedAs }) => storedAs === null), [], why);
      world.kill(page);
      if (world.pages.length === 0) break;
    }
  }
});
