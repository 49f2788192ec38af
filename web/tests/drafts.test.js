import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKept } from '../js/kept.js';
import { createDrafts } from '../js/model/drafts.js';
import { settled, withGlobals } from './stand-in.js';

const NOTHING = { text: '', target: null };
const draft = (text, target = null) => ({ text, target });

/** The database as the drafts see it. */
function double() {
  const places = new Map();
  return {
    places, writes: 0,
    onReturn: () => {},
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

/** A database that opens, if it does, and answers nothing until it is woken. */
function hanging({ opens }) {
  const [requests, transactions, drafts] = [[], [], new Map()];
  const asked = () => (requests.push({ result: [] }), requests.at(-1));
  const deleted = [];
  const put = (entry) => (drafts.set(entry.place, entry.text), asked());
  const store = { transaction: {}, get: asked, getAll: asked, put, delete: (key) => (deleted.push(key), asked()) };
  return {
    store,
    deleted,
    drafts,
    async wake() {
      for (const request of requests.splice(0)) request.onsuccess?.();
      await settled();
      for (const transaction of transactions.splice(0)) transaction.oncomplete?.();
      await settled();
    },
    open() {
      const request = {};
      if (opens) queueMicrotask(() => request.onsuccess());
      request.result = { transaction: () => (transactions.push({ objectStore: () => store }), transactions.at(-1)) };
      return request;
    },
  };
}

test('what is deleted is deleted also where the database was too slow once, and nobody waits for it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  t.mock.method(console, 'info', () => {});
  const database = hanging({ opens: true });
  withGlobals(t, { indexedDB: database, IDBKeyRange: { bound: () => ({}) }, BroadcastChannel: undefined });
  const kept = createKept('ada');
  const outcome = assert.rejects(kept.unsent());
  await settled();
  t.mock.timers.tick(3_000);
  await outcome;
  assert.equal(kept.isPersistent(), false);
  await assert.rejects(kept.outbox('a').remove('x'));
  await assert.rejects(kept.keepDraft('room/a', null));
  await settled();
  assert.deepEqual(database.deleted, [['ada', 'a', 'x'], ['ada', 'room/a']]);
});

test('a database that answers after all keeps what was written meanwhile', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  t.mock.method(console, 'info', () => {});
  const database = hanging({ opens: true });
  withGlobals(t, { indexedDB: database, IDBKeyRange: { bound: () => ({}) }, BroadcastChannel: undefined });
  let told = 0;
  const kept = createKept('ada', { lost: () => (told += 1) });
  const drafts = createDrafts({ kept });
  let returned = 0;
  kept.onReturn(() => (returned += 1));
  for (const round of [1, 2]) {
    const outcome = assert.rejects(kept.unsent());
    await settled();
    t.mock.timers.tick(3_000);
    await outcome;
    assert.equal(kept.isPersistent(), false);
    drafts.keep('room/a', draft(`while it was away ${round}`));
    drafts.flush();
    await settled();
    await database.wake();
    assert.deepEqual([kept.isPersistent(), returned, told], [true, round, 1], 'told once that it was lost');
    assert.equal(database.drafts.get('room/a'), `while it was away ${round}`);
  }
});

test('who watches what waits for a room hears of other pages and of a database that is there again, until they stop', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  t.mock.method(console, 'info', () => {});
  const database = hanging({ opens: true });
  const channels = new Map();
  const BroadcastChannel = function Channel(name) {
    const channel = Object.assign(new EventTarget(), { postMessage: () => {} });
    channels.set(name, channel);
    return channel;
  };
  withGlobals(t, { indexedDB: database, IDBKeyRange: { bound: () => ({}) }, BroadcastChannel });
  const kept = createKept('ada');
  const looks = [];
  const stop = kept.outbox('r').watch(() => looks.push('r'));
  kept.outbox('other').watch(() => looks.push('other'));
  const tell = (roomId) => channels.get('switchboard.outbox.ada').dispatchEvent(Object.assign(new Event('message'), { data: roomId }));
  const hang = async () => {
    const outcome = assert.rejects(kept.unsent());
    await settled();
    t.mock.timers.tick(3_000);
    await outcome;
    await database.wake();
  };
  tell('r');
  await hang();
  assert.deepEqual(looks.splice(0), ['r', 'r', 'other']);
  stop();
  tell('r');
  await hang();
  assert.deepEqual(looks, ['other']);
});

for (const opens of [false, true]) {
  test(`a database that hangs${opens ? ' once it is open' : ''} is done without after three seconds, and the user is told once`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    t.mock.method(console, 'info', () => {});
    withGlobals(t, { indexedDB: hanging({ opens }), IDBKeyRange: { bound: () => ({}) }, BroadcastChannel: undefined });
    let told = 0;
    const kept = createKept('ada', { lost: () => (told += 1) });
    const drafts = createDrafts({ kept });
    const outcomes = Promise.allSettled([drafts.read('room/a'), kept.unsent(), kept.outbox('a').all()]);
    await settled();
    t.mock.timers.tick(2_999);
    await settled();
    assert.equal(told, 0);
    t.mock.timers.tick(1);
    const [draftRead, ...others] = await outcomes;
    assert.deepEqual([draftRead.value, others.map(({ status }) => status)], [null, ['rejected', 'rejected']]);
    assert.deepEqual([told, kept.isPersistent()], [1, false]);

    drafts.keep('room/a', draft('hello'));
    drafts.flush();
    await assert.rejects(kept.outbox('a').put({ message: { clientId: 'x', text: '' }, at: '', error: null }), 'and nothing waits for it any more');
    assert.deepEqual(await drafts.read('room/a'), draft('hello'));
    // Signing out deletes what it can.
    const cleared = kept.clear();
    await settled();
    t.mock.timers.tick(3_000);
    await cleared;
    assert.equal(told, 1);
  });
}

test('what signing out deletes is committed at once, as the page may not wait for it', async (t) => {
  const database = hanging({ opens: true });
  let commits = 0;
  database.store.transaction.commit = () => (commits += 1);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  withGlobals(t, { indexedDB: database, IDBKeyRange: { bound: () => ({}) }, BroadcastChannel: undefined });
  const kept = createKept('ada');
  const cleared = kept.clear();
  await settled();
  assert.deepEqual([database.deleted.length, commits], [2, 2]);
  t.mock.timers.tick(3_000);
  await cleared;
});

test('that the database is full is told once, and asks for nothing else', async (t) => {
  t.mock.method(console, 'info', () => {});
  const full = Object.assign(new Error('the disk is full'), { name: 'QuotaExceededError' });
  const refuses = (transaction) => {
    const request = {};
    queueMicrotask(() => {
      Object.assign(request, { error: full }).onerror();
      Object.assign(transaction, { error: full }).onabort();
    });
    return request;
  };
  const open = () => {
    const request = {};
    request.result = { transaction() {
      const transaction = {};
      const store = { transaction, put: () => refuses(transaction), delete: () => refuses(transaction) };
      return Object.assign(transaction, { objectStore: () => store });
    } };
    queueMicrotask(() => request.onsuccess());
    return request;
  };
  withGlobals(t, { indexedDB: { open }, IDBKeyRange: { bound: () => ({}) }, BroadcastChannel: undefined });
  let told = 0;
  const kept = createKept('ada', { lost: () => (told += 1) });
  for (let each = 0; each < 2; each += 1) await assert.rejects(kept.keepDraft('room/a', draft('hello')), full);
  assert.deepEqual([told, kept.isPersistent()], [1, true]);
});
