import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lengthOf, recordingsOf } from '../js/model/recordings.js';

const PATH = '/v1/rooms/r/recordings';

/** A server with these recordings, the oldest first, and what it was asked to do. */
function server(recordings, tracks = []) {
  const asked = [];
  const api = {
    get: async (path) => (path.endsWith('/manifest') ? { tracks } : { items: recordings, next: null }),
    post: async (path) => void asked.push(path),
    save: async (path, name) => void asked.push([path, name]),
  };
  return { asked, room: recordingsOf(api, 'r') };
}

test('the recording that goes on is stopped, and none that is only being stored', async () => {
  const { asked, room } = server([{ id: 'a', status: 'ended' }, { id: 'b', status: 'recording' }, { id: 'c', status: 'recording' }]);
  await room.begin();
  await room.stop();
  assert.deepEqual(asked, [PATH, `${PATH}/c/stop`]);
  assert.deepEqual((await room.list()).map(({ id }) => id), ['c', 'b', 'a']);
});

test('where nothing is recorded nothing is stopped', async () => {
  const { asked, room } = server([{ id: 'a', status: 'interrupted' }]);
  await room.stop();
  assert.deepEqual(asked, []);
});

test('the files of a recording are those that can be played, and are saved by their names', async () => {
  const { asked, room } = server([], [{ name: 'Ada', file: '001-microphone.ogg' }, { name: null, file: null }]);
  const [one, ...others] = await room.files('a');
  assert.deepEqual([one.name, one.file, others.length], ['Ada', '001-microphone.ogg', 0]);
  await room.save('a', one.file);
  assert.deepEqual(asked, [[`${PATH}/a/files/001-microphone.ogg`, '001-microphone.ogg']]);
});

test('a recording is as long as from its beginning to its end', () => {
  const startedAt = '2026-11-23T10:00:00Z';
  assert.equal(lengthOf({ startedAt, endedAt: '2026-11-23T10:03:07Z' }), 187_000);
  assert.equal(lengthOf({ startedAt, endedAt: null }), null);
});
