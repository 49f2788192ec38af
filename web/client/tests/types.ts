// What a page in TypeScript is told by the declarations. It is compiled and never run.

import { LocalMedia, SwitchboardError, connect, isPassing } from 'switchboard-client';
import type { Keep, Pending } from 'switchboard-client';
import type { RoomMessage } from 'switchboard-client/protocol';

const client = connect({ server: 'https://switchboard.example', token: async ({ fresh, signal }) => (signal.aborted || fresh ? null : 'token') });

client.on('room.message', ({ roomId, message }) => show(roomId, message));
client.on('connection.moving', ({ delayMs }) => delayMs.toFixed());
client.on('state', ({ phase, error }) => phase === 'refused' && error?.code);
// @ts-expect-error There is no such event.
client.on('room.massage', () => {});
// @ts-expect-error It has no such member.
client.on('room.message', ({ text }) => text);

const room = client.room('0199b2a0-7c00-7000-8000-000000e00000');
room.on('reload', ({ messages, complete }) => messages.forEach((message) => complete || show(room.id, message)));
room.on('message', (message) => show(room.id, message));
room.on('room.typing', ({ typing }) => !typing);
// @ts-expect-error Whoever would listen to it hears `message` instead.
room.on('room.message', () => {});
// @ts-expect-error What is internal is not declared.
room.handle('room.typing', {});

room.on('pending', ({ pending }) => pending.forEach(({ message, error }) => error && room.retry(message.clientId)));
room.on('typing', ({ typing }) => typing.map(({ name }) => name?.toUpperCase()));
room.timeline().on('changed', ({ messages, complete }) => complete || messages.forEach((message) => show(room.id, message)));
// @ts-expect-error The list is the library's.
room.timeline().messages.push();

const waiting: Pending[] = [];
const keep: Keep = {
  all: async () => waiting,
  put: async (entry) => waiting.push({ ...entry, storedAs: null }),
  remove: async (clientId) => waiting.findIndex(({ message }) => message.clientId === clientId),
  inTurn: (work) => work(),
};
connect({ token: 'token', keep: () => keep }).close();

async function say() {
  const stored: RoomMessage = await room.send('Hello');
  const { more } = await room.history({ before: stored.seq });
  await room.entered();
  await room.edit(stored.seq, 'Hello, all').then(() => room.react(stored.seq, '👍'));
  await room.timeline().older();
  if (room.error?.code === 'room.removed.banned' || room.read()) await room.delete(stored.seq);
  const { members } = await client.request('room.members', { roomId: room.id }, { timeoutMs: 1_000 });
  // @ts-expect-error The method has no such parameter.
  await client.request('room.leave', { room: room.id });
  return more || members.length;
}

say().catch((error) => {
  if (error instanceof SwitchboardError && error.code === 'auth.forbidden' && !isPassing(error)) error.retryAfterMs?.toFixed();
});

client.inbox().on('event', ({ seq, event }) => seq > 0 && event.type === 'messageCreated');
client.mailbox().on('entry', ({ kind, messageSeq }) => kind === 'mention' && messageSeq?.toFixed());
client.mailbox().on('changed', ({ unread, entries }) => unread <= entries.length);
client.feed('labels', { color: '#ff0000' }).on('change', ({ operation, row }) => operation === 'update' && row);
client.presence().on('changed', ({ online, count }) => count - online.size);
client.calls.on('incoming', async (call) => {
  call.on('ended', (reason) => reason === 'missed');
  await call.accept();
  const local = await new LocalMedia().start({ video: call.media === 'video' });
  const session = client.media(call.roomId, { local, changed: () => session.others().forEach(({ tracks, name }) => tracks.map(({ trackId, source, track }) => [trackId, source === 'screen', track?.id, name])) });
  session.on('trackAdded', ({ participant, track }) => [participant.name, track.kind, track.muted]);
  session.replace('screen', await local.share(true));
  await session.join();
});

function show(roomId: string, { seq, text }: RoomMessage) {
  return `${roomId} ${seq} ${text}`;
}
