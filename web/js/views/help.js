// The list of keyboard shortcuts, and the switch that turns them off.

import { el, fill, iconButton } from '../dom.js';
import { shortcuts } from '../shortcuts.js';
import { phrase } from '../words.js';

const ALWAYS = /** @type {const} */ ([
  [['↑', '↓'], 'shortcut.move'],
  [[phrase('key.enter')], 'shortcut.enter'],
  [[phrase('key.shift'), phrase('key.enter')], 'shortcut.newLine'],
  [[phrase('key.escape')], 'shortcut.escape'],
]);

const row = (/** @type {readonly string[]} */ keys, /** @type {string} */ label) => el('div', { class: 'keys-row' },
  el('dt', {}, keys.map((key) => el('kbd', {}, key))), el('dd', {}, label));

export function help() {
  const keys = el('dl', { class: 'keys' });
  /** @type {HTMLInputElement} */
  const enabled = el('input', { type: 'checkbox', on: { change: () => shortcuts.enable(enabled.checked) } });
  /** @type {HTMLDialogElement} */
  const element = el('dialog', { class: 'card', 'aria-labelledby': 'keys-title' },
    el('header', { class: 'card-header' },
      el('h2', { id: 'keys-title' }, phrase('shortcut.title')),
      iconButton('close', phrase('close'), { on: { click: () => element.close() } })),
    keys,
    el('label', { class: 'check' }, enabled, phrase('shortcut.single')),
  );
  return {
    element,
    open() {
      enabled.checked = shortcuts.enabled();
      fill(keys, ALWAYS.map(([key, label]) => row(key, phrase(label))), shortcuts.all().map(({ keys: key, label }) => row([key], label)));
      element.showModal();
    },
  };
}
