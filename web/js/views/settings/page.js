// A section of the settings: a table of things, and what can be done to each.

import { el, fill, iconButton } from '../../dom.js';
import { explain, phrase } from '../../words.js';
import { detailHeader } from '../rooms.js';
import { confirm, edit, show } from './dialogs.js';

/** @param {App.Parts} app @param {Settings.Section} section @returns {App.View} */
export function page(app, section) {
  const { api, notices, user } = app;
  const mayChange = !section.changes || user.permissions.includes(section.changes);
  /** @type {Settings.Item[]} */
  let items = [];
  /** @type {string | null} */
  let next = null;
  /** @type {Settings.Names} */
  let names = {};

  const note = el('div', { class: 'list-note', role: 'status' }, phrase('loading'));
  const more = el('button', { type: 'button', class: 'button small', hidden: true, on: { click: () => load(next) } }, phrase('loadMore'));
  const body = el('tbody');
  const head = el('tr', {}, section.columns.map(({ label }) => el('th', { scope: 'col' }, phrase(label))), el('th', {}, el('span', { class: 'sr' }, phrase('settings.actions'))));
  const { create: newTitle } = section.titles ?? {};
  const make = mayChange && newTitle && el('button', { type: 'button', class: 'button primary', 'data-testid': 'settings-new', on: { click: create } }, phrase(newTitle));

  /** Does something the server may refuse, and reads the list again. @param {() => Promise<unknown>} work */
  async function act(work) {
    try {
      const answer = await work();
      await load();
      return answer;
    } catch (error) {
      notices.warn(error.message && error.code?.startsWith('resource.') ? error.message : explain(error));
      return null;
    }
  }

  /** @param {string | null} cursor */
  async function load(cursor = null) {
    try {
      if (section.names) names = await section.names(app).catch(() => ({}));
      const page = await api.get(`${section.path}${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ''}`);
      items = cursor ? [...items, ...page.items] : page.items;
      next = page.next ?? null;
      fill(note, items.length === 0 && phrase('nothingYet'));
    } catch (error) {
      fill(note, explain(error));
    }
    more.hidden = !next;
    fill(body, items.map(row));
  }

  function row(/** @type {Settings.Item} */ item) {
    const cells = section.columns.map((column, at) => cell(column, item, names, at === 0 && section.swatch && swatch(section.swatch(item))));
    return el('tr', { 'data-testid': 'settings-row' }, cells, el('td', { class: 'actions' }, actions(item)));
  }

  function actions(/** @type {Settings.Item} */ item) {
    const { toggle, remove, members, details, titles } = section;
    /** @param {Words.Plain} label @param {() => unknown} work @param {string} testId */
    const button = (label, work, testId) => el('button', { type: 'button', class: 'button small', 'data-testid': testId, on: { click: work } }, phrase(label));
    const isOn = toggle?.isOn(item);
    return mayChange && [
      titles?.change && button('settings.changeButton', () => change(item), 'settings-change'),
      members && button(members.label, () => setMembers(item), 'settings-members'),
      details && button(details.label, () => show(phrase(details.label), inside(item)), 'settings-details'),
      toggle && button(isOn ? toggle.off : toggle.on, async () => {
        if (!isOn || (await confirm(phrase(toggle.question), phrase(toggle.warns), phrase(toggle.off)))) act(() => api.patch(`${section.path}/${item.id}`, { [toggle.field]: !isOn }));
      }, 'settings-toggle'),
      remove && !remove.unless?.(item) && button(remove.label, async () => {
        if (await confirm(phrase(remove.question), remove.warns && phrase(remove.warns), phrase(remove.label))) act(() => api.remove(`${section.path}/${item.id}`));
      }, 'settings-remove'),
    ];
  }

  /** The fields for `purpose`, with options that have to be asked for. */
  const fieldsFor = (/** @type {'create' | 'change'} */ purpose) => Promise.all((section.fields ?? []).filter(({ only }) => !only || only === purpose).map(async (field) =>
    typeof field.options === 'function' ? { ...field, options: await field.options(app) } : field));

  async function create() {
    if (!newTitle) return;
    edit(phrase(newTitle), await fieldsFor('create'), {}, async (values) => {
      const made = await api.post(section.path, { ...section.constant, ...values }, crypto.randomUUID());
      await load();
      const { once } = section;
      if (!once || !made[once.field]) return;
      const label = phrase(once.label);
      show(label, el('div', {}, el('p', {}, phrase('settings.keepNow')), el('input', { readonly: true, value: made[once.field], 'aria-label': label, 'data-testid': 'settings-secret' })));
    });
  }

  async function change(/** @type {Settings.Item} */ item) {
    const { change: title } = section.titles ?? {};
    if (!title) return;
    edit(phrase(title), await fieldsFor('change'), item, async (values) => {
      await api.patch(`${section.path}/${item.id}`, values);
      await load();
    });
  }

  async function setMembers(/** @type {Settings.Item} */ item) {
    if (!section.members) return;
    const { label, path, field, options } = section.members;
    try {
      const [now, all] = await Promise.all([api.get(path(item.id)), options(app)]);
      edit(phrase('settings.membersOf', { name: item.name }), [{ name: field, label, type: 'choices', options: all }], now, (values) => api.put(path(item.id), values));
    } catch (error) {
      notices.warn(explain(error));
    }
  }

  /** A table of what belongs to `item`, and doing it again. */
  function inside(/** @type {Settings.Item} */ item) {
    const holder = el('div', {}, phrase('loading'));
    if (!section.details) return holder;
    const { path, columns, again } = section.details;
    const read = async () => {
      try {
        const { items: rows } = await api.get(path(item));
        fill(holder, rows.length === 0 ? phrase('nothingYet') : el('table', { class: 'table' }, el('tbody', {}, rows.map((/** @type {Settings.Item} */ it) => el('tr', {},
          columns.map((column) => cell(column, it, names)),
          el('td', { class: 'actions' }, iconButton('reopen', phrase('settings.again'), { on: { click: () => api.post(again(item, it)).then(read, (error) => notices.warn(explain(error))) } })))))));
      } catch (error) {
        fill(holder, explain(error));
      }
    };
    read();
    return holder;
  }

  load();
  return {
    element: el('div', { class: 'settings' },
      detailHeader('settings', el('div', { class: 'detail-title' }, el('h1', {}, phrase(section.label)), el('p', { class: 'muted' }, phrase(section.hint))), make),
      el('div', { class: 'settings-body', role: 'region', 'aria-label': phrase(section.label), tabindex: '0' }, el('table', { class: 'table' }, el('thead', {}, head), body), note, more)),
  };
}

/**
 * @param {Settings.Column} column
 * @param {Settings.Item} item
 * @param {Settings.Names} names
 * @param {Dom.Child} mark
 */
const cell = ({ label, text, title, long }, item, names, mark = null) =>
  el('td', { 'data-label': phrase(label), title: title?.(item), class: long ? 'long' : undefined }, mark, el('span', { dir: 'auto' }, text(item, names)));

/** A dot in a colour. Set as a property: the content security policy allows no style attributes. @param {string} color */
function swatch(color) {
  const dot = el('span', { class: 'swatch', 'aria-hidden': 'true' });
  dot.style.backgroundColor = color;
  return dot;
}
