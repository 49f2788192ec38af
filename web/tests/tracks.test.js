import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { MediaSession } from '../client/src/index.js';
import { KINDS, SOURCES } from '../client/src/media/tracks.js';
import { ConnectionDouble, LocalDouble, TrackDouble, offered } from './media-doubles.js';
import { SocketDouble, settled, withGlobals } from './stand-in.js';

beforeEach((t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  ConnectionDouble.all = [];
  ConnectionDouble.sections = ['audio', 'video'];
  withGlobals(t, { RTCPeerConnection: ConnectionDouble });
});

afterEach(() => mock.timers.reset());

const track = (source, trackId, muted = false) => ({ trackId, source, kind: KINDS[source], muted });
const person = (connectionId, tracks = []) => ({ connectionId, userId: connectionId, name: connectionId, tracks });
const state = (revision, participants, route = 'peerToPeer') => ({ revision, route, participants });

/** Somebody with a camera and no microphone, who enters a session. */
async function enter(media) {
  const socket = new SocketDouble();
  const local = new LocalDouble({ camera: new TrackDouble('video') });
  const session = new MediaSession({ client: socket.client, roomId: 'r', local, changed: () => {} });
  const entering = session.join();
  await socket.answer('media.join', { state: media, iceServers: [] });
  await entering;
  await settled();
  return { socket, session, local };
}

const asked = (socket, method) => socket.requests.filter(([made]) => made === method).map(([, params]) => params);
const named = (params) => params.tracks.map(({ mid, source, muted }) => [mid, source, muted]);

/** Shares a screen with its sound, or ends that. */
function share({ session, local }, on) {
  Object.assign(local.tracks, { screen: on ? new TrackDouble('video') : null, screenAudio: on ? new TrackDouble('audio') : null });
  for (const source of ['screen', 'screenAudio']) session.replace(source, local.tracks[source]);
  return settled();
}

test('a screen and its sound are published beside the camera, and published no more when sharing ends', async () => {
  const own = await enter(state(1, [person('me'), person('bob'), person('cleo')], 'server'));
  const published = () => named(asked(own.socket, 'media.publish').at(-1));
  assert.deepEqual(published(), [['0', 'microphone', true], ['1', 'camera', false]], 'the first section stays, whatever is switched on');
  await own.socket.answer('media.publish', { sdp: 'answer', tracks: [] });
  await share(own, true);
  assert.deepEqual(published().slice(2), [['2', 'screen', false], ['3', 'screenAudio', false]]);
  await own.socket.answer('media.publish', { sdp: 'answer', tracks: [] });
  const [publish] = ConnectionDouble.all;
  await share(own, false);
  assert.deepEqual(published().length, 2);
  assert.deepEqual(publish.transceivers.map(({ isStopped = false }) => isStopped), [false, false, true, true]);
  await own.socket.answer('media.publish', { sdp: 'answer', tracks: [] });
  await share(own, true);
  assert.deepEqual(published().slice(2), [['4', 'screen', false], ['5', 'screenAudio', false]], 'other tracks in other sections');
});

test('who publishes too often does so again when the server wants', async () => {
  const own = await enter(state(1, [person('me'), person('bob'), person('cleo')], 'server'));
  await own.socket.refuse('media.publish', 'limit.rate', { retryAfterMs: 250 });
  const made = () => asked(own.socket, 'media.publish').length;
  mock.timers.tick(249);
  await settled();
  assert.equal(made(), 1);
  mock.timers.tick(1);
  await settled();
  assert.equal(made(), 2);
  assert.equal(own.socket.methods.includes('media.leave'), false, 'nothing is set up anew');
});

