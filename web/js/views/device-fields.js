// Choosing microphone, camera and speaker, and what to do where one cannot be had: parts of the preview and of the menu
// in a call.

import { platformOf } from '../client.js';
import { el, icon, keyed } from '../dom.js';
import { adviceFor } from '../model/device-advice.js';
import { phrase, unavailable } from '../words.js';

/** @typedef {import('../model/devices.js').DeviceKind} DeviceKind */
/** @typedef {import('../model/devices.js').DeviceSource} DeviceSource */
/** @typedef {import('../../client/src/media/local.js').DeviceProblem} DeviceProblem */

const LABELS = /** @type {const} */ ({ microphone: 'devices.microphone', camera: 'devices.camera', speaker: 'devices.speaker' });

/** Not every browser lets a page choose where it sounds. */
const hasSpeakers = () => 'setSinkId' in HTMLMediaElement.prototype;

/** The chosen one, if it is plugged in; else '': whichever the browser takes. @param {App.DevicesState} state @param {DeviceKind} kind */
export const present = ({ chosen, known }, kind) => (known[kind].some(({ id }) => id === chosen[kind]) ? chosen[kind] : '');

/**
 * A list for each kind of device.
 *
 * @param {App.Devices} devices
 * @param {(kind: DeviceKind, id: string) => void} changed is told what was chosen
 * @param {Partial<Record<DeviceKind, HTMLElement>>} [below] what belongs below a list
 */
export function deviceFields(devices, changed, below = {}) {
  const kinds = /** @type {DeviceKind[]} */ (['microphone', 'camera', 'speaker']);
  const fields = kinds.filter((kind) => kind !== 'speaker' || hasSpeakers()).map((kind) => {
    const id = `device-${kind}`;
    /** @type {HTMLSelectElement} */
    const select = el('select', { class: 'select', id, 'data-testid': id, on: { change: () => {
      devices.choose(kind, select.value);
      changed(kind, select.value);
    } } });
    return { kind, select, element: el('div', { class: 'field' }, el('label', { for: id }, phrase(LABELS[kind])), select, below[kind]) };
  });
  const off = devices.state.subscribe((state) => {
    for (const { kind, select } of fields) {
      const choices = [{ id: '', label: phrase('devices.default') }, ...state.known[kind]];
      keyed(select, choices, {
        key: ({ id, label }) => `${id} ${label}`,
        create: ({ id, label }) => el('option', { value: id }, label || phrase('devices.unnamed', { number: choices.findIndex((one) => one.id === id) })),
      });
      select.value = present(state, kind);
    }
  });
  devices.look();
  return { element: el('div', { class: 'device-fields' }, fields.map(({ element }) => element)), leave: off };
}

/**
 * Why a device cannot be had, what to do about it, and a way to ask again.
 *
 * @param {App.Devices} devices
 * @param {(source: DeviceSource) => unknown} again
 */
export function deviceProblems(devices, again) {
  const element = el('div', { class: 'device-problems', role: 'status' });
  return {
    element,
    /** @param {DeviceProblem[]} problems */
    show(problems) {
      const { permissions } = devices.state.get();
      const platform = platformOf(navigator.userAgent);
      // Not to be heard is worse than not to be seen.
      const shown = problems.toSorted((a, b) => Number(b.source === 'microphone') - Number(a.source === 'microphone')).map((problem) => {
        const source = problem.source === 'microphone' || problem.source === 'camera' ? problem.source : null;
        return { problem, source, what: unavailable(problem), advice: phrase(adviceFor(problem, source && permissions[source], platform)) };
      });
      keyed(element, shown, {
        key: ({ what, advice }) => `${what} ${advice}`,
        create: ({ source, what, advice }) => el('div', { class: 'device-problem', 'data-testid': `problem-${source}` },
          icon('alert'), el('p', {}, el('strong', {}, what), ' ', advice),
          source && el('button', { type: 'button', class: 'button small', 'data-testid': `again-${source}`, on: { click: () => again(source) } }, phrase('tryAgain'))),
      });
    },
  };
}

/** How loud a microphone is. */
export function levelMeter() {
  /** @type {HTMLMeterElement} */
  const element = el('meter', { class: 'level', min: 0, max: 1, value: 0, 'aria-label': phrase('devices.level'), 'data-testid': 'level' });
  return {
    element,
    /** @param {number} level of 1: its root is nearer to how loud it seems */
    show: (level) => (element.value = Math.min(1, Math.sqrt(level) * 1.6)),
  };
}

/** Plays what sounds in `stage` by the chosen speaker. @param {HTMLElement} stage @param {App.DevicesState} state */
export function playByChosen(stage, state) {
  const speaker = present(state, 'speaker');
  for (const sound of stage.querySelectorAll('audio')) {
    // One that is just unplugged cannot be chosen: it sounds where the browser wants.
    if (hasSpeakers() && sound.sinkId !== speaker) sound.setSinkId(speaker).catch((error) => console.info('Speaker:', error.name));
  }
}
