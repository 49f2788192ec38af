// The way back into the call that a page was in before it was loaded anew.

import { remembered } from '../remembered.js';
import { createStore } from '../store.js';

/** Later than this nobody returns to a call; they join one. */
const RETURN_WITHIN_MS = 5 * 60_000;

/** How often a page that may be loaded anew at any moment says that it is in the call. */
const STILL_IN_EVERY_MS = 5_000;

/** The call that this tab is in, with what the person had on. @typedef {{ userId: string, roomId: string, camera: boolean, muted: boolean, at: number }} Left */

/**
 * @param {{ calls: Pick<App.Calls, 'state' | 'join'>, rooms: Pick<App.Rooms, 'calls'>, user: { id: string },
 *   storage?: () => Storage, now?: () => number }} parts
 */
export function createReturning({ calls, rooms, user, storage = () => sessionStorage, now = Date.now }) {
  const kept = remembered('switchboard.call', /** @type {Left | {}} */ ({}), storage);
  const state = createStore({ offer: /** @type {Left | null} */ (null) });
  let left = before(kept.get());

  /** @param {Left | {}} found @returns {Left | null} */
  function before(found) {
    const isOurs = 'at' in found && found.userId === user.id && now() - found.at < RETURN_WITHIN_MS;
    return isOurs ? found : null;
  }

  /** Others are in that call still, as far as is known by now. */
  function look() {
    const runs = left && (rooms.calls.get().byRoom.get(left.roomId)?.participantCount ?? 0) > 0;
    const offer = runs && left && before(left) ? left : null;
    if (offer !== state.get().offer) state.set({ offer });
  }

  /** Nobody returns any more. */
  function forget() {
    left = null;
    if (!calls.state.get().active) kept.set({});
    look();
  }

  /** @type {ReturnType<typeof setInterval> | undefined} */
  let saying;
  const say = () => {
    const { active } = calls.state.get();
    if (active) kept.set({ userId: user.id, roomId: active.roomId, camera: active.hasCamera, muted: active.muted, at: now() });
  };

  calls.state.subscribe(({ active }) => {
    if (!active) {
      // Whoever hangs up does not come back; a page that ends in a call says nothing more.
      if (saying) kept.set({});
      clearInterval(saying);
      saying = undefined;
      return;
    }
    left = null;
    look();
    say();
    saying ??= setInterval(say, STILL_IN_EVERY_MS);
  });
  rooms.calls.subscribe(look);

  return {
    state,
    forget,
    /** Goes back, with what was on before. */
    async accept() {
      if (!left) return;
      const { roomId, camera, muted } = left;
      forget();
      await calls.join(roomId, { video: camera, muted });
      return roomId;
    },
  };
}
