import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { MediaSession } from '../client/src/index.js';
import { ConnectionDouble, LocalDouble } from './media-doubles.js';
import { SocketDouble, settled, withGlobals } from './stand-in.js';

beforeEach((t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  ConnectionDouble.all = [];
  withGlobals(t, { RTCPeerConnection: ConnectionDouble });
});

afterEach(() => mock.timers.reset());

const camera = (trackId) => ({ trackId, source: 'camera', kind: 'video', muted: false });
const person = (connectionId, ...tracks) => ({ connectionId, userId: connectionId, name: connectionId, tracks });
const state = (revision, ...participants) => ({ revision, route: 'server', participants });

/** Somebody in a session with others who have cameras. */
async function enter(...trackIds) {
  const socket = new SocketDouble();
  const session = new MediaSession({ client: socket.client, roomId: 'r', local: new LocalDouble(), changed: () => {} });
  const entering = session.join();
  await socket.answer('media.join', { state: state(1, person('me'), person('bob', ...trackIds.map(camera))), iceServers: [] });
  await entering;
  return { socket, session };
}

async function pass(ms) {
  mock.timers.tick(ms);
  await settled();
}

const told = (socket) => socket.requests.filter(([method]) => method === 'media.subscribe').map(([, { tracks }]) => tracks);
const wish = (trackId, width, height, priority = 'normal') => ({ trackId, enabled: true, width, height, priority });

test('what is shown is told once it rests, and only what is new', async () => {
  const { socket, session } = await enter('a', 'b');
  for (const width of [100, 200, 320]) session.show('a', { width, height: 180 });
  session.show('b', null);
  await pass(149);
  assert.deepEqual(told(socket), []);
  await pass(1);
  assert.deepEqual(told(socket), [[wish('a', 320, 180), wish('b', 0, 0)]]);
  await socket.answer('media.subscribe', {});
  session.show('b', null);
  session.show('a', { width: 320, height: 180 }, { pinned: true });
  await pass(150);
  assert.deepEqual(told(socket)[1], [wish('a', 320, 180, 'high')]);
});

test('what is refused for a while is told when the server wants, as it is then', async () => {
  const { socket, session } = await enter('a');
  session.show('a', { width: 320, height: 180 });
  await pass(150);
  await socket.refuse('media.subscribe', 'limit.rate', { retryAfterMs: 400 });
  session.show('a', { width: 640, height: 360 });
  await pass(399);
  assert.equal(told(socket).length, 1);
  await pass(1);
  assert.deepEqual(told(socket)[1], [wish('a', 640, 360)]);
});

test('of a track that has ended nothing is told, also where the server knew it first', async () => {
  const { socket, session } = await enter('a', 'b');
  session.show('a', { width: 320, height: 180 });
  session.show('b', { width: 320, height: 180 });
  session.show('of nobody', { width: 320, height: 180 });
  await pass(150);
  assert.equal(told(socket)[0].length, 2);
  await socket.refuse('media.subscribe', 'media.unknownTrack');
  await socket.emit('media.changed', { roomId: 'r', state: state(2, person('me'), person('bob', camera('b'))) });
  await pass(1000);
  assert.deepEqual(told(socket)[1], [wish('b', 320, 180)]);
});

test('who enters anew says all of it again, and who goes on in their seat says nothing', async () => {
  const { socket, session } = await enter('a');
  session.show('a', { width: 320, height: 180 });
  await pass(150);
  await socket.answer('media.subscribe', {});
  const again = async (connectionId, resumed, revision) => {
    socket.connectionId = connectionId;
    const joining = session.join();
    const present = state(revision, person(connectionId), person('bob', camera('a')));
    await socket.answer('media.join', { state: present, iceServers: [], resumed });
    await joining;
    await pass(150);
    return told(socket).length;
  };
  assert.equal(await again('me again', true, 2), 1);
  assert.equal(await again('me anew', false, 3), 2);
});

/** An element of a page, as large as the test says. */
class ElementDouble extends EventTarget {
  box = { width: 300, height: 169 };
  getBoundingClientRect = () => this.box;
  contains = () => false;
}

