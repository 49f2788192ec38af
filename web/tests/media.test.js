import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { MediaSession } from '../client/src/index.js';
import { Speech } from '../client/src/media/speech.js';
import { ConnectionDouble, LocalDouble, TrackDouble, offered } from './media-doubles.js';
import { SocketDouble, settled, withGlobals } from './stand-in.js';

const ME = 'me';
const person = (connectionId) => ({ connectionId, userId: connectionId, name: connectionId });
const state = (revision, ids, route = 'peerToPeer') => ({ revision, route, participants: ids.map(person) });

beforeEach((t) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  mock.method(performance, 'now', () => new Date().getTime());
  ConnectionDouble.all = [];
  withGlobals(t, { RTCPeerConnection: ConnectionDouble });
});

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

async function joined(media) {
  const socket = new SocketDouble();
  const local = new LocalDouble({ microphone: new TrackDouble('audio'), camera: new TrackDouble('video') });
  const session = new MediaSession({ client: socket.client, roomId: 'r', local, changed: () => {} });
  const entering = session.join();
  await socket.answer('media.join', { state: media, iceServers: [] });
  await entering;
  if (media.route === 'peerToPeer') await socket.answer('media.publish', { tracks: [] });
  await settled();
  return { socket, session, local };
}

const changed = (socket, now) => socket.emit('media.changed', { roomId: 'r', state: now });
const signalled = (socket) => socket.requests.filter(([method]) => method === 'media.signal').map(([, { signal }]) => signal.kind);

/** The tracks of somebody else in the session, by their sources. */
const tracksOf = (session, who = 'bob') => Object.fromEntries(session.others().find(({ connectionId }) => connectionId === who).tracks.map((one) => [one.source, one]));

/** A call of two that goes straight from one to the other, with pictures. */
async function direct() {
  const made = await joined(state(1, [ME, 'bob']));
  const [peer] = ConnectionDouble.all;
  await made.socket.emit('media.signal', { roomId: 'r', from: 'bob', signal: { kind: 'answer', sdp: 'answer' } });
  await peer.become('connected');
  await peer.flow('0', '1');
  return { ...made, peer };
}

/** The room goes on through the server: we publish there and are offered what bob sends. */
async function throughServer({ socket }) {
  await changed(socket, state(2, [ME, 'bob', 'cleo'], 'server'));
  const publish = ConnectionDouble.all[1];
  await socket.answer('media.publish', { sdp: 'answer' });
  const tracks = [offered('0', 'microphone'), offered('1', 'camera')];
  await socket.emit('media.offer', { roomId: 'r', revision: 1, sdp: 'offer', tracks });
  return { publish, subscribe: ConnectionDouble.all[2] };
}

test('who leaves while the session is entered leaves it, whether that was answered or not, and nobody who enters it next', async () => {
  const socket = new SocketDouble();
  const options = { client: socket.client, roomId: 'r', local: new LocalDouble(), changed: () => {} };
  const first = new MediaSession(options);
  const entering = first.join();
  await settled();
  first.leave();
  const next = new MediaSession(options);
  next.join().catch(() => {});
  await settled();
  await socket.answer('media.join', { state: state(1, [ME]), iceServers: [] });
  await entering;
  assert.deepEqual(socket.methods, ['media.join', 'media.leave', 'media.join']);

  await socket.refuse('media.join', 'timeout');
  next.leave();
  assert.equal(socket.methods.at(-1), 'media.leave', 'the server may be about to let us in');
});

test('of two the one who was there first offers, so that offers never meet', async () => {
  const first = await joined(state(1, [ME, 'bob']));
  assert.deepEqual(signalled(first.socket), ['offer']);
  const second = await joined(state(1, ['bob', ME]));
  assert.deepEqual(signalled(second.socket), []);
  await second.socket.emit('media.signal', { roomId: 'r', from: 'bob', signal: { kind: 'offer', sdp: 'offer' } });
  assert.deepEqual(signalled(second.socket), ['answer']);
});

test('a signal that overtakes the news of who sent it is kept for them', async () => {
  const { socket } = await joined(state(1, [ME]));
  await socket.emit('media.signal', { roomId: 'r', from: 'bob', signal: { kind: 'offer', sdp: 'offer' } });
  assert.deepEqual(ConnectionDouble.all, []);
  await changed(socket, state(2, ['bob', ME]));
  assert.deepEqual(signalled(socket), ['answer']);
});

