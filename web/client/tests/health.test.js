import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineHealth } from '../src/index.js';
import { LOST_MS, SILENT_MS, UNREACHABLE_MS } from '../src/media/health.js';

/** As often as a page looks. */
const EVERY_MS = 300;

/** As many packets as come in that time, and how loud speech and a quiet room are, as energy a second. */
const PACKETS = 15;
const SPEECH = 0.02;
const QUIET_ROOM = 1e-7;

/** A line that is looked at for as long as the test says. Counters go on where they were. */
class Line {
  now = 0;
  #health = new LineHealth();
  #arrived = 0;
  #counts = new Map();

  /**
   * What is told at each look.
   *
   * @param {number} ms
   * @param {{ isConnected?: boolean, isLost?: boolean, arrives?: boolean, own?: object, others?: { name: string, loud?: number, isMuted?: boolean, isExpected?: boolean }[] }} as
   */
  go(ms, { isConnected = true, isLost = false, arrives = true, own = {}, others = [{ name: 'Ben' }] } = {}) {
    const told = [];
    for (const end = this.now + ms; this.now < end;) {
      this.now += EVERY_MS;
      if (arrives) this.#arrived += PACKETS;
      told.push(this.#health.judge({
        isConnected, isLost, arrived: this.#arrived,
        own: { isMuted: false, loudest: 0.1, ...own },
        others: others.map(({ name, loud = SPEECH, isMuted = false, isExpected = true }) => ({ connectionId: name, name, isMuted, isExpected, ...this.#count(name, arrives ? loud : null) })),
      }, this.now));
    }
    return told;
  }

  /** @param {string} name @param {number | null} loud */
  #count(name, loud) {
    const counts = this.#counts.get(name) ?? { energy: 0, seconds: 0 };
    if (loud !== null) {
      counts.energy += loud * EVERY_MS / 1000;
      counts.seconds += EVERY_MS / 1000;
    }
    this.#counts.set(name, counts);
    return { ...counts };
  }
}

const kinds = (told) => [...new Set(told.map((problem) => problem?.kind ?? null))];

test('a line that works is nothing to speak of, however long nobody speaks', () => {
  const line = new Line();
  assert.deepEqual(kinds(line.go(2_000)), [null]);
  assert.deepEqual(kinds(line.go(600_000, { others: [{ name: 'Ben', loud: QUIET_ROOM }] })), [null], 'a room is never quite silent');
});

test('a line on which nothing arrives is lost within three seconds, and back with the first packet', () => {
  const line = new Line();
  line.go(2_000);
  const told = line.go(3_000, { arrives: false });
  assert.equal(told.at(-1)?.kind, 'lost');
  assert.equal(told[0], null, 'a short loss is none');
  assert.deepEqual(kinds(line.go(EVERY_MS)), [null]);
  assert.ok(LOST_MS + EVERY_MS < 3_000);
});

test('what the browser has given up is lost at once', () => {
  const line = new Line();
  assert.deepEqual(kinds(line.go(EVERY_MS, { isLost: true })), ['lost']);
  assert.deepEqual(kinds(line.go(EVERY_MS, { isLost: true, isConnected: false })), ['lost'], 'also while it is sought anew');
});

test('nothing arrives where nobody sends anything', () => {
  const line = new Line();
  const others = [{ name: 'Ben', isMuted: true, isExpected: false }];
  line.go(SILENT_MS / 2);
  assert.deepEqual(kinds(line.go(60_000, { arrives: false, others })), [null], 'on hold');
  assert.deepEqual(kinds(line.go(60_000, { arrives: false, others: [] })), [null], 'alone');
});

test('where no way is found that is said, and not that the other one is not heard', () => {
  const line = new Line();
  const connecting = { isConnected: false, arrives: false };
  assert.deepEqual(kinds(line.go(UNREACHABLE_MS, connecting)), [null]);
  assert.deepEqual(kinds(line.go(30_000, connecting)), ['unreachable']);
  assert.deepEqual(kinds(line.go(EVERY_MS)), [null]);
  assert.deepEqual(kinds(new Line().go(60_000, { ...connecting, others: [] })), [null], 'alone there is nothing to find');
});

test('of whom nothing is heard for eight seconds, though they are not muted, is said by name', () => {
  const line = new Line();
  const others = [{ name: 'Ben' }, { name: 'Cleo', loud: 0 }, { name: 'Dora', loud: 0, isMuted: true }];
  const told = line.go(SILENT_MS + EVERY_MS, { others });
  assert.deepEqual(told.at(-1), { kind: 'unheard', names: ['Cleo'] });
  assert.deepEqual(kinds(told.slice(0, -1)), [null]);
  assert.deepEqual(kinds(line.go(EVERY_MS, { others: others.map((other) => ({ ...other, loud: SPEECH })) })), [null]);
});

test('sound that stops is missed, also of somebody who was heard before', () => {
  const line = new Line();
  line.go(60_000);
  assert.deepEqual(line.go(SILENT_MS + EVERY_MS, { others: [{ name: 'Ben', loud: 0 }] }).at(-1), { kind: 'unheard', names: ['Ben'] });
  assert.deepEqual(kinds(line.go(60_000, { others: [{ name: 'Ben', loud: 0, isMuted: true }] })), [null], 'until they say that they are muted');
});

test('another path counts from the beginning and is not taken for silence', () => {
  const health = new LineHealth();
  const sample = (energy, seconds) => ({ isConnected: true, isLost: false, arrived: seconds, own: { isMuted: false, loudest: 0.1 }, others: [{ connectionId: 'b', name: 'Ben', isMuted: false, isExpected: true, energy, seconds }] });
  let now = 0;
  for (let turn = 0; turn < 60; turn += 1) assert.equal(health.judge(sample(turn % 3, turn % 3), (now += EVERY_MS)), null);
});

test('everybody else being muted is only said as long as nothing was ever heard', () => {
  const others = ['Ben', 'Cleo'].map((name) => ({ name, isMuted: true, loud: 0 }));
  assert.equal(new Line().go(SILENT_MS + EVERY_MS, { others }).at(-1)?.kind, 'othersMuted');
  const line = new Line();
  line.go(2_000);
  assert.deepEqual(kinds(line.go(60_000, { others })), [null]);
});

test('an own microphone that gives nothing at all is said after eight seconds, unless it is muted or cannot be looked at', () => {
  const line = new Line();
  assert.deepEqual(kinds(line.go(60_000, { own: { loudest: 0.0005 } })), [null], 'a quiet room');
  const told = line.go(SILENT_MS + EVERY_MS, { own: { loudest: 0 } });
  assert.deepEqual([told.at(-1)?.kind, told.at(-2)], ['ownSilent', null]);
  assert.deepEqual(kinds(line.go(EVERY_MS)), [null]);
  assert.deepEqual(kinds(line.go(60_000, { own: { loudest: 0, isMuted: true } })), [null]);
  assert.deepEqual(kinds(line.go(60_000, { own: { loudest: null } })), [null]);
});
