import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DRAWN, Drawn } from '../js/views/drawn.js';

const said = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => ({ seq: from + at }));
const ends = (messages) => [messages[0]?.seq, messages.at(-1)?.seq, messages.length];

test('of ten thousand messages the end is drawn for who reads the latest, and it moves on with them', () => {
  const drawn = new Drawn();
  assert.deepEqual(drawn.of([], true), []);
  assert.deepEqual(ends(drawn.of(said(1, 10), true)), [1, 10, 10]);
  assert.deepEqual(ends(drawn.of(said(1, 10_000), true)), [10_001 - DRAWN, 10_000, DRAWN]);
  assert.deepEqual(ends(drawn.of(said(1, 10_001), true)), [10_002 - DRAWN, 10_001, DRAWN]);
});

test('for who reads above nothing goes, and more is drawn until all is; then older ones are to be read', () => {
  const drawn = new Drawn();
  const all = said(1_000, 1_000 + 2 * DRAWN);
  drawn.of(all, true);
  const later = [...all, ...said(1_001 + 2 * DRAWN, 1_010 + 2 * DRAWN)];
  assert.deepEqual(ends(drawn.of(later, false)), [1_001 + DRAWN, 1_010 + 2 * DRAWN, DRAWN + 10]);
  assert.equal(drawn.more(later), true);
  assert.equal(drawn.of(later, false)[0].seq, 1_001);
  assert.equal(drawn.more(later), true);
  assert.equal(drawn.of(later, false), later);
  assert.equal(drawn.more(later), false);
  const read = [...said(950, 999), ...later];
  assert.equal(drawn.of(read, false), read, 'what was read before them is drawn, too');
});

test('messages that begin anew are drawn, whatever their numbers', () => {
  const drawn = new Drawn();
  drawn.of(said(1_000, 2_000), true);
  assert.deepEqual(ends(drawn.of(said(1, 50), false)), [1, 50, 50]);
});