test('a screen stays published while the call is on hold, and one that is shared meanwhile waits', async () => {
  const own = await enter(state(1, [person('me'), person('bob'), person('cleo')], 'server'));
  await own.socket.answer('media.publish', { sdp: 'answer', tracks: [] });
  own.session.hold(true);
  await share(own, true);
  assert.equal(asked(own.socket, 'media.publish').length, 1);
  own.session.hold(false);
  await settled();
  assert.equal(named(asked(own.socket, 'media.publish').at(-1)).length, 4);
  await own.socket.answer('media.publish', { sdp: 'answer', tracks: [] });
  own.session.hold(true);
  await settled();
  assert.equal(asked(own.socket, 'media.publish').length, 2, 'nothing is published less');
});

test('a device that is switched off is said to be muted, as long as the server does not know', async () => {
  const own = await enter(state(1, [person('me'), person('bob'), person('cleo')], 'server'));
  await own.socket.answer('media.publish', { sdp: 'answer', tracks: [] });
  own.local.tracks.camera = null;
  own.session.replace('camera', null);
  await settled();
  assert.deepEqual(asked(own.socket, 'media.update').map(({ tracks }) => tracks), [[{ source: 'camera', muted: true }]]);
  own.local.tracks.camera = new TrackDouble('video');
  own.session.replace('camera', own.local.tracks.camera);
  await own.socket.answer('media.update', {});
  assert.deepEqual(asked(own.socket, 'media.update').at(-1).tracks, [{ source: 'camera', muted: false }], 'the next waits for the answer');
  await own.socket.answer('media.update', {});
  assert.equal(asked(own.socket, 'media.publish').length, 1, 'it is the same track');
});

test('between two the offer says what each section carries, and the answer sends the same in it', async () => {
  const first = await enter(state(1, [person('me'), person('bob')]));
  const { signal } = asked(first.socket, 'media.signal')[0];
  assert.deepEqual(signal.tracks, SOURCES.map((source, at) => ({ mid: String(at), source })));

  ConnectionDouble.all = [];
  const second = await enter(state(1, [person('bob'), person('me')]));
  second.local.tracks.screen = new TrackDouble('video');
  ConnectionDouble.sections = ['video', 'audio', 'video'];
  const tracks = [{ mid: '0', source: 'screen' }, { mid: '2', source: 'camera' }];
  await second.socket.emit('media.signal', { roomId: 'r', from: 'bob', signal: { kind: 'offer', sdp: 'offer', tracks } });
  const [{ transceivers }] = ConnectionDouble.all;
  assert.deepEqual(transceivers.map(({ sender }) => sender.track), [second.local.tracks.screen, null, second.local.tracks.camera]);
});

test('of a client that names nothing the first of each kind are voice and face, and it is sent nothing else', async () => {
  const own = await enter(state(1, [person('bob'), person('me')]));
  own.local.tracks.screen = new TrackDouble('video');
  ConnectionDouble.sections = ['audio', 'video', 'video'];
  await own.socket.emit('media.signal', { roomId: 'r', from: 'bob', signal: { kind: 'offer', sdp: 'offer' } });
  const [peer] = ConnectionDouble.all;
  assert.deepEqual(peer.transceivers.map(({ sender }) => sender.track), [null, own.local.tracks.camera, null]);
  await peer.flow('0', '1', '2');
  const [bob] = own.session.others();
  assert.deepEqual(bob.tracks.map(({ source, trackId, route }) => [source, trackId, route]), [['microphone', null, 'peerToPeer'], ['camera', null, 'peerToPeer']]);
});

test('what goes straight to another is announced, once it is different', async () => {
  const own = await enter(state(1, [person('me'), person('bob')]));
  const announced = () => asked(own.socket, 'media.publish').map(({ sdp, tracks }) => [sdp, ...tracks.map(({ source, muted }) => `${source} ${muted}`)]);
  assert.deepEqual(announced(), [[undefined, 'camera false']]);
  await share(own, true);
  await own.socket.answer('media.publish', { tracks: [] });
  assert.deepEqual(announced().at(-1), [undefined, 'camera false', 'screen false', 'screenAudio false']);
  await own.socket.answer('media.publish', { tracks: [] });
  await share(own, false);
  assert.deepEqual(announced().at(-1), [undefined, 'camera false']);
  await own.socket.answer('media.publish', { tracks: [] });
  own.session.replace('camera', own.local.tracks.camera);
  await settled();
  assert.equal(announced().length, 3);

  own.socket.connectionId = 'me again';
  const resumed = own.session.resume();
  await own.socket.answer('media.join', { state: state(9, [person('me again'), person('bob')]), iceServers: [], resumed: true });
  await resumed;
  assert.equal(announced().length, 4, 'by another connection all is said anew');
});

