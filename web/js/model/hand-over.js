// Calls that are handed over to another room: by us, or with us in them.

import { MediaSession } from '../../client/src/index.js';
import { explain, phrase } from '../words.js';

/** @typedef {import('./calls.js').OwnCall} OwnCall */

/**
 * @param {{ socket: App.Socket, rooms: App.Rooms, notices: App.Notices, user: Wire.User, show: () => void, hangUp: () => Promise<void>,
 *   current: () => OwnCall | null }} parts
 */
export function createHandOver({ socket, rooms, notices, user, show, hangUp, current }) {
  // It is told again until it is answered.
  socket.on('call.transferring', ({ callId, roomId, name }) => {
    const own = current();
    if (!own || own.ringing?.callId !== callId || own.goesTo) return;
    notices.tell(phrase('call.goingOver', { name }));
    goTo(own, callId, roomId);
  });

  socket.on('call.transferFailed', ({ callId, userId }) => {
    const own = current();
    if (own?.ringing?.callId !== callId) return;
    const name = own.session.others().find((other) => other.userId === userId)?.name ?? own.ringing.name;
    notices.warn(phrase('call.notHandedOver', { name }));
  });

  /**
   * Goes to the room to which the call is handed over, if somebody is there; if not, it stays as it is.
   *
   * @param {OwnCall} own
   * @param {string} callId
   * @param {string} roomId
   */
  async function goTo(own, callId, roomId) {
    own.goesTo = roomId;
    const session = new MediaSession({ client: socket.client, roomId, local: own.local, changed: show });
    // Who hangs up on the way has left both.
    const isThere = (await enter(session, own, roomId).catch(() => false)) && current() === own;
    if (isThere) {
      own.session.leave();
      rooms.release(own.roomId, 'call');
      Object.assign(own, { session, roomId, ringing: null, parties: [], closesAlone: false });
    } else {
      session.leave();
      rooms.release(roomId, 'call');
    }
    own.goesTo = null;
    if (current() !== own) return;
    const isLate = await socket.call('call.answerTransfer', { callId, roomId, isThere }).then(() => false, (error) => error.code === 'call.wrongState');
    // To the others we are in the call yet.
    if (isLate && isThere) await socket.call('call.hangUp', { callId }).catch(() => {});
    if (current() !== own) return;
    if (isThere || own.ringing) return show();
    notices.warn(phrase('call.nobodyThere'));
    await hangUp();
  }

  /** Whether somebody else is in the session that was entered. @param {MediaSession} session @param {OwnCall} own @param {string} roomId */
  async function enter(session, own, roomId) {
    await rooms.hold(roomId, 'call').entered();
    session.say(own.session.said);
    await session.join();
    return session.others().some(({ userId }) => userId !== user.id);
  }

  return {
    /** Hands the call over to a room in which somebody is in a call. @param {{ roomId: string, name: string }} where */
    async toRoom({ roomId, name }) {
      const callId = current()?.ringing?.callId;
      if (!callId) return;
      try {
        await socket.call('call.transferToRoom', { callId, roomId });
        notices.tell(phrase('call.handingOver', { name }));
      } catch (error) {
        notices.warn(phrase('call.about', { name, what: error.code === 'call.unreachable' ? phrase('call.nobodyInRoom') : explain(error) }));
      }
    },
  };
}
