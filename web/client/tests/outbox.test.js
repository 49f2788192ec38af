import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from '../src/outbox.js';
import { Place } from './place.js';

const settled = async () => {
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
};

const refused = (code) => Object.assign(new Error(code), { code });

/** A server that stores each client id once, and answers when the test says so. */
class Hub {
  stored = [];
  refuses = new Map();
  isAway = false;
  tries = 0;

  send = async ({ clientId, text }) => {
    this.tries += 1;
    await Promise.resolve();
    if (this.isAway) throw refused('offline');
    if (this.refuses.has(text)) throw refused(this.refuses.get(text));
    const known = this.stored.find((message) => message.clientId === clientId);
    if (!known) this.stored.push({ clientId, text });
    return { id: clientId, text };
  };

  get texts() {
    return this.stored.map(({ text }) => text);
  }
}

function page(hub, place) {
  const outbox = new Outbox(hub.send, { keep: place.keep() });
  const say = (text) => outbox.add({ text }).catch(() => {});
  return { outbox, say, texts: () => outbox.pending.map(({ message }) => message.text) };
}

test('what waits when a page ends is sent by the next one, in order, under the same ids', async () => {
  const [hub, place] = [new Hub(), new Place()];
  const first = page(hub, place);
  for (const text of ['a', 'b', 'c']) first.say(text);
  await settled();
  assert.deepEqual([hub.tries, place.entries.length], [0, 3]);
  const ids = place.entries.map(({ message }) => message.clientId);

  const second = page(hub, place);
  second.say('d');
  await second.outbox.restore();
  assert.deepEqual(second.texts(), ['a', 'b', 'c', 'd']);
  second.outbox.open();
  await settled();
  assert.deepEqual([hub.texts, place.entries, second.texts()], [['a', 'b', 'c', 'd'], [], []]);
  assert.deepEqual(hub.stored.slice(0, 3).map(({ clientId }) => clientId), ids);
});

/** The first page has asked, and ends before the answer: the server has the message already. */
test('a page that ends in the middle of sending leaves no message twice', async () => {
  const [hub, place] = [new Hub(), new Place()];
  const first = new Outbox((message) => hub.send(message).then(() => new Promise(() => {})), { keep: place.keep() });
  first.add({ text: 'a' }).catch(() => {});
  first.add({ text: 'b' }).catch(() => {});
  first.open();
  await settled();
  assert.deepEqual(hub.texts, ['a']);
  // The lock of a page that is gone is free.
  const left = new Place();
  left.entries = place.entries;
  const second = page(hub, left);
  second.outbox.open();
  await settled();
  assert.deepEqual([hub.texts, left.entries], [['a', 'b'], []]);
});

test('of two pages each sends in its turn: none twice, and none before an earlier one', async () => {
  const [hub, place] = [new Hub(), new Place()];
  const pages = [page(hub, place), page(hub, place)];
  for (let number = 0; number < 20; number += 1) {
    pages[number % 2].say(String(number));
    await settled();
  }
  for (const { outbox } of pages) outbox.open();
  for (let turn = 0; turn < 5; turn += 1) await settled();
  assert.deepEqual(hub.texts, Array.from({ length: 20 }, (_, number) => String(number)));
  assert.equal(hub.tries, 20, 'one page saw what the other had sent');
  for (const { outbox } of pages) await outbox.restore();
  assert.deepEqual(pages.map(({ texts }) => texts()), [[], []]);
});

test('what another page has sent or discarded is not sent here any more', async () => {
  const [hub, place] = [new Hub(), new Place()];
  const [here, there] = [page(hub, place), page(hub, place)];
  here.say('a');
  here.say('b');
  await settled();
  await there.outbox.restore();
  there.outbox.discard(there.outbox.pending[0].message.clientId);
  await settled();
  here.outbox.open();
  await settled();
  assert.deepEqual([hub.texts, here.texts()], [['b'], []]);
});

test('what the server refuses stays with its reason, also for the next page, and the others go on', async () => {
  const [hub, place] = [new Hub(), new Place()];
  hub.refuses.set('bad', 'room.muted');
  const first = page(hub, place);
  for (const text of ['a', 'bad', 'c']) first.say(text);
  first.outbox.open();
  await settled();
  assert.deepEqual([hub.texts, hub.tries], [['a', 'c'], 3]);

  const second = page(hub, place);
  second.outbox.open();
  await settled();
  assert.deepEqual(second.outbox.pending.map(({ message, error }) => [message.text, error.code]), [['bad', 'room.muted']]);
  assert.equal(hub.tries, 3, 'it is not tried again by itself');
  hub.refuses.clear();
  second.outbox.retry(second.outbox.pending[0].message.clientId);
  await settled();
  assert.deepEqual([hub.texts, place.entries], [['a', 'c', 'bad'], []]);
});

test('a lost connection holds everything up, and the next one goes on where it was', async () => {
  const [hub, place] = [new Hub(), new Place()];
  const { outbox, say, texts } = page(hub, place);
  outbox.open();
  hub.isAway = true;
  say('a');
  say('b');
  await settled();
  assert.deepEqual([hub.tries, texts()], [1, ['a', 'b']]);
  hub.isAway = false;
  outbox.open();
  await settled();
  assert.deepEqual([hub.texts, texts()], [['a', 'b'], []]);
});

