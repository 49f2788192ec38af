import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GAP, arrange } from '../js/views/call/layout.js';

const WIDE = 16 / 9;
const people = (count, ratio = WIDE) => Array.from({ length: count }, () => ({ ratio, isOwn: false }));
const area = ({ width, height }) => width * height;

/** How many tiles are in each row, from above. */
function rows(places) {
  const counts = new Map();
  for (const { y } of places) counts.set(y, (counts.get(y) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a - b).map(([, count]) => count);
}

function overlap(a, b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

test('so many people are in so many rows, on a desktop, on a phone and on one that lies on its side', () => {
  const shapes = { desktop: { width: 1000, height: 620 }, tall: { width: 600, height: 760 }, phone: { width: 370, height: 640 }, sideways: { width: 760, height: 370 } };
  const found = Object.fromEntries(Object.entries(shapes).map(([name, stage]) => [name, [1, 3, 4, 5, 6].map((count) => rows(arrange(stage, people(count))).join('+'))]));
  assert.deepEqual(found, {
    desktop: ['1', '2+1', '2+2', '2+2+1', '2+2+2'],
    tall: ['1', '1+1+1', '1+1+1+1', '2+2+1', '2+2+2'],
    phone: ['1', '1+1+1', '1+1+1+1', '1+1+1+1+1', '2+2+2'],
    sideways: ['1', '2+1', '2+2', '3+2', '3+3'],
  });
});

test('a row that is not full is centred', () => {
  const stage = { width: 760, height: 370 };
  const places = arrange(stage, people(5));
  const last = places.slice(3);
  assert.deepEqual(rows(places), [3, 2]);
  const [left, right] = [last[0].x, stage.width - last[1].x - last[1].width];
  assert.ok(Math.abs(left - right) <= 1 && left > places[0].x, `${left} and ${right}`);
});

/** Every size of call in every stage, with and without a large tile. */
function* calls() {
  for (const [width, height] of [[1440, 800], [604, 700], [370, 640], [760, 330], [300, 130]]) {
    for (let count = 1; count <= 12; count += 1) {
      for (const large of [null, 0, count - 1]) yield { width, height, count, large };
    }
  }
}

test('tiles are in the stage, apart from each other, and have the shape of the picture: nothing is cut, nothing wasted', () => {
  const isIn = (place, width, height) => place.x >= 0 && place.y >= 0 && place.x + place.width <= width + 1 && place.y + place.height <= height + 1;
  for (const ratio of [WIDE, 4 / 3, 9 / 16]) {
    for (const { width, height, count, large } of calls()) {
      const places = arrange({ width, height }, people(count, ratio), large);
      const where = `${count} of ${ratio} in ${width} × ${height}, large: ${large}`;
      assert.equal(places.length, count);
      assert.ok(places.every((place) => isIn(place, width, height)), where);
      // Whole pixels: each side may lack one.
      assert.ok(places.every((place) => Math.abs(place.width - place.height * ratio) <= Math.max(1, ratio) + 0.01), where);
      assert.ok(places.every((place, at) => places.slice(at + 1).every((other) => !overlap(place, other))), where);
    }
  }
});

test('there is no number of columns in which more would be seen', () => {
  const stage = { width: 930, height: 610 };
  for (let count = 1; count <= 12; count += 1) {
    const [{ width, height }] = arrange(stage, people(count));
    for (let columns = 1; columns <= count; columns += 1) {
      const lines = Math.ceil(count / columns);
      const room = { width: (stage.width - GAP * (columns - 1)) / columns, height: (stage.height - GAP * (lines - 1)) / lines };
      assert.ok(Math.min(room.width, room.height * WIDE) <= width + 2, `${count}: ${columns} columns would show more than ${width} × ${height}`);
    }
  }
});

test('upright and wide pictures share a grid whose tiles both fit in', () => {
  const places = arrange({ width: 1000, height: 600 }, [...people(2), ...people(2, 9 / 16)]);
  assert.equal(new Set(places.map(({ width, height }) => `${width} ${height}`)).size, 1);
  const [{ width, height }] = places;
  assert.ok(width / height <= WIDE && width / height >= 9 / 16);
});

test('the large tile is by far the largest, with the others beside it where it is wide, and below where it is high', () => {
  const largest = (places) => [...places].sort((a, b) => area(b) - area(a));
  const wide = arrange({ width: 1440, height: 740 }, people(6), 2);
  assert.equal(wide[2], largest(wide)[0]);
  assert.ok(area(wide[2]) > 5 * area(largest(wide)[1]));
  assert.ok(wide.every((place, at) => at === 2 || place.x > wide[2].x + wide[2].width), 'all others at its end');
  const upright = arrange({ width: 370, height: 640 }, people(6), 0);
  assert.ok(upright.slice(1).every(({ y }) => y >= upright[0].y + upright[0].height), 'all others below');
  assert.equal(upright[0].width, 370);
  const screen = arrange({ width: 1300, height: 740 }, [{ ratio: 4 / 3, isOwn: false }, ...people(3)], 0);
  assert.ok(Math.abs(screen[0].width / screen[0].height - 4 / 3) < 0.01);
});

test('with one other person one is small oneself, in the corner, and with nobody or with two as large as all', () => {
  const own = { ratio: 4 / 3, isOwn: true };
  const stage = { width: 1000, height: 600 };
  const [other, self] = arrange(stage, [...people(1), own]);
  assert.deepEqual([other.width, other.height], [1000, 562]);
  assert.deepEqual([self.x + self.width, self.y + self.height], [1000 - GAP, 600 - GAP]);
  assert.ok(area(self) < area(other) / 10);
  assert.deepEqual(arrange(stage, [own, ...people(1)]), [self, other]);
  assert.deepEqual(arrange(stage, [own])[0], { x: 100, y: 0, width: 800, height: 600 });
  const three = arrange(stage, [...people(2), own]);
  assert.equal(new Set(three.map(area)).size, 1);
  // Whoever is alone and shares a screen has nobody to make room for.
  assert.ok(!overlap(...arrange(stage, [own, { ratio: WIDE, isOwn: true }])));
});

test('a stage without any room has tiles without any size, and no picture is taken for a usual one', () => {
  for (const large of [null, 1]) {
    for (const place of arrange({ width: 0, height: 0 }, people(3), large)) assert.ok(place.width === 0 && place.height === 0, JSON.stringify(place));
  }
  const [place] = arrange({ width: 1600, height: 900 }, [{ ratio: null, isOwn: false }]);
  assert.deepEqual(place, { x: 0, y: 0, width: 1600, height: 900 });
  assert.deepEqual(arrange({ width: 100, height: 100 }, []), []);
});