test('candidates wait for the description that they belong to, and the empty one is dropped', async () => {
  const { socket } = await joined(state(1, ['bob', ME]));
  const hear = (signal) => socket.emit('media.signal', { roomId: 'r', from: 'bob', signal });
  await hear({ kind: 'candidate', candidate: 'a' });
  assert.deepEqual(ConnectionDouble.all[0].candidates, []);
  await hear({ kind: 'offer', sdp: 'offer' });
  await hear({ kind: 'candidate', candidate: '' });
  await hear({ kind: 'candidate', candidate: 'b' });
  assert.deepEqual(ConnectionDouble.all[0].candidates, ['a', 'b']);
});

test('the direct way stays until the server carries sound and picture, and some seconds longer', async () => {
  const call = await direct();
  const { publish, subscribe } = await throughServer(call);
  const shown = () => tracksOf(call.session);
  const route = () => call.session.others()[0].route;
  const [audio, video] = call.peer.transceivers.map(({ receiver }) => receiver.track);
  assert.deepEqual([shown().microphone.track, shown().camera.track, route()], [audio, video, 'peerToPeer']);

  await publish.become('connected');
  subscribe.transceivers[0].receiver.track.flow();
  mock.timers.tick(3_000);
  assert.notEqual(call.peer.connectionState, 'closed', 'there is no picture by the server yet');

  subscribe.transceivers[1].receiver.track.flow();
  await settled();
  assert.equal(shown().camera.track, subscribe.transceivers[1].receiver.track, 'the new picture is shown once it moves');
  mock.timers.tick(2_999);
  assert.notEqual(call.peer.connectionState, 'closed', 'the other side may still look at ours');
  mock.timers.tick(1);
  assert.equal(call.peer.connectionState, 'closed');
  assert.equal(route(), 'server');
});

test('a direct way that the server never takes over from is let go after twenty seconds', async () => {
  const call = await direct();
  await throughServer(call);
  mock.timers.tick(19_999);
  assert.notEqual(call.peer.connectionState, 'closed');
  mock.timers.tick(1);
  assert.equal(call.peer.connectionState, 'closed');
});

test('who left takes the direct way to them along at once', async () => {
  const call = await direct();
  await throughServer(call);
  await changed(call.socket, state(3, [ME, 'cleo'], 'server'));
  assert.equal(call.peer.connectionState, 'closed');
});

test('an older state that comes late changes nothing', async () => {
  const { socket, session } = await joined(state(5, [ME, 'bob']));
  await changed(socket, state(4, [ME]));
  assert.deepEqual(session.others().map(({ connectionId }) => connectionId), ['bob']);
});

test('of offers that queue up the newest is answered, and one that comes twice is answered again', async () => {
  const call = await direct();
  await throughServer(call);
  const answers = () => call.socket.requests.filter(([method]) => method === 'media.answer').map(([, { revision }]) => revision);
  assert.deepEqual(answers(), [1]);
  const offer = (revision) => ({ roomId: 'r', revision, sdp: 'offer', tracks: [] });
  await Promise.all([call.socket.emit('media.offer', offer(2)), call.socket.emit('media.offer', offer(3))]);
  assert.deepEqual(answers(), [1, 3]);
  await call.socket.emit('media.offer', offer(3));
  await call.socket.emit('media.offer', offer(2));
  assert.deepEqual(answers(), [1, 3, 3]);
});

test('under a new connection id one enters anew, and what one was before is nobody else', async () => {
  const { socket, session } = await joined(state(1, [ME, 'bob']));
  socket.connectionId = 'me again';
  const resumed = session.resume();
  await settled();
  await socket.answer('media.join', { state: state(2, [ME, 'bob', 'me again']), iceServers: [] });
  await resumed;
  assert.deepEqual(session.others().map(({ connectionId }) => connectionId), ['bob']);
  assert.equal(socket.methods.includes('media.leave'), false, 'the old connection left by itself');
});

test('a call that was left stays left when its answer comes late', async () => {
  const socket = new SocketDouble();
  const session = new MediaSession({ client: socket.client, roomId: 'r', local: new LocalDouble(), changed: () => {} });
  const entering = session.join();
  session.leave();
  await socket.answer('media.join', { state: state(1, [ME, 'bob']), iceServers: [] });
  assert.equal(socket.methods.at(-1), 'media.leave');
  await socket.answer('media.leave', {});
  await entering;
  assert.deepEqual(ConnectionDouble.all, []);
});

