// A section of the settings: a table of things, and what can be done to each.

import { el, fill, iconButton } from '../../dom.js';
import { explain } from '../../words.js';
import { detailHeader } from '../rooms.js';
import { confirm, edit, show } from './dialogs.js';

export function page(app, section) {
  const { api, notices, user } = app;
  const mayChange = !section.changes || user.permissions.includes(section.changes);
  let items = [];
  let next = null;
  let names = {};

  const note = el('div', { class: 'list-note', role: 'status' }, 'Loading…');
  const more = el('button', { type: 'button', class: 'button small', hidden: true, on: { click: () => load(next) } }, 'Load more');
  const body = el('tbody');
  const head = el('tr', {}, Object.keys(section.columns).map((title) => el('th', { scope: 'col' }, title)), el('th', {}, el('span', { class: 'sr' }, 'Actions')));
  const make = mayChange && section.fields
    && el('button', { type: 'button', class: 'button primary', 'data-testid': 'settings-new', on: { click: create } }, `New ${section.thing}`);

  /** Does something the server may refuse, and reads the list again. */
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

  async function load(cursor = null) {
    try {
      if (section.names) names = await section.names(app).catch(() => ({}));
      const page = await api.get(`${section.path}${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ''}`);
      items = cursor ? [...items, ...page.items] : page.items;
      next = page.next ?? null;
      fill(note, items.length === 0 && 'There is nothing here yet.');
    } catch (error) {
      fill(note, explain(error));
    }
    more.hidden = !next;
    fill(body, items.map(row));
  }

  function row(item) {
    const cells = Object.entries(section.columns).map(([title, text], at) => el('td', { 'data-label': title },
      at === 0 && section.swatch && swatch(section.swatch(item)), text(item, names)));
    return el('tr', { 'data-testid': 'settings-row' }, cells, el('td', { class: 'actions' }, actions(item)));
  }

  function actions(item) {
    const { toggle, remove, members, details, fields = [] } = section;
    const button = (label, work, testId) => el('button', { type: 'button', class: 'button small', 'data-testid': testId, on: { click: work } }, label);
    const isOn = toggle?.isOn(item);
    return mayChange && [
      fields.some(({ only }) => only !== 'create') && button('Change', () => change(item), 'settings-change'),
      members && button(members.label, () => setMembers(item), 'settings-members'),
      details && button(details.label, () => show(details.label, inside(item)), 'settings-details'),
      toggle && button(isOn ? toggle.off : toggle.on, async () => {
        if (!isOn || (await confirm(`${toggle.off}?`, toggle.warns, toggle.off))) act(() => api.patch(`${section.path}/${item.id}`, { [toggle.field]: !isOn }));
      }, 'settings-toggle'),
      remove && !remove.unless?.(item) && button(remove.label, async () => {
        if (await confirm(`${remove.label} this ${section.thing}?`, remove.warns, remove.label)) act(() => api.remove(`${section.path}/${item.id}`));
      }, 'settings-remove'),
    ];
  }

  /** The fields for `purpose`, with options that have to be asked for. */
  const fieldsFor = (purpose) => Promise.all(section.fields.filter(({ only }) => !only || only === purpose).map(async (field) =>
    typeof field.options === 'function' ? { ...field, options: await field.options(app) } : field));

  async function create() {
    edit(`New ${section.thing}`, await fieldsFor('create'), {}, async (values) => {
      const made = await api.post(section.path, { ...section.constant, ...values }, crypto.randomUUID());
      await load();
      const secret = section.once && made[section.once.field];
      if (secret) show(section.once.label, el('div', {}, el('p', {}, 'Keep it now: it is not shown again.'), el('input', { readonly: true, value: secret, 'aria-label': section.once.label, 'data-testid': 'settings-secret' })));
    });
  }

  async function change(item) {
    edit(`Change this ${section.thing}`, await fieldsFor('change'), item, async (values) => {
      await api.patch(`${section.path}/${item.id}`, values);
      await load();
    });
  }

  async function setMembers(item) {
    const { label, path, field, options } = section.members;
    try {
      const [now, all] = await Promise.all([api.get(path(item.id)), options(app)]);
      edit(`${label} of ${item.name}`, [{ name: field, label, type: 'choices', options: all }], now, (values) => api.put(path(item.id), values));
    } catch (error) {
      notices.warn(explain(error));
    }
  }

  /** A table of what belongs to `item`, and doing it again. */
  function inside(item) {
    const { path, columns, again } = section.details;
    const holder = el('div', {}, 'Loading…');
    const read = async () => {
      try {
        const { items: rows } = await api.get(path(item));
        fill(holder, rows.length === 0 ? 'There is nothing here yet.' : el('table', { class: 'table' }, el('tbody', {}, rows.map((it) => el('tr', {},
          Object.entries(columns).map(([title, text]) => el('td', { 'data-label': title }, text(it))),
          el('td', { class: 'actions' }, iconButton('reopen', 'Again', { on: { click: () => api.post(again(item, it)).then(read, (error) => notices.warn(explain(error))) } })))))));
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
      detailHeader('settings', el('div', { class: 'detail-title' }, el('h2', {}, section.label), el('p', { class: 'muted' }, section.hint)), make),
      el('div', { class: 'settings-body' }, el('table', { class: 'table' }, el('thead', {}, head), body), note, more)),
  };
}

/** A dot in a colour. Set as a property: the content security policy allows no style attributes. */
function swatch(color) {
  const dot = el('span', { class: 'swatch', 'aria-hidden': 'true' });
  dot.style.backgroundColor = color;
  return dot;
}
