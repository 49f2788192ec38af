// Reactions in a call: events of its room that are kept nowhere.

import { explain } from '../words.js';

/** What one may react with. */
export const REACTIONS = ['👍', '👏', '❤️', '😂', '😮', '🎉'];

/** What such an event is called in the room. */
const EVENT = 'call.reaction';

/**
 * @param {{ socket: App.Socket, notices: App.Notices, active: () => App.Active | null, seen: (from: { connectionId: string | null, name: string | null }, emoji: string) => void }} parts
 *   `seen`: somebody in the call reacts; null is oneself
 */
export function createReactions({ socket, notices, active, seen }) {
  socket.on('room.event', ({ roomId, name, data, from }) => {
    const now = active();
    if (name !== EVENT || roomId !== now?.roomId) return;
    const emoji = /** @type {{ emoji?: unknown } | null} */ (data)?.emoji;
    const who = now.others.find(({ connectionId }) => connectionId === from?.connectionId);
    // Anybody in the room may say anything.
    if (who && typeof emoji === 'string' && REACTIONS.includes(emoji)) seen(who, emoji);
  });

  return {
    /** @param {string} emoji */
    async send(emoji) {
      const now = active();
      if (!now) return;
      seen({ connectionId: null, name: null }, emoji);
      await socket.call('room.publish', { roomId: now.roomId, name: EVENT, data: { emoji } }).catch((error) => notices.warn(explain(error)));
    },
  };
}