test('a path that breaks is given four seconds to mend itself before it is rebuilt', async () => {
  const { peer, socket } = await direct();
  await peer.become('disconnected');
  mock.timers.tick(3_999);
  await settled();
  assert.equal(peer.offers.length, 1);
  mock.timers.tick(1);
  await settled();
  await socket.answer('media.restartIce', { iceServers: [{ urls: ['turn:fresh'] }] });
  assert.deepEqual(peer.offers.at(-1), { iceRestart: true });
  assert.deepEqual(peer.configuration, { bundlePolicy: 'max-bundle', iceServers: [{ urls: ['turn:fresh'] }] }, 'relays are asked for with fresh credentials');
  await peer.become('failed');
  await settled();
  assert.equal(peer.offers.length, 2, 'one at a time');
  await socket.emit('media.signal', { roomId: 'r', from: 'bob', signal: { kind: 'answer', sdp: 'another answer' } });
  mock.timers.tick(10_000);
  await settled();
  await socket.refuse('media.restartIce', 'unavailable');
  assert.equal(peer.offers.length, 3, 'again, and with what there is');
  await peer.become('connected');
  mock.timers.tick(60_000);
  await settled();
  assert.equal(peer.offers.length, 3);
});

test('whoever does not offer asks the other side to look for a path anew', async () => {
  const { socket, session } = await joined(state(1, ['bob', ME]));
  await socket.emit('media.signal', { roomId: 'r', from: 'bob', signal: { kind: 'offer', sdp: 'offer' } });
  session.restart();
  await settled();
  assert.deepEqual(signalled(socket), ['answer', 'restart']);
  assert.equal(ConnectionDouble.all[0].offers.length, 0, 'offers never meet');
  ConnectionDouble.all = [];
  const { peer, socket: hers } = await direct();
  await hers.emit('media.signal', { roomId: 'r', from: 'bob', signal: { kind: 'restart' } });
  await hers.answer('media.restartIce', { iceServers: [] });
  assert.deepEqual(peer.offers.at(-1), { iceRestart: true });
});

const signal = (socket, kind, from = 'bob') => socket.emit('media.signal', { roomId: 'r', from, signal: { kind, sdp: kind } });
const restarts = (socket) => signalled(socket).filter((kind) => kind === 'restart').length;

test('a path is looked for again and again until there is one, whatever becomes of the connection meanwhile', async () => {
  const { socket } = await joined(state(1, ['bob', ME]));
  await signal(socket, 'offer');
  const [peer] = ConnectionDouble.all;
  await peer.become('failed');
  assert.equal(restarts(socket), 1);
  // What the other side does about it is lost, each time.
  for (let turn = 2; turn < 5; turn += 1) {
    for (const now of ['connecting', 'disconnected', 'connecting', 'failed']) await peer.become(now);
    mock.timers.tick(10_000);
    await settled();
    assert.equal(restarts(socket), turn);
  }
  await peer.become('connected');
  mock.timers.tick(60_000);
  await settled();
  assert.equal(restarts(socket), 4);
});

test('a clock that is put back an hour keeps nobody from looking for a path', async () => {
  const { socket } = await joined(state(1, ['bob', ME]));
  await signal(socket, 'offer');
  const [peer] = ConnectionDouble.all;
  await peer.become('failed');
  const before = Date.now();
  mock.method(Date, 'now', () => before - 3_600_000);
  mock.timers.tick(10_000);
  await settled();
  assert.equal(restarts(socket), 2);
});

test('whoever is asked for another path while they look for one looks again, though theirs seems to stand', async () => {
  const { peer, socket, session } = await direct();
  session.restart();
  await settled();
  await socket.answer('media.restartIce', { iceServers: [] });
  await signal(socket, 'answer');
  await signal(socket, 'restart');
  assert.equal(peer.offers.length, 2, 'the one that is under way is given time');
  mock.timers.tick(10_000);
  await settled();
  await socket.answer('media.restartIce', { iceServers: [] });
  assert.equal(peer.offers.length, 3);
});