test('a place that fails costs what it was for, and no message', async () => {
  const [hub, place] = [new Hub(), new Place()];
  place.isBroken = true;
  const { outbox, say, texts } = page(hub, place);
  hub.isAway = true;
  outbox.open();
  say('a');
  await settled();
  say('b');
  hub.isAway = false;
  await outbox.restore();
  assert.deepEqual(texts(), ['a', 'b']);
  outbox.open();
  await settled();
  assert.deepEqual([hub.texts, texts()], [['a', 'b'], []]);
});

test('the clock of the machine decides nothing', async (t) => {
  const [hub, place] = [new Hub(), new Place()];
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2030-01-01') });
  const first = page(hub, place);
  first.say('a');
  await settled();
  t.mock.timers.setTime(Date.parse('2020-01-01'));
  first.say('b');
  await settled();
  const second = page(hub, place);
  second.outbox.open();
  await settled();
  assert.deepEqual(hub.texts, ['a', 'b']);
});

test('a place that hangs holds up nothing, whatever of it hangs', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const hanging = () => new Promise(() => {});
  for (const part of ['all', 'put', 'remove', 'inTurn']) {
    const hub = new Hub();
    const outbox = new Outbox(hub.send, { keep: { ...new Place().keep(), [part]: hanging } });
    outbox.restore();
    outbox.open();
    const sent = [outbox.add({ text: 'a' }), outbox.add({ text: 'b' })];
    await settled();
    t.mock.timers.tick(10_000);
    await settled();
    t.mock.timers.tick(5_000);
    await settled();
    assert.deepEqual(hub.texts, ['a', 'b'], part);
    assert.deepEqual(outbox.pending, [], part);
    await Promise.all(sent);
    outbox.add({ text: 'c' });
    await settled();
    t.mock.timers.tick(10_000);
    await settled();
    assert.deepEqual(hub.texts, ['a', 'b', 'c'], part);
  }
});

test('what a place could not take it is given once it can', async () => {
  const [hub, place] = [new Hub(), new Place()];
  place.isBroken = true;
  const outbox = new Outbox(hub.send, { keep: place.keep() });
  outbox.add({ text: 'a' }).catch(() => {});
  outbox.add({ text: 'b' }).catch(() => {});
  await settled();
  place.isBroken = false;
  await outbox.restore();
  await settled();
  assert.deepEqual(place.entries.map(({ message }) => message.text), ['a', 'b']);
  assert.deepEqual(outbox.pending.map(({ message }) => message.text), ['a', 'b']);
});

test('a place that was slow once leaves nothing to the next page that was sent or discarded', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const [hub, place] = [new Hub(), new Place()];
  const keep = place.keep();
  let isSlow = false;
  const outbox = new Outbox(hub.send, { keep: { ...keep, all: () => (isSlow ? new Promise(() => {}) : keep.all()) } });
  for (const text of ['a', 'b', 'c']) outbox.add({ text }).catch(() => {});
  await settled();
  isSlow = true;
  outbox.restore();
  t.mock.timers.tick(5_000);
  await settled();
  outbox.discard(outbox.pending[0].message.clientId);
  outbox.open();
  await settled();
  assert.deepEqual([hub.texts, place.entries], [['b', 'c'], []]);
});

test('behind a page that is frozen one turn is asked for and waited for once, until it comes', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const [hub, place] = [new Hub(), new Place()];
  const keep = place.keep();
  const grants = [];
  const inTurn = (work) => new Promise((resolve) => grants.push(resolve)).then(work);
  const outbox = new Outbox(hub.send, { keep: { ...keep, inTurn } });
  outbox.open();
  const first = outbox.add({ text: 'a' });
  await settled();
  t.mock.timers.tick(10_000);
  await first;
  await settled();
  for (const text of ['b', 'c']) {
    outbox.add({ text }).catch(() => {});
    await settled();
  }
  assert.deepEqual([hub.texts, grants.length], [['a', 'b', 'c'], 1]);
  grants[0]();
  await settled();
  outbox.add({ text: 'd' });
  await settled();
  assert.deepEqual([hub.tries, grants.length], [3, 2], 'from then on each waits for its turn again');
  grants[1]();
  await settled();
  assert.equal(hub.tries, 4);
});

test('what fails in the middle of a turn holds up nothing that comes later', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  for (const comes of [true, false]) {
    const [hub, place] = [new Hub(), new Place()];
    let fails = false;
    const changed = () => {
      if (fails) throw new Error('a page that cannot show it');
    };
    const keep = { ...place.keep(), ...(!comes && { inTurn: () => new Promise(() => {}) }) };
    const outbox = new Outbox(hub.send, { keep, changed });
    outbox.open();
    outbox.add({ text: 'a' }).catch(() => {});
    fails = true;
    await settled();
    t.mock.timers.tick(10_000);
    await settled();
    fails = false;
    outbox.open();
    await settled();
    assert.deepEqual(outbox.pending, [], String(comes));
  }
});

test('a turn that comes after all sends nothing twice', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const [hub, place] = [new Hub(), new Place()];
  let grant;
  const outbox = new Outbox(hub.send, { keep: { ...place.keep(), inTurn: (work) => new Promise((resolve) => (grant = resolve)).then(work) } });
  outbox.open();
  const sent = outbox.add({ text: 'a' });
  await settled();
  assert.equal(hub.tries, 0);
  t.mock.timers.tick(10_000);
  await sent;
  await settled();
  grant();
  await settled();
  assert.deepEqual([hub.tries, place.entries], [1, []]);
});