/** What the observers of a page call back. */
function page(t, pixels = 1) {
  const observers = [];
  const observer = (kind) => class {
    constructor(call) {
      observers.push({ kind, call, of: this });
    }
    observe() {}
    disconnect() {
      this.isOver = true;
    }
  };
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible', pictureInPictureElement: null });
  withGlobals(t, { document, ResizeObserver: observer('size'), IntersectionObserver: observer('view'), devicePixelRatio: pixels });
  const call = (kind, entries) => observers.forEach((known) => known.kind === kind && known.call(entries));
  const look = (visibilityState) => {
    document.visibilityState = visibilityState;
    document.dispatchEvent(new Event('visibilitychange'));
  };
  return { resize: () => call('size', []), scroll: (isIntersecting) => call('view', [{ isIntersecting }]), look, document, observers };
}

test('an element is followed: as large as it is seen, scrolled away, and in a page that nobody looks at', async (t) => {
  const { resize, scroll, look, document, observers } = page(t, 3);
  const { socket, session } = await enter('a', 'b');
  const element = new ElementDouble();
  const view = session.view(element);
  const next = async () => {
    await pass(150);
    const count = told(socket).length;
    if (count > told.count) await socket.answer('media.subscribe', {});
    told.count = count;
    return told(socket).at(-1);
  };
  told.count = 0;
  view.show('a');
  assert.deepEqual(await next(), [wish('a', 608, 352)], 'in pixels of the screen, no finer than two for one, in steps');
  element.box = { width: 301, height: 170 };
  resize();
  await next();
  assert.equal(told(socket).length, 1, 'a pixel more is nothing');
  scroll(false);
  assert.deepEqual(await next(), [wish('a', 0, 0)]);
  scroll(true);
  await next();
  look('hidden');
  assert.deepEqual(await next(), [wish('a', 0, 0)]);
  document.pictureInPictureElement = element;
  element.dispatchEvent(new Event('enterpictureinpicture'));
  assert.deepEqual(await next(), [wish('a', 608, 352)], 'it is seen in a window of its own');
  view.show('b', { pinned: true });
  assert.deepEqual(await next(), [{ trackId: 'a', width: 0, height: 0 }, wish('b', 608, 352, 'high')]);
  view.close();
  assert.deepEqual(await next(), [{ trackId: 'b', width: 0, height: 0 }]);
  assert.ok(observers.every(({ of }) => of.isOver));
});

test('a track that is seen in two places is sent for the larger one', async () => {
  const { socket, session } = await enter('a');
  const [small, large] = [new ElementDouble(), new ElementDouble()];
  Object.assign(globalThis, { document: Object.assign(new EventTarget(), { visibilityState: 'visible', pictureInPictureElement: null }) });
  large.box = { width: 640, height: 360 };
  const views = [small, large].map((element) => session.view(element));
  views.forEach((view) => view.show('a'));
  await pass(150);
  assert.deepEqual(told(socket), [[wish('a', 640, 368)]]);
  await socket.answer('media.subscribe', {});
  views[1].close();
  await pass(150);
  assert.deepEqual(told(socket)[1], [wish('a', 304, 176)]);
  delete globalThis.document;
});

test('what is wished of all others is told, and again by who enters anew', async () => {
  const { socket, session } = await enter('a');
  const selections = () => socket.requests.filter(([method]) => method === 'media.subscribe').map(([, { tracks, selection }]) => [tracks.length, selection]);
  session.select({ autoSubscribe: false, lastN: 4 });
  await pass(150);
  assert.deepEqual(selections(), [[0, { autoSubscribe: false, lastN: 4 }]]);
  await socket.answer('media.subscribe', {});
  session.select({ autoSubscribe: false, lastN: 4 });
  session.show('a', { width: 320, height: 180 });
  await pass(150);
  assert.deepEqual(selections()[1], [1, undefined], 'it is known');
  await socket.answer('media.subscribe', {});
  const entering = session.join();
  await socket.answer('media.leave', {});
  await socket.answer('media.join', { state: state(3, person('me'), person('bob', camera('a'))), iceServers: [] });
  await entering;
  await pass(150);
  assert.deepEqual(selections()[2], [1, { autoSubscribe: false, lastN: 4 }]);
});