test('an offer without an answer is sent again as it is, so that no answer is taken for that to another', async () => {
  const { peer, socket, session } = await direct();
  const offered = () => socket.requests.filter(([, params]) => params.signal?.kind === 'offer').map(([, params]) => params.signal.sdp);
  session.restart();
  await settled();
  await socket.answer('media.restartIce', { iceServers: [] });
  await peer.become('disconnected');
  mock.timers.tick(10_000);
  await settled();
  await socket.answer('media.restartIce', { iceServers: [] });
  assert.deepEqual(offered(), ['offer 1', 'offer 2', 'offer 2']);
});

test('a direct way that did not stand when either side came by another connection is looked for anew', async () => {
  const mover = await joined(state(1, ['bob', ME]));
  await signal(mover.socket, 'offer');
  mover.socket.connectionId = 'me again';
  const resumed = mover.session.resume();
  await settled();
  mover.session.moved('bob', 'bob again');
  assert.equal(restarts(mover.socket), 0, 'before one is in, nobody would be told');
  await mover.socket.answer('media.join', { state: state(2, ['bob again', 'me again']), iceServers: [], resumed: true });
  await resumed;
  assert.equal(restarts(mover.socket), 1);

  const { socket, session } = await joined(state(1, ['bob', ME]));
  await signal(socket, 'offer');
  const [, peer] = ConnectionDouble.all;
  await signal(socket, 'offer', 'bob again');
  session.moved('bob', 'bob again');
  await settled();
  assert.deepEqual(signalled(socket), ['answer', 'restart', 'answer'], 'what was sent by it before is heard');
  await peer.become('connected');
  session.moved('bob again', 'bob at last');
  await settled();
  assert.equal(restarts(socket), 1, 'one that stands is left alone');
});

test('through the server both directions are looked for anew, and all is set up anew where that finds none', async () => {
  const call = await direct();
  const { publish, subscribe } = await throughServer(call);
  const joins = () => call.socket.methods.filter((method) => method === 'media.join').length;
  await publish.become('connected');
  await subscribe.become('connected');
  await subscribe.become('disconnected');
  mock.timers.tick(4_000);
  await settled();
  await call.socket.answer('media.restartIce', { iceServers: [{ urls: ['turn:fresh'] }] });
  assert.deepEqual(publish.offers.at(-1), { iceRestart: true });
  await call.socket.answer('media.publish', { sdp: 'another answer' });
  assert.equal(publish.remoteDescription.sdp, 'another answer');
  assert.deepEqual([publish, subscribe].map((pc) => pc.configuration.iceServers), [[{ urls: ['turn:fresh'] }], [{ urls: ['turn:fresh'] }]]);
  await subscribe.become('connected');
  mock.timers.tick(8_000);
  await settled();
  assert.equal(joins(), 1, 'nothing else was needed');
  await publish.become('failed');
  mock.timers.tick(4_000);
  await settled();
  mock.timers.tick(8_000);
  mock.timers.tick(1_000);
  await settled();
  await call.socket.answer('media.leave', {});
  assert.equal(joins(), 2);
});

test('the browser tells of another network, and of a slower one in vain', async (t) => {
  const connection = new EventTarget();
  connection.type = 'wifi';
  const page = new EventTarget();
  withGlobals(t, { navigator: { connection }, addEventListener: page.addEventListener.bind(page), removeEventListener: page.removeEventListener.bind(page) });
  const { session, socket } = await direct();
  const asked = () => socket.methods.filter((method) => method === 'media.restartIce').length;
  connection.dispatchEvent(new Event('change'));
  await settled();
  assert.equal(asked(), 0);
  connection.type = 'cellular';
  connection.dispatchEvent(new Event('change'));
  await settled();
  await socket.answer('media.restartIce', { iceServers: [] });
  mock.timers.tick(10_000);
  page.dispatchEvent(new Event('online'));
  await settled();
  assert.equal(asked(), 2);
  session.leave();
  mock.timers.tick(20_000);
  page.dispatchEvent(new Event('online'));
  await settled();
  assert.equal(asked(), 2);
});

test('on hold nothing is sent, by whatever way media travels then', async () => {
  const call = await direct();
  const sent = (pc) => pc.transceivers.slice(0, 2).map(({ sender }) => sender.track?.kind ?? null);
  assert.deepEqual(sent(call.peer), ['audio', 'video']);
  call.session.hold(true);
  await settled();
  assert.deepEqual(sent(call.peer), [null, null]);
  await changed(call.socket, state(2, [ME, 'bob', 'cleo'], 'server'));
  assert.equal(ConnectionDouble.all.length, 1, 'there is nothing to publish');
  call.session.replace('camera', new TrackDouble('video'));
  await settled();
  assert.deepEqual(sent(call.peer), [null, null], 'a camera that is switched on waits');
  call.session.hold(false);
  await settled();
  assert.deepEqual(sent(call.peer), ['audio', 'video']);
  assert.deepEqual(ConnectionDouble.all[1].transceivers.map(({ receiver }) => receiver.track.kind), ['audio', 'video']);
});

