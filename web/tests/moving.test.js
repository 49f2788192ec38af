import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { MediaSession } from '../client/src/index.js';
import { ConnectionDouble, LocalDouble, TrackDouble, offered } from './media-doubles.js';
import { SocketDouble, settled, withGlobals } from './stand-in.js';

const TRACK = { trackId: "bob's microphone", source: 'microphone', kind: 'audio', muted: false };
const person = (connectionId) => ({ connectionId, userId: connectionId, name: connectionId, tracks: connectionId === 'bob' ? [TRACK] : [] });
const state = (revision, ids, route = 'server') => ({ revision, route, participants: ids.map(person) });

beforeEach((t) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  mock.method(performance, 'now', () => new Date().getTime());
  ConnectionDouble.all = [];
  ConnectionDouble.sections = ['audio'];
  withGlobals(t, { RTCPeerConnection: ConnectionDouble });
});

afterEach(() => {
  ConnectionDouble.sections = ['audio', 'video'];
  mock.timers.reset();
  mock.restoreAll();
});

const count = (socket, wanted) => socket.methods.filter((method) => method === wanted).length;

/** Two new connections to a media node, of which the one that receives has bob's voice, which flows if it is to. */
async function served(socket, { flows = true } = {}) {
  const publish = ConnectionDouble.all.at(-1);
  await socket.answer('media.publish', { sdp: 'answer', tracks: [] });
  await socket.emit('media.offer', { roomId: 'r', revision: 1, sdp: 'offer', tracks: [offered('0', 'microphone')] });
  const subscribe = ConnectionDouble.all.at(-1);
  await publish.become('connected');
  const track = subscribe.transceivers[0].receiver.track;
  if (flows) track.flow();
  await settled();
  return { publish, subscribe, track };
}

/** A call of three through the server. */
async function call() {
  const socket = new SocketDouble();
  const local = new LocalDouble({ microphone: new TrackDouble('audio') });
  const session = new MediaSession({ client: socket.client, roomId: 'r', local, changed: () => {} });
  const entering = session.join();
  await socket.answer('media.join', { state: state(1, ['me', 'bob', 'cleo']), iceServers: [] });
  await entering;
  await settled();
  const before = await served(socket);
  const heard = () => session.others().find(({ connectionId }) => connectionId === 'bob')?.tracks[0]?.track;
  return { socket, session, local, before, heard };
}

test('who moves to another media node hears by the one before until the new one carries something, and joins nothing', async () => {
  const { socket, session, before, heard } = await call();
  await socket.emit('media.moved', { roomId: 'r' });
  assert.equal(heard(), before.track);
  assert.ok(session.connected, 'nobody is shown as connecting');
  const after = await served(socket, { flows: false });
  assert.equal(heard(), before.track, 'nothing comes by the new one yet');
  mock.timers.tick(3_000);
  assert.notEqual(before.subscribe.connectionState, 'closed');
  after.track.flow();
  await settled();
  assert.equal(heard(), after.track);
  mock.timers.tick(2_999);
  assert.notEqual(before.publish.connectionState, 'closed', 'others may still hear us by it');
  mock.timers.tick(1);
  assert.deepEqual([before.publish, before.subscribe].map((pc) => pc.connectionState), ['closed', 'closed']);
  assert.notEqual(after.publish.connectionState, 'closed');
  assert.deepEqual([count(socket, 'media.join'), count(socket, 'media.leave')], [1, 0]);
  session.leave();
});

test('the media node of before is let go after ten seconds, whatever comes by the new one', async () => {
  const { socket, session, before } = await call();
  await socket.emit('media.moved', { roomId: 'r' });
  await served(socket, { flows: false });
  mock.timers.tick(9_999);
  assert.notEqual(before.subscribe.connectionState, 'closed');
  mock.timers.tick(1);
  assert.equal(before.subscribe.connectionState, 'closed');
  session.leave();
});

test('what is agreed on with the media node of before is not asked of the new one, and its losses do not count', async () => {
  const { socket, session, local, before } = await call();
  await socket.emit('media.moved', { roomId: 'r' });
  const after = await served(socket);
  const published = count(socket, 'media.publish');
  await before.publish.become('failed');
  mock.timers.tick(2_000);
  await settled();
  assert.deepEqual([count(socket, 'media.restartIce'), count(socket, 'media.join')], [0, 1]);
  // A microphone that is changed sounds by both; nothing is offered anew for that.
  const other = new TrackDouble('audio');
  local.tracks.microphone = other;
  session.replace('microphone', other);
  await settled();
  for (const { publish } of [before, after]) assert.equal(publish.transceivers[0].sender.track, other);
  assert.equal(count(socket, 'media.publish'), published);
  session.leave();
});

test('of two moves in a row, the second before the first carried anything, the way that does is kept', async () => {
  const { socket, session, before, heard } = await call();
  await socket.emit('media.moved', { roomId: 'r' });
  await settled();
  const between = ConnectionDouble.all.at(-1);
  await socket.emit('media.moved', { roomId: 'r' });
  await settled();
  assert.equal(between.connectionState, 'closed');
  assert.equal(heard(), before.track);
  session.leave();
});

test('whose media node has died joins again at once, leaves nothing first, and is in the session of another', async () => {
  const { socket, session, before } = await call();
  await socket.emit('media.lost', { roomId: 'r' });
  assert.deepEqual([count(socket, 'media.join'), count(socket, 'media.leave')], [2, 0]);
  assert.equal(before.publish.connectionState, 'closed');
  await socket.answer('media.join', { state: state(9, ['me', 'bob', 'cleo']), iceServers: [] });
  await settled();
  const after = await served(socket);
  assert.ok(session.connected && !after.track.muted);
  session.leave();
});

test('two who talk directly go on while both find another media node, and not with somebody who does not come back', async () => {
  const socket = new SocketDouble();
  const session = new MediaSession({ client: socket.client, roomId: 'r', local: new LocalDouble(), changed: () => {} });
  const entering = session.join();
  await socket.answer('media.join', { state: state(1, ['me', 'bob'], 'peerToPeer'), iceServers: [] });
  await entering;
  await settled();
  const [peer] = ConnectionDouble.all;
  await peer.become('connected');
  for (const [revision, back] of [[10, ['me', 'bob']], [20, ['me']]]) {
    await socket.emit('media.lost', { roomId: 'r' });
    await socket.answer('media.join', { state: state(revision, ['me'], 'peerToPeer'), iceServers: [] });
    await settled();
    assert.notEqual(peer.connectionState, 'closed', 'the other one may be on the way');
    await socket.emit('media.changed', { roomId: 'r', state: state(revision + 1, back, 'peerToPeer') });
    mock.timers.tick(10_000);
    await settled();
    assert.equal(peer.connectionState === 'closed', !back.includes('bob'));
  }
  assert.equal(ConnectionDouble.all.length, 1);
  session.leave();
});
