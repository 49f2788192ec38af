import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { MediaSession } from '../client/src/index.js';
import { ConnectionDouble, LocalDouble, TrackDouble } from './media-doubles.js';
import { SocketDouble, settled, withGlobals } from './stand-in.js';

/** Microphone, camera and screen that can be switched. */
class SwitchedLocal extends LocalDouble {
  mute = (muted, source = 'microphone') => void (muted ? this.muted.add(source) : this.muted.delete(source));
  camera = async () => (this.tracks.camera = null);
  share = async () => (this.tracks.screen = this.tracks.screenAudio = null);
}

beforeEach((t) => {
  ConnectionDouble.all = [];
  withGlobals(t, { RTCPeerConnection: ConnectionDouble });
});

/** A session with one other, who is a moderator, and what was told of them. */
async function moderated() {
  const socket = new SocketDouble();
  const tracks = Object.fromEntries(['microphone', 'camera', 'screen'].map((source) => [source, new TrackDouble(source === 'microphone' ? 'audio' : 'video')]));
  const local = new SwitchedLocal(tracks);
  const session = new MediaSession({ client: socket.client, roomId: 'r', local, changed: () => {} });
  const told = [];
  for (const name of ['muted', 'removed']) session.on(name, (news) => told.push({ name, ...news }));
  const entering = session.join();
  const participants = ['me', 'ada'].map((connectionId) => ({ connectionId, userId: connectionId, name: connectionId }));
  await socket.answer('media.join', { state: { revision: 1, route: 'peerToPeer', participants }, iceServers: [] });
  await entering;
  return { socket, session, local, told };
}

for (const [source, said] of [['microphone', 'muted'], ['camera', 'cameraOff']]) {
  test(`what a moderator mutes sends nothing and says so: ${source}`, async () => {
    const { socket, session, local, told } = await moderated();
    await socket.emit('media.muted', { roomId: 'r', source, by: 'ada' });
    await settled();
    assert.ok(local.isMuted(source));
    assert.equal(session.said[said], true);
    assert.deepEqual(told, [{ name: 'muted', source, by: 'ada' }]);
    session.leave();
  });
}

test('what sounds on a screen is muted alone', async () => {
  const { socket, session, local, told } = await moderated();
  session.say({ sharing: true });
  await socket.emit('media.muted', { roomId: 'r', source: 'screenAudio', by: 'ada' });
  await settled();
  assert.ok(local.isMuted('screenAudio') && local.tracks.screen && session.said.sharing);
  assert.deepEqual(told, [{ name: 'muted', source: 'screenAudio', by: 'ada' }]);
  session.leave();
});

test('a screen that a moderator mutes is shared no more', async () => {
  const { socket, session, local, told } = await moderated();
  session.say({ sharing: true });
  await socket.emit('media.muted', { roomId: 'r', source: 'screen', by: 'ada' });
  await settled();
  assert.equal(local.tracks.screen, null);
  assert.equal(session.said.sharing, false);
  assert.deepEqual(told, [{ name: 'muted', source: 'screen', by: 'ada' }]);
  session.leave();
});

test('who is removed by a moderator has left and does not come back by itself', async () => {
  const { socket, told } = await moderated();
  await socket.emit('media.removed', { roomId: 'r', by: 'ada' });
  const joins = () => socket.methods.filter((method) => method === 'media.join').length;
  const before = joins();
  await socket.emit('media.changed', { roomId: 'r', state: { revision: 3, route: 'peerToPeer', participants: [] } });
  await settled();
  assert.equal(joins(), before);
  assert.deepEqual(told, [{ name: 'removed', by: 'ada' }]);
});
