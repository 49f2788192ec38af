// What a moderator does to others in the call one is in, and what one does to us.

import { explain, phrase } from '../words.js';

const TOLD = /** @type {const} */ ({ microphone: 'call.mutedBy', camera: 'call.cameraOffBy', screen: 'call.sharingEndedBy', screenAudio: 'call.mutedBy' });

/**
 * @param {{ socket: App.Socket, notices: App.Notices, roomId: () => string | undefined, muted: () => void, removed: () => void }} parts
 *   `muted`: our microphone is, from now on; `removed`: the call is over for us
 */
export function createModeration({ socket, notices, roomId, muted, removed }) {
  /** @type {<Method extends 'media.mute' | 'media.remove' | 'media.lock'>(method: Method, params: object) => Promise<void>} */
  const ask = async (method, params) => {
    try {
      await socket.call(method, /** @type {any} */ ({ roomId: roomId(), ...params }));
    } catch (error) {
      notices.warn(explain(error));
    }
  };

  return {
    /** @param {string} connectionId @param {Wire.TrackSource} source */
    mute: (connectionId, source) => ask('media.mute', { connectionId, source }),
    /** Takes somebody out of the call. @param {string} connectionId */
    remove: (connectionId) => ask('media.remove', { connectionId }),
    /** @param {boolean} locked whether nobody else comes in */
    lock: (locked) => ask('media.lock', { locked }),
    /** Hears what is done to us. @param {import('../../client/src/index.js').MediaSession} session */
    follow(session) {
      const nameOf = (/** @type {string} */ by) => session.others().find(({ userId }) => userId === by)?.name ?? phrase('call.moderator');
      session.on('muted', ({ source, by }) => {
        if (source === 'microphone') muted();
        notices.warn(phrase(TOLD[source], { name: nameOf(by) }));
      });
      session.on('removed', ({ by }) => {
        notices.warn(phrase('call.removedBy', { name: nameOf(by) }));
        removed();
      });
    },
  };
}
