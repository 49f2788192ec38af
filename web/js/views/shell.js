// The frame around every view: navigation, connection banner, notices, the call.

import { LOGO, avatar, el, fill, icon, iconButton, keyed, say } from '../dom.js';
import { address, go, route } from '../router.js';
import { shortcuts } from '../shortcuts.js';
import { callStage } from './call.js';
import { help } from './help.js';
import { inboxList } from './inbox.js';
import { ringing } from './ringing.js';
import { roomList } from './rooms.js';
import { room } from './room.js';
import { hasSettings, settings, settingsList } from './settings.js';
import { themeToggle } from './theme-toggle.js';
import { thread } from './thread.js';

const VIEWS = {
  rooms: { label: 'Rooms', icon: 'rooms', list: roomList, detail: room, empty: 'Choose a room, or make a new one.' },
  inbox: { label: 'Inbox', icon: 'inbox', list: inboxList, detail: thread, empty: 'Choose a conversation.' },
  settings: { label: 'Settings', icon: 'settings', list: settingsList, detail: settings, empty: 'Choose what to set up.' },
};

export function shell(app) {
  const badge = el('span', { class: 'badge', hidden: true });
  const views = Object.entries(VIEWS).filter(([view]) => view !== 'settings' || hasSettings(app));
  const links = Object.fromEntries(views.map(([view, { label, icon: name }]) => [view,
    el('a', { class: 'rail-link', href: address(view), 'data-testid': `${view}-nav` },
      el('span', { class: 'rail-icon' }, icon(name), view === 'inbox' && badge), el('span', {}, label)),
  ]));
  const shortcutHelp = help();
  const list = el('section', { class: 'list-pane' });
  const view = el('div', { class: 'view' });
  const stage = callStage(app);
  const main = el('main', { class: 'main', id: 'main', tabindex: '-1' }, stage, view);
  const frame = el('div', { class: 'shell' },
    el('a', { class: 'skip', href: '#main', on: { click: (event) => { event.preventDefault(); main.focus(); } } }, 'Skip to content'),
    el('nav', { class: 'rail', 'aria-label': 'Main' },
      el('img', { class: 'rail-logo', src: LOGO, alt: 'Switchboard', width: '32', height: '32' }),
      Object.values(links),
      el('span', { class: 'rail-space' }),
      iconButton('keyboard', 'Keyboard shortcuts (?)', { class: 'rail-keys', on: { click: shortcutHelp.open } }),
      themeToggle(),
      iconButton('signOut', `Sign out ${app.user.name}`, { 'data-testid': 'sign-out', on: { click: () => app.api.signOut() } }),
      avatar(app.user.name, app.user.id, 'rail-me'),
    ),
    banner(app.socket),
    list, main, notices(app.notices), shortcutHelp.element, ...ringing(app),
  );

  app.inbox.state.subscribe((state) => {
    const count = app.inbox.unread(state);
    badge.hidden = count === 0;
    say(badge, String(count));
    badge.setAttribute('aria-label', `${count} unread`);
    document.title = count > 0 ? `(${count}) Switchboard` : 'Switchboard';
  });

  follow(app, { frame, list, view, links });
  addShortcuts(app, shortcutHelp);
  return frame;
}

/** Shows the list and the detail that the address names. */
function follow(app, { frame, list, view, links }) {
  let current = { view: null, id: null, leave: null, leaveList: null };
  route.subscribe(({ view: name, id }) => {
    const { label, list: makeList, detail, empty } = VIEWS[name];
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
      list.setAttribute('aria-label', label);
      fill(list, made.element);
    }
    if (current.view !== name || current.id !== id) {
      current.leave?.();
      const made = id ? detail(app, id) : { element: el('p', { class: 'empty' }, icon(VIEWS[name].icon), empty) };
      current.leave = made.leave;
      fill(view, made.element);
      made.entered?.();
    }
    current = { ...current, view: name, id };
  });
}

function banner(socket) {
  const words = el('span');
  const again = el('button', { type: 'button', class: 'button small', on: { click: () => socket.retryNow() } }, 'Try now');
  const node = el('div', { class: 'banner', role: 'status', 'data-testid': 'connection', hidden: true }, words, again);
  let patience = 0;
  socket.state.subscribe(({ phase, everOpen }) => {
    clearTimeout(patience);
    node.dataset.phase = phase;
    if (phase === 'open') {
      node.hidden = true;
      return;
    }
    // A reconnect that succeeds at once is not worth a word.
    patience = setTimeout(() => {
      node.hidden = phase === 'closed';
      again.hidden = phase === 'connecting';
      say(words, phase === 'refused'
        ? 'The server closed this connection for sending too much.'
        : everOpen ? 'Connection lost. Reconnecting…' : 'Connecting…');
    }, 800);
  });
  return node;
}

function notices({ state, dismiss }) {
  const node = el('div', { class: 'notices', role: 'status', 'aria-live': 'polite' });
  state.subscribe(({ items }) => keyed(node, items, {
    key: ({ id }) => id,
    create: ({ id, kind, text }) => el('div', { class: `notice ${kind}`, 'data-testid': 'notice' },
      el('span', {}, text), iconButton('close', 'Dismiss', { on: { click: () => dismiss(id) } })),
  }));
  return node;
}

function addShortcuts({ calls }, shortcutHelp) {
  const click = (testId) => document.querySelector(`[data-testid="${testId}"]`)?.click();
  const focus = (testId) => document.querySelector(`[data-testid="${testId}"]`)?.focus();
  shortcuts.add('1', 'Rooms', () => go('rooms'));
  shortcuts.add('2', 'Inbox', () => go('inbox'));
  shortcuts.add('3', 'Settings', () => go('settings'));
  shortcuts.add('n', 'New room', () => { go('rooms'); setTimeout(() => click('room-create')); });
  shortcuts.add('r', 'Write a message', () => (focus('message-input'), focus('reply-input')));
  shortcuts.add('j', 'Join or start the room’s call', () => click('call-join'));
  shortcuts.add('m', 'Mute or unmute', () => calls.toggleMute());
  shortcuts.add('v', 'Camera on or off', () => calls.toggleCamera());
  shortcuts.add('H', 'Hang up (Shift+H)', () => calls.hangUp());
  shortcuts.add('?', 'This list', shortcutHelp.open);
}
