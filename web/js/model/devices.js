// The microphones, cameras and speakers of this browser: which there are, which were chosen, and whether they may be used.

import { remembered } from '../remembered.js';
import { createStore } from '../store.js';

/** The browser's names for what people call microphone, camera and speaker (W3C mediacapture-streams). */
const KINDS = /** @type {const} */ ({ microphone: 'audioinput', camera: 'videoinput', speaker: 'audiooutput' });

/** Chromium lists the system's choices once more under these; that is what leaving it to the browser means. */
const ALIASES = ['', 'default', 'communications'];

/** @typedef {keyof typeof KINDS} DeviceKind */
/** @typedef {'microphone' | 'camera'} DeviceSource */

/** Whether calls are entered with these on, and with a look at them before. */
const ENTRY = { microphone: true, camera: true, preview: true };

/** @param {{ media?: MediaDevices, permissions?: Permissions }} [browser] */
export function createDevices({ media = globalThis.navigator?.mediaDevices, permissions = globalThis.navigator?.permissions } = {}) {
  const choice = remembered('switchboard.devices', { microphone: '', camera: '', speaker: '' });
  const entry = remembered('switchboard.entry', ENTRY);
  const state = createStore(/** @type {App.DevicesState} */ ({
    known: { microphone: [], camera: [], speaker: [] }, chosen: choice.get(), entry: entry.get(),
    permissions: { microphone: null, camera: null },
  }));

  /** Looks which devices there are. Without permission a browser names none of them. */
  async function look() {
    const found = (await media?.enumerateDevices?.().catch(() => [])) ?? [];
    const of = (/** @type {DeviceKind} */ kind) => found
      .filter((device) => device.kind === KINDS[kind] && !ALIASES.includes(device.deviceId))
      .map(({ deviceId, label }) => ({ id: deviceId, label }));
    state.set({ known: { microphone: of('microphone'), camera: of('camera'), speaker: of('speaker') } });
  }

  /** @param {DeviceSource} source */
  async function follow(source) {
    try {
      const status = await permissions?.query({ name: /** @type {PermissionName} */ (source) });
      if (!status) return;
      const tell = () => {
        state.set({ permissions: { ...state.get().permissions, [source]: status.state } });
        look();
      };
      status.onchange = tell;
      tell();
    } catch {
      // A browser that does not say whether it is allowed is asked by asking for the device.
    }
  }

  media?.addEventListener?.('devicechange', look);
  follow('microphone');
  follow('camera');

  return {
    state,
    look,
    /** What to ask for: the chosen devices, null where it is left to the browser. */
    wanted: () => ({ microphone: choice.get().microphone || null, camera: choice.get().camera || null }),
    /** Remembers a choice; '' leaves it to the browser. @param {DeviceKind} kind @param {string} id */
    choose(kind, id) {
      choice.set({ ...choice.get(), [kind]: id });
      state.set({ chosen: choice.get() });
    },
    /** How calls are entered from now on. @param {Partial<typeof ENTRY>} change */
    enterWith(change) {
      entry.set({ ...entry.get(), ...change });
      state.set({ entry: entry.get() });
    },
  };
}
