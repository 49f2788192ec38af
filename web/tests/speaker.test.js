import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ActiveSpeaker } from '../js/views/call/speaker.js';

/** Ada, Ben and Cleo, of whom these speak. */
const speaking = (...names) => ['Ada', 'Ben', 'Cleo'].map((connectionId) => ({ connectionId, speaking: names.includes(connectionId) }));

test('whoever speaks has the place after a second, and keeps it while it is quiet', () => {
  const speaker = new ActiveSpeaker();
  assert.equal(speaker.hear(speaking(), 0), null);
  assert.equal(speaker.current, 'Ada', 'somebody has it');
  assert.equal(speaker.hear(speaking('Ben'), 100), 1_000);
  assert.equal(speaker.hear(speaking('Ben'), 1_099), 1);
  assert.equal(speaker.current, 'Ada');
  assert.equal(speaker.hear(speaking('Ben'), 1_100), null);
  assert.equal(speaker.current, 'Ben');
  speaker.hear(speaking(), 60_000);
  assert.equal(speaker.current, 'Ben');
});

test('a cough and a word in between change nothing', () => {
  const speaker = new ActiveSpeaker();
  speaker.hear(speaking('Ada'), 0);
  for (let now = 1_000; now < 20_000; now += 1_000) {
    speaker.hear(speaking('Ada', 'Ben'), now);
    speaker.hear(speaking('Ada'), now + 900);
    assert.equal(speaker.current, 'Ada');
  }
  speaker.hear(speaking('Cleo'), 30_000);
  speaker.hear(speaking(), 30_800);
  speaker.hear(speaking('Cleo'), 30_900);
  speaker.hear(speaking('Cleo'), 31_100);
  assert.equal(speaker.current, 'Ada', 'each time it began anew');
});

test('whoever talks over another has the place after four seconds, and who talked on does not get it back by that', () => {
  const speaker = new ActiveSpeaker();
  speaker.hear(speaking('Ada'), 0);
  assert.equal(speaker.hear(speaking('Ada', 'Ben'), 5_000), 4_000);
  assert.equal(speaker.hear(speaking('Ada', 'Ben'), 9_000), null);
  assert.equal(speaker.current, 'Ben');
  assert.equal(speaker.hear(speaking('Ada', 'Ben'), 60_000), null);
  assert.equal(speaker.current, 'Ben');
  speaker.hear(speaking('Ada'), 61_000);
  assert.equal(speaker.current, 'Ada', 'once it is quiet there');
});

test('of several who wait, the next is told for when it is due', () => {
  const speaker = new ActiveSpeaker();
  speaker.hear(speaking('Ada'), 0);
  speaker.hear(speaking('Ada', 'Ben'), 1_000);
  assert.equal(speaker.hear(speaking('Ada', 'Ben', 'Cleo'), 3_000), 2_000);
  assert.equal(speaker.hear(speaking('Ada', 'Ben', 'Cleo'), 5_000), 2_000, 'Cleo, who began last');
  assert.equal(speaker.current, 'Ben');
});

test('the place of whoever leaves is that of one who speaks, or of anybody, or of nobody', () => {
  const speaker = new ActiveSpeaker();
  speaker.hear(speaking('Ada'), 0);
  speaker.hear(speaking('Ada', 'Cleo').slice(1), 2_000);
  assert.equal(speaker.current, 'Cleo');
  speaker.hear(speaking().slice(0, 2), 3_000);
  assert.equal(speaker.current, 'Ada');
  assert.equal(speaker.hear([], 4_000), null);
  assert.equal(speaker.current, null);
});
