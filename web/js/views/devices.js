// The menu of devices in a call: another microphone, camera or speaker at once, and help with one that cannot be had.

import { SpeechMeter } from '../../client/src/index.js';
import { el, iconButton } from '../dom.js';
import { phrase } from '../words.js';
import { deviceFields, deviceProblems, levelMeter } from './device-fields.js';

/** @param {Pick<App.Parts, 'calls' | 'devices'>} parts */
export function openDeviceMenu({ calls, devices }) {
  const level = levelMeter();
  const meter = new SpeechMeter(() => {}, level.show);
  const problems = deviceProblems(devices, (source) => calls.askForDevice(source));
  const fields = deviceFields(devices, (kind, id) => {
    if (kind !== 'speaker') calls.chooseDevice(kind, id);
  }, { microphone: level.element });
  const look = el('input', { type: 'checkbox', checked: devices.state.get().entry.preview, 'data-testid': 'devices-preview' });
  look.addEventListener('change', () => devices.enterWith({ preview: look.checked }));

  /** @type {HTMLDialogElement} */
  const dialog = el('dialog', { class: 'card devices', 'aria-labelledby': 'devices-title', 'data-testid': 'devices', on: { close: () => leave() } },
    el('div', { class: 'card-header' }, el('h2', { id: 'devices-title' }, phrase('devices.title')), iconButton('close', phrase('close'), { 'data-testid': 'devices-close', on: { click: () => dialog.close() } })),
    problems.element, fields.element,
    el('label', { class: 'check' }, look, phrase('devices.preview')));
  const off = calls.state.subscribe(({ active }) => {
    meter.watch(calls.microphone());
    if (!calls.microphone() || active?.muted) level.show(0);
    problems.show(active?.problems ?? []);
    if (!active && dialog.open) dialog.close();
  });
  function leave() {
    off();
    fields.leave();
    meter.stop();
    dialog.remove();
  }
  document.body.append(dialog);
  dialog.showModal();
}
