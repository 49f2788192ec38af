// The list of keyboard shortcuts, and the switch that turns them off.

import { el, fill, iconButton } from '../dom.js';
import { shortcuts } from '../shortcuts.js';

const ALWAYS = [
  ['↑ ↓', 'Move in a list'],
  ['Enter', 'Open, send, accept a call'],
  ['Shift Enter', 'New line'],
  ['Esc', 'Close, back to the list, decline a call'],
];

const row = (keys, label) => el('div', { class: 'keys-row' },
  el('dt', {}, keys.split(' ').map((key) => el('kbd', {}, key))), el('dd', {}, label));

export function help() {
  const keys = el('dl', { class: 'keys' });
  const enabled = el('input', { type: 'checkbox', on: { change: () => shortcuts.enable(enabled.checked) } });
  const element = el('dialog', { class: 'card', 'aria-labelledby': 'keys-title' },
    el('header', { class: 'card-header' },
      el('h2', { id: 'keys-title' }, 'Keyboard shortcuts'),
      iconButton('close', 'Close', { on: { click: () => element.close() } })),
    keys,
    el('label', { class: 'check' }, enabled, 'Single-key shortcuts'),
  );
  return {
    element,
    open() {
      enabled.checked = shortcuts.enabled();
      fill(keys, ALWAYS.map(([key, label]) => row(key, label)), shortcuts.all().map(({ keys: key, label }) => row(key, label)));
      element.showModal();
    },
  };
}
