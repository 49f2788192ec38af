// Single-key shortcuts. They rest while somebody types, and can be switched off (WCAG 2.1, 2.1.4).

const KEY = 'switchboard.shortcuts';

/** @type {{ keys: string, label: string, run: () => void }[]} */
const known = [];

export const shortcuts = {
  all: () => known,
  enabled: () => localStorage.getItem(KEY) !== 'off',
  enable: (/** @type {boolean} */ on) => (on ? localStorage.removeItem(KEY) : localStorage.setItem(KEY, 'off')),
  /** @param {string} keys @param {string} label @param {() => void} run */
  add: (keys, label, run) => known.push({ keys, label, run }),
};

const isTyping = (/** @type {EventTarget | null} */ target) => target instanceof Element && target.closest('input, textarea, select, [contenteditable]');

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.repeat) return;
  if (!shortcuts.enabled() || isTyping(event.target) || document.querySelector('dialog[open]')) return;
  const shortcut = known.find(({ keys }) => keys === event.key);
  if (!shortcut) return;
  event.preventDefault();
  shortcut.run();
});
