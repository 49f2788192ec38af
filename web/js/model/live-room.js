// A joined room of the library, as views look at it: one state, with what is on its way, its mentions and its files.

import { createStore } from '../store.js';
import { phrase } from '../words.js';
import { mentionsIn } from './mentions.js';

/**
 * @param {{ id: string, name: string, client: Pick<App.Socket['client'], 'room'>, waits?: (pending: App.PendingMessage[]) => void }} options
 *   `name`: as far as it is known already; `waits`: what is not stored yet has changed
 */
export function createLiveRoom({ id, name, client, waits = () => {} }) {
  const room = client.room(id);
  const timeline = room.timeline();
  const state = createStore(/** @type {App.RoomState} */ ({
    status: 'joining', name, error: null, members: [], memberCount: 0, membersComplete: false, membersPage: null, messages: [], pending: [],
    isNews: false, complete: false, typing: [], media: null,
  }));
  /** Files that this page has uploaded, for messages on their way. @type {Map<string, Wire.RoomAttachment>} */
  const files = new Map();

  /** Whether what is told was said before this device was there, or while it was away. */
  let isMissed = true;
  room.on('reload', () => (isMissed = true));
  room.on('message', () => (isMissed ||= room.isCatchingUp));
  timeline.on('changed', ({ messages, complete }) => {
    const isOlder = (messages[0]?.seq ?? 0) < (state.get().messages[0]?.seq ?? 0);
    state.set({ messages, complete, isNews: !isMissed && !isOlder });
    isMissed = false;
  });
  room.on('joined', () => state.set({ status: 'joined', error: null, name: room.name }));
  room.on('failed', (error) => state.set({ status: 'failed', error }));
  room.on('room.removed', () => state.set({ status: 'failed', error: room.error }));
  room.on('room.renamed', () => state.set({ name: room.name }));
  room.on('media', (media) => state.set({ media }));
  room.on('members', ({ members, memberCount, membersComplete, membersPage }) =>
    state.set({ members: [...members.values()], memberCount, membersComplete, membersPage: membersPage && { ...membersPage } }));
  room.on('typing', ({ typing }) => state.set({ typing: typing.map(({ userId, name: known }) => ({ userId, name: known ?? phrase('room.somebody') })) }));
  room.on('pending', () => {
    const pending = room.pending.map(({ message, ...rest }) => ({ ...message, ...rest, files: message.attachments?.flatMap((file) => files.get(file) ?? []) }));
    state.set({ pending });
    waits(pending.filter(({ storedAs }) => storedAs === null));
  });

  return {
    id, room, timeline, state,
    /**
     * Says something, perhaps in answer to the message with a number. It is shown at once as pending, and goes out over
     * lost connections and the end of the page.
     *
     * @param {string} text
     * @param {number} [replyTo]
     * @param {Wire.RoomAttachment[]} [attachments] files that were uploaded for it
     */
    send(text, replyTo, attachments = []) {
      const mentions = mentionsIn(text, state.get().members);
      attachments.forEach((file) => files.set(file.id, file));
      const ids = attachments.map((file) => file.id);
      room.send({ text, replyTo, mentions, ...(ids.length > 0 && { attachments: ids }) }).catch(() => {});
    },
  };
}
