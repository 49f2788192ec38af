// Settings: one's own account, and what administrators do, one section for each kind of thing.

import { el, icon, roving } from '../dom.js';
import { address, route } from '../router.js';
import { SECTIONS } from './settings/sections.js';
import { page } from './settings/page.js';
import { phrase } from '../words.js';

const allowed = (/** @type {App.Parts} */ { user }) => Object.entries(SECTIONS)
  .filter(([, { needs, suits }]) => (!needs || user.permissions.includes(needs)) && (!suits || suits(user)));

/** Whether the user has anything to do here. @param {App.Parts} app */
export const hasSettings = (app) => allowed(app).length > 0;

/** @param {App.Parts} app @returns {App.View} */
export function settingsList(app) {
  const list = el('ul', { class: 'list', 'aria-label': phrase('nav.settings') }, allowed(app).map(([id, { label, hint }]) =>
    el('li', {}, el('a', { class: 'row', href: address('settings', id), 'data-testid': `settings-${id}` },
      el('span', { class: 'row-text' }, el('span', { class: 'row-title' }, phrase(label)), el('span', { class: 'row-channel' }, phrase(hint)))))));
  const settle = roving(list, 'a');
  const off = route.subscribe(({ id }) => {
    for (const link of list.querySelectorAll('a')) {
      if (link.getAttribute('href') === address('settings', id)) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
    settle();
  });
  return {
    element: el('div', { class: 'pane' }, el('header', { class: 'pane-header' }, el('h1', {}, phrase('nav.settings'))), list,
      el('div', { class: 'list-note' }, el('a', { href: 'reference', target: '_blank', rel: 'noopener' }, phrase('settings.reference')))),
    leave: off,
  };
}

/** @param {App.Parts} app @param {string} id @returns {App.View} */
export function settings(app, id) {
  const section = allowed(app).find(([name]) => name === id)?.[1];
  if (!section) return { element: el('p', { class: 'empty' }, icon('settings'), phrase('settings.noSection')) };
  return section.view ? section.view(app) : page(app, section);
}
