// Calls that are handed over to another room: by us, or with us in them.

import { isPassing, MediaSession } from '../../client/src/index.js';
import { explain, phrase } from '../words.js';

/** @typedef {import('./calls.js').OwnCall} OwnCall */

/**
 * @param {{ socket: App.Socket, rooms: App.RoomsOfCalls, notices: App.Notices, user: App.Person, show: () => void, hangUp: () => Promise<void>,
 *   resume: (ringing: App.Ringing, connectionId: string) => Promise<unknown>, current: () => OwnCall | null }} parts
 *   `resume`: goes on with a rung call by this connection; null if it is over
 */
export function createHandOver({ socket, rooms, notices, user, show, hangUp, resume, current }) {
  /**
   * The room in which we are, while the call that was handed over may not know it.
   *
   * @type {{ own: OwnCall, ringing: App.Ringing, callId: string, roomId: string, isSaying: boolean } | null}
   */
  let arrival = null;

  // It is told again until it is answered.
  socket.on('call.transferring', ({ callId, roomId, name }) => {
    if (arrival?.callId === callId && arrival.roomId === roomId) return void sayThere();
    const own = current();
    if (!own || own.ringing?.callId !== callId || own.goesTo) return;
    notices.tell(phrase('call.goingOver', { name }));
    goTo(own, callId, roomId);
  });

  socket.on('call.ended', ({ callId }) => {
    if (arrival?.callId === callId) arrival = null;
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
      // Whatever was switched on the way.
      carryOver(own.session, session);
      own.session.leave();
      rooms.release(own.roomId, 'call');
      if (own.ringing) arrival = { own, ringing: own.ringing, callId, roomId, isSaying: false };
      Object.assign(own, { session, roomId, ringing: null, parties: [], closesAlone: false });
    } else {
      session.leave();
      rooms.release(roomId, 'call');
    }
    own.goesTo = null;
    if (current() !== own) return;
    if (isThere) {
      show();
      return sayThere();
    }
    await socket.call('call.answerTransfer', { callId, roomId, isThere }).catch(() => {});
    if (current() !== own) return;
    if (own.ringing) return show();
    notices.warn(phrase('call.nobodyThere'));
    await hangUp();
  }

  /** Says that we are there. What is lost of it is said again once the call is told of again, or by the next connection. */
  async function sayThere() {
    const told = arrival;
    if (!told || told.isSaying) return;
    const { callId, roomId } = told;
    told.isSaying = true;
    const isLost = await (current() === told.own ? socket.call('call.answerTransfer', { callId, roomId, isThere: true }) : socket.call('call.hangUp', { callId }))
      // Too late: to the others we are in the call yet.
      .catch((error) => (error.code === 'call.wrongState' ? socket.call('call.hangUp', { callId }) : Promise.reject(error)))
      .then(() => false, isPassing);
    told.isSaying = false;
    if (!isLost && arrival === told) arrival = null;
  }

  /** What was said in one session, and what is sent. Whether one speaks each hears itself. @param {MediaSession} from @param {MediaSession} to */
  function carryOver(from, to) {
    const { onHold, ...said } = from.said;
    to.say({ ...said, speaking: to.said.speaking });
    to.hold(onHold);
  }

  /** Whether somebody else is in the session that was entered. @param {MediaSession} session @param {OwnCall} own @param {string} roomId */
  async function enter(session, own, roomId) {
    await rooms.hold(roomId, 'call').room.entered();
    carryOver(own.session, session);
    await session.join();
    return session.others().some(({ userId }) => userId !== user.id);
  }

  return {
    /** By another connection than before. @param {string} connectionId */
    async resume(connectionId) {
      const told = arrival;
      if (!told) return;
      const goesOn = told.ringing.device === connectionId || await resume(told.ringing, connectionId);
      if (goesOn) await sayThere();
      else if (arrival === told) arrival = null;
    },
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
