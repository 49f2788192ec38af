import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKept } from '../js/kept.js';
import { createDrafts } from '../js/model/drafts.js';

const NOTHING = { text: '', target: null };
const draft = (text, target = null) => ({ text, target });

/** The database as the drafts see it. */
function double() {
  const places = new Map();
  return {
    places, writes: 0,
    async draft(place) {
      return places.get(place);
    },
    async keepDraft(place, kept) {
      this.writes += 1;
      if (kept) places.set(place, kept);
      else places.delete(place);
    },
  };
}

test('a draft is there again for its room alone, also for the next page, and gone once it is sent', async () => {
  const kept = double();
  const drafts = createDrafts({ kept });
  const answer = draft('almost', { isEdit: false, seq: 3, name: 'Ada', text: 'done?' });
  drafts.keep('room/a', answer);
  drafts.flush();
  assert.deepEqual([await drafts.read('room/a'), await drafts.read('room/b')], [answer, null]);
  const next = createDrafts({ kept });
  assert.deepEqual(await next.read('room/a'), answer);
  next.keep('room/a', NOTHING);
  assert.equal(await next.read('room/a'), null, 'before it is written down');
  next.flush();
  assert.equal(kept.places.size, 0);
});

test('who types fast writes a few times a second, and the last of it is written', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const kept = double();
  const drafts = createDrafts({ kept });
  for (let length = 1; length <= 100; length += 1) {
    drafts.keep('room/a', draft('x'.repeat(length)));
    t.mock.timers.tick(10);
  }
  t.mock.timers.tick(300);
  assert.ok(kept.writes <= 5, `${kept.writes} writes in a second`);
  assert.equal(kept.places.get('room/a').text.length, 100);
});

test('a draft of a hundred thousand letters is kept whole', async () => {
  const kept = double();
  const drafts = createDrafts({ kept });
  drafts.keep('room/a', draft('й'.repeat(100_000)));
  drafts.flush();
  assert.equal((await createDrafts({ kept }).read('room/a')).text.length, 100_000);
});

test('a browser without a database, as Node.js is one, keeps drafts for as long as the page lives', async (t) => {
  t.mock.method(console, 'info', () => {});
  const kept = createKept('ada');
  const drafts = createDrafts({ kept });
  drafts.keep('room/a', draft('hello'));
  drafts.flush();
  assert.deepEqual(await drafts.read('room/a'), draft('hello'));
  assert.equal(await drafts.read('room/b'), null);
  await assert.rejects(kept.unsent());
  assert.equal(kept.isPersistent(), false);
  await kept.clear();
});
