import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionQuality, measured, qualityOf } from '../src/media/quality.js';

const line = { lost: 0, jitterMs: 5, roundTripMs: 40 };

test('loss, jitter and delay each make a line worse by themselves', () => {
  assert.equal(qualityOf(line), 'good');
  assert.deepEqual([0.02, 0.021, 0.08, 0.081].map((lost) => qualityOf({ ...line, lost })), ['good', 'fair', 'fair', 'poor']);
  assert.deepEqual([30, 31, 100, 101].map((jitterMs) => qualityOf({ ...line, jitterMs })), ['good', 'fair', 'fair', 'poor']);
  assert.deepEqual([300, 301, 800, 801].map((roundTripMs) => qualityOf({ ...line, roundTripMs })), ['good', 'fair', 'fair', 'poor']);
  assert.equal(qualityOf({ ...line, isStill: true }), 'poor');
});

test('what nobody has measured is not called good', () => {
  assert.equal(qualityOf({ lost: null, jitterMs: null, roundTripMs: null }), null);
  assert.equal(qualityOf({ lost: null, jitterMs: null, roundTripMs: 40 }), 'good');
});

const counts = (packets, lost = 0, more = {}) => ({ packets, lost, jitterMs: null, roundTripMs: null, isExpected: true, ...more });
const tracks = (entries) => new Map(Object.entries(entries));

test('what is lost between two moments counts, of all tracks together, and not what was lost before', () => {
  const before = tracks({ voice: counts(100, 50), face: counts(1_000, 0) });
  const after = tracks({ voice: counts(145, 55, { jitterMs: 12 }), face: counts(1_050, 0, { jitterMs: 31, roundTripMs: 80 }) });
  assert.deepEqual(measured(before, after), { lost: 0.05, jitterMs: 31, roundTripMs: 80, isStill: false });
});

test('what was found to be late and not lost, and what came by another way, is no loss', () => {
  assert.equal(measured(tracks({ voice: counts(100, 9) }), tracks({ voice: counts(150, 7) })).lost, 0);
  assert.equal(measured(tracks({ voice: counts(100) }), tracks({ voice: counts(3, 2) })).lost, null);
  assert.equal(measured(tracks({}), tracks({ voice: counts(3, 2) })).isStill, false, 'it has only begun');
});

test('a line is still if nothing comes of what should, and not if nothing is sent', () => {
  const [before, after] = [tracks({ voice: counts(100), face: counts(10, 0, { isExpected: false }) }), tracks({ voice: counts(100), face: counts(10, 0, { isExpected: false }) })];
  assert.equal(measured(before, after).isStill, true);
  assert.equal(measured(tracks({ face: before.get('face') }), tracks({ face: after.get('face') })).isStill, false);
  assert.equal(measured(before, tracks({ voice: counts(100), face: counts(12) })).isStill, false, 'something comes');
});

test('one bad moment is not shown, two are; the first measure is shown at once', () => {
  const quality = new ConnectionQuality();
  assert.deepEqual(['good', 'poor', 'good', 'fair', 'fair', 'good', 'good', null, 'poor'].map((level) => quality.hear(level)),
    ['good', 'good', 'good', 'good', 'fair', 'fair', 'good', null, 'poor']);
});