test('others have the tracks that they announce: a screen that is shared no more is not shown, though its section stays', async () => {
  const own = await enter(state(1, [person('me'), person('bob', [track('microphone', 'm'), track('camera', 'c'), track('screen', 's')])]));
  const [peer] = ConnectionDouble.all;
  await own.socket.emit('media.signal', { roomId: 'r', from: 'bob', signal: { kind: 'answer', sdp: 'answer' } });
  await peer.flow('0', '1', '2');
  const shown = () => own.session.others()[0].tracks.map(({ trackId, muted, track: { kind } }) => [trackId, muted, kind]);
  assert.deepEqual(shown(), [['m', false, 'audio'], ['c', false, 'video'], ['s', false, 'video']]);
  const told = { roomId: 'r', connectionId: 'bob', revision: 2, state: {}, tracks: [track('microphone', 'm', true), track('camera', 'c')] };
  await own.socket.emit('media.updated', told);
  assert.deepEqual(shown(), [['m', true, 'audio'], ['c', false, 'video']]);
});

test('two who share at once are two screens, each of its owner', async () => {
  const own = await enter(state(1, [person('me'), person('bob'), person('cleo')], 'server'));
  await own.socket.answer('media.publish', { sdp: 'answer', tracks: [] });
  ConnectionDouble.sections = ['video', 'video', 'video', 'audio'];
  const tracks = [offered('0', 'screen', 'bob'), offered('1', 'camera', 'bob'), offered('2', 'screen', 'cleo'), offered('3', 'screenAudio', 'cleo')];
  await own.socket.emit('media.offer', { roomId: 'r', revision: 1, sdp: 'offer', tracks });
  const received = ConnectionDouble.all[1].transceivers.map(({ receiver }) => receiver.track);
  const [bob, cleo] = own.session.others().map(({ tracks: each }) => each.map(({ source, track: media, route }) => [source, received.indexOf(media), route]));
  assert.deepEqual(bob, [['camera', 1, 'server'], ['screen', 0, 'server']]);
  assert.deepEqual(cleo, [['screen', 2, 'server'], ['screenAudio', 3, 'server']]);
});

test('it is told when a track begins, is muted and ends, once and by its id', async () => {
  const own = await enter(state(1, [person('me'), person('bob', [track('camera', 'c')])], 'server'));
  const heard = [];
  for (const name of ['trackAdded', 'trackRemoved', 'trackMuted']) own.session.on(name, ({ participant, track: { trackId, muted } }) => heard.push([name, participant.connectionId, trackId, muted]));
  const told = (revision, tracks) => own.socket.emit('media.updated', { roomId: 'r', connectionId: 'bob', revision, state: {}, tracks });
  await told(2, [track('camera', 'c'), track('screen', 's')]);
  await told(3, [track('camera', 'c', true), track('screen', 's')]);
  await told(4, [track('camera', 'c', true), track('screen', 'another')]);
  // The same one by another connection.
  own.session.moved('bob', 'bob again');
  await own.socket.emit('media.changed', { roomId: 'r', state: state(5, [person('me')], 'server') });
  assert.deepEqual(heard, [
    ['trackAdded', 'bob', 's', false],
    ['trackMuted', 'bob', 'c', true],
    ['trackRemoved', 'bob', 's', false], ['trackAdded', 'bob', 'another', false],
    ['trackRemoved', 'bob again', 'c', true], ['trackRemoved', 'bob again', 'another', false],
  ]);
});
