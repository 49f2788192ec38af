// The microphone and camera of the call one is in: chosen, lost, asked for again.

import { phrase, unavailable } from '../words.js';

/** @typedef {import('../../client/src/media/local.js').LocalMedia} LocalMedia */
/** @typedef {import('./devices.js').DeviceSource} DeviceSource */
/** @typedef {{ local: LocalMedia, roomId: string }} Own */

const LOST = /** @type {const} */ ({ microphone: 'devices.microphoneLost', camera: 'devices.cameraLost' });

/**
 * @param {{ devices?: App.Devices, notices: Pick<App.Notices, 'tell' | 'warn'>, current: () => Own | null,
 *   sendAgain: (sources: Wire.TrackSource[]) => void }} parts `sendAgain`: sends what these sources have now
 */
export function createOwnDevices({ devices, notices, current, sendAgain }) {
  /** Goes on in the call, if it is still the same one. @param {Own} own @param {DeviceSource} source */
  function goOn(own, source) {
    if (current() !== own) return own.local.stop();
    devices?.look();
    sendAgain([source]);
  }

  return {
    /** Follows what becomes of the devices of this call. @param {Own} own */
    follow(own) {
      own.local.lost = (source) => {
        if (current() !== own) return;
        notices.warn(phrase(own.local.tracks[source] ? 'devices.microphoneReplaced' : LOST[source]));
        goOn(own, source);
      };
    },

    /** Takes another device at once. @param {DeviceSource} source @param {string} id '': whichever the browser takes */
    async choose(source, id) {
      const own = current();
      if (!own) return;
      await own.local.choose(source, id || null);
      const problem = own.local.problemOf(source);
      if (problem) notices.warn(unavailable(problem));
      goOn(own, source);
    },

    /** Asks once more for what could not be had. @param {DeviceSource} source @returns {Promise<boolean>} whether it is there now */
    async ask(source) {
      const own = current();
      if (!own) return false;
      const track = await own.local.ask(source);
      goOn(own, source);
      return Boolean(track);
    },
  };
}