const said = (change) => ({ muted: false, cameraOff: false, sharing: false, handRaised: false, speaking: false, onHold: false, ...change });
const updated = (socket, connectionId, revision, change) =>
  socket.emit('media.updated', { roomId: 'r', connectionId, revision, state: said(change) });

test('what others say of themselves is shown, and late news of them is not', async () => {
  const { socket, session } = await joined(state(1, [ME, 'bob']));
  await updated(socket, 'bob', 3, { muted: true });
  await updated(socket, 'bob', 2, { handRaised: true });
  assert.deepEqual(session.others()[0].state, said({ muted: true }));
  await changed(socket, state(2, [ME, 'bob']));
  assert.deepEqual(session.others()[0].state, said({ muted: true }), 'the older list knew nothing of it');
});

test('news of somebody that overtake the list in which they are count all the same', async () => {
  const socket = new SocketDouble();
  const local = new LocalDouble();
  const session = new MediaSession({ client: socket.client, roomId: 'r', local, changed: () => {} });
  const entering = session.join();
  await updated(socket, 'bob', 6, { speaking: true });
  await socket.answer('media.join', { state: state(5, [ME, 'bob']), iceServers: [] });
  await entering;
  assert.equal(session.others()[0].state.speaking, true);
  assert.equal(session.state.revision, 6);
});

test('one says what has changed, one thing after the other, and all of it when entering again', async () => {
  const { socket, session } = await joined(state(1, [ME, 'bob']));
  const told = () => socket.requests.filter(([method]) => method === 'media.update').map(([, params]) => params.state);
  session.say({ muted: true });
  session.say({ handRaised: true });
  session.say({ handRaised: false, cameraOff: true });
  assert.deepEqual(told(), [{ muted: true }], 'the next waits for the answer');
  await socket.answer('media.update', {});
  assert.deepEqual(told(), [{ muted: true }, { cameraOff: true }]);
  await socket.answer('media.update', {});
  session.say({ speaking: true });
  await settled();
  assert.equal(told().length, 2, 'who is muted does not speak');
  socket.connectionId = 'me again';
  const resumed = session.resume();
  await settled();
  const [, join] = socket.requests.findLast(([method]) => method === 'media.join');
  assert.deepEqual(join.state, said({ muted: true, cameraOff: true }));
  await socket.answer('media.join', { state: state(4, ['me again', 'bob']), iceServers: [], resumed: true });
  await resumed;
});

test('who says too much waits as long as the server wants, and says what is so then', async () => {
  const { socket, session } = await joined(state(1, [ME, 'bob']));
  session.say({ handRaised: true });
  await socket.refuse('media.update', 'limit.rate', { retryAfterMs: 250 });
  session.say({ handRaised: false, muted: true });
  const told = () => socket.requests.filter(([method]) => method === 'media.update').map(([, params]) => params.state);
  mock.timers.tick(249);
  await settled();
  assert.deepEqual(told(), [{ handRaised: true }]);
  mock.timers.tick(1);
  await settled();
  assert.deepEqual(told(), [{ handRaised: true }, { muted: true }]);
});

test('speech is told from a single noise and from the pause between two words', () => {
  const speech = new Speech();
  const hear = (level, from, until) => {
    const heard = [];
    for (let now = from; now < until; now += 60) if (speech.hear(level, now)) heard.push(speech.isSpeaking);
    return heard;
  };
  assert.deepEqual(hear(0.001, 0, 1000), []);
  assert.deepEqual(hear(0.5, 1000, 1060), [], 'a knock');
  assert.deepEqual(hear(0.001, 1060, 3000), []);
  assert.deepEqual(hear(0.1, 3000, 3600), [true]);
  assert.deepEqual(hear(0.001, 3600, 4200), [], 'between two words');
  assert.deepEqual(hear(0.1, 4200, 4800), []);
  assert.deepEqual(hear(0.001, 4800, 7000), [false]);
});
