// The frame around every view: navigation, connection banner, notices, the call.

import { LOGO, el, fill, icon, iconButton, say } from '../dom.js';
import { number } from '../format.js';
import { address, go, route } from '../router.js';
import { shortcuts } from '../shortcuts.js';
import { phrase } from '../words.js';
import { banner } from './banner.js';
import { bell } from './bell.js';
import { callStage } from './call.js';
import { addCallShortcuts, clickShown } from './call/shortcuts.js';
import { help } from './help.js';
import { inboxList } from './inbox.js';
import { noticeList } from './notice-list.js';
import { returnOffer } from './returning.js';
import { ringing } from './ringing.js';
import { roomList } from './rooms.js';
import { room } from './room.js';
import { hasSettings, settings, settingsList } from './settings.js';
import { statusMenu } from './status-menu.js';
import { themeToggle } from './theme-toggle.js';
import { thread } from './thread.js';
import { confirm } from './settings/dialogs.js';

/** How long signing out waits for what is kept to be deleted. */
const CLEAR_MS = 1_500;

const VIEWS = /** @type {const} */ ({
  rooms: { label: 'nav.rooms', icon: 'rooms', list: roomList, detail: room, empty: 'rooms.choose' },
  inbox: { label: 'nav.inbox', icon: 'inbox', list: inboxList, detail: thread, empty: 'inbox.choose' },
  settings: { label: 'nav.settings', icon: 'settings', list: settingsList, detail: settings, empty: 'settings.choose' },
});

/** @typedef {keyof typeof VIEWS} ViewName */

/** @param {App.Parts} app */
export function shell(app) {
  const badge = el('span', { class: 'badge', hidden: true });
  const views = Object.entries(VIEWS).filter(([view]) => view !== 'settings' || hasSettings(app));
  const links = Object.fromEntries(views.map(([view, { label, icon: name }]) => [view,
    el('a', { class: 'rail-link', href: address(view), 'data-testid': `${view}-nav` },
      el('span', { class: 'rail-icon' }, icon(name), view === 'inbox' && badge), el('span', {}, phrase(label))),
  ]));
  const shortcutHelp = help();
  const mailbox = bell(app);
  const list = el('section', { class: 'list-pane' });
  const view = el('div', { class: 'view' });
  const stage = callStage(app);
  const main = el('main', { class: 'main', id: 'main', tabindex: '-1' }, returnOffer(app), stage, view);
  const frame = el('div', { class: 'shell' },
    el('a', { class: 'skip', href: '#main', on: { click: (event) => { event.preventDefault(); main.focus(); } } }, phrase('nav.skip')),
    el('nav', { class: 'rail', 'aria-label': phrase('nav.main') },
      el('img', { class: 'rail-logo', src: LOGO, alt: phrase('app.title'), width: '32', height: '32' }),
      Object.values(links),
      el('span', { class: 'rail-space' }),
      mailbox.button,
      iconButton('keyboard', phrase('nav.shortcuts'), { class: 'rail-keys', on: { click: shortcutHelp.open } }),
      themeToggle(),
      iconButton('signOut', phrase('nav.signOut', { name: app.user.name }), { 'data-testid': 'sign-out', on: { click: () => leave(app) } }),
      statusMenu(app),
    ),
    banner(app.socket),
    list, main, noticeList(app.notices), shortcutHelp.element, mailbox.element, ...ringing(app),
  );

  app.inbox.state.subscribe((state) => {
    const count = app.inbox.unread(state);
    badge.hidden = count === 0;
    say(badge, number(count));
    badge.setAttribute('aria-label', phrase('unread', { count }));
  });
  titled(app);

  follow(app, { frame, list, view, links });
  addShortcuts(app, shortcutHelp);
  return frame;
}

/** The page's title, which is all that one sees of it while another page is in front: who rings, or how much is new. @param {App.Parts} app */
function titled({ calls, inbox, mailbox }) {
  const show = () => {
    const { incoming } = calls.state.get();
    const count = inbox.unread(inbox.state.get()) + mailbox.unread();
    const title = count > 0 ? phrase('app.unreadTitle', { count }) : phrase('app.title');
    document.title = incoming ? phrase('app.ringingTitle', { name: incoming.name }) : title;
  };
  for (const { state } of [calls, inbox, mailbox]) state.subscribe(show);
  // The service worker, after a click on what it has shown.
  navigator.serviceWorker?.addEventListener('message', ({ data }) => {
    if (typeof data?.roomId === 'string') go('rooms', data.roomId);
  });
}

/**
 * Shows the list and the detail that the address names.
 *
 * @param {App.Parts} app
 * @param {{ frame: HTMLElement, list: HTMLElement, view: HTMLElement, links: Record<string, HTMLElement> }} frames
 */
function follow(app, { frame, list, view, links }) {
  /** @type {{ view?: string, id?: string | null, leave?: () => void, leaveList?: () => void }} */
  let current = {};
  route.subscribe(({ view: name, id }) => {
    const { label, icon: sign, list: makeList, detail, empty } = VIEWS[/** @type {ViewName} */ (name)];
    frame.dataset.view = name;
    frame.dataset.detail = String(Boolean(id));
    for (const [key, link] of Object.entries(links)) {
      if (key === name) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    if (current.view !== name) {
      current.leaveList?.();
      const made = makeList(app);
      current.leaveList = made.leave;
      list.setAttribute('aria-label', phrase(label));
      fill(list, made.element);
    }
    if (current.view !== name || current.id !== id) {
      current.leave?.();
      /** @type {App.View} */
      const made = id ? detail(app, id) : { element: el('p', { class: 'empty' }, icon(sign), phrase(empty)) };
      current.leave = made.leave;
      fill(view, made.element);
      made.entered?.();
    }
    current = { ...current, view: name, id };
  });
}

/** What comes of it, or nothing: whatever holds up the database or a push service must not hold up signing out. @template T @param {Promise<T>} work @returns {Promise<T | void>} */
const inTime = (work) => Promise.race([work, new Promise((/** @type {(value: void) => void} */ resolve) => setTimeout(resolve, CLEAR_MS))]);

/** Signs out, and deletes what is kept here; asks if something of that was to be sent. @param {App.Parts} parts */
async function leave({ api, kept, rooms, push }) {
  const stored = (await inTime(kept.unsent().catch(() => []))) ?? [];
  const count = Math.max(stored.length, rooms.pending().length);
  if (count > 0 && !(await confirm(phrase('signOut.unsentQuestion'), phrase('signOut.unsent', { count }), phrase('signOut.anyway')))) return;
  // Whoever signs in next is not told what this user is.
  await inTime(Promise.allSettled([kept.clear(), push.turnOff()]));
  kept.close();
  api.signOut();
}

/** @param {App.Parts} parts @param {{ open: () => void }} shortcutHelp */
function addShortcuts({ calls }, shortcutHelp) {
  const focus = (/** @type {string} */ testId) => /** @type {HTMLElement | null} */ (document.querySelector(`[data-testid="${testId}"]`))?.focus();
  shortcuts.add('1', phrase('nav.rooms'), () => go('rooms'));
  shortcuts.add('2', phrase('nav.inbox'), () => go('inbox'));
  shortcuts.add('3', phrase('nav.settings'), () => go('settings'));
  shortcuts.add('n', phrase('shortcut.newRoom'), () => { go('rooms'); setTimeout(() => clickShown('room-create')); });
  shortcuts.add('r', phrase('shortcut.write'), () => (focus('message-input'), focus('reply-input')));
  addCallShortcuts(calls);
  shortcuts.add('?', phrase('shortcut.list'), shortcutHelp.open);
}
