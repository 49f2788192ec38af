// Everything that belongs to one guest: their connection, their room, and the frame that shows it.

import { createCalls } from '../model/calls.js';
import { createDrafts } from '../model/drafts.js';
import { createLine } from '../model/line.js';
import { createNotices } from '../notices.js';
import { createSocket } from '../socket.js';
import { createStore } from '../store.js';
import { banner } from '../views/banner.js';
import { callStage } from '../views/call.js';
import { addCallShortcuts } from '../views/call/shortcuts.js';
import { noticeList } from '../views/notice-list.js';
import { room as roomView } from '../views/room.js';
import { el } from '../dom.js';
import { createGuestRooms } from './rooms.js';

/** What a guest writes is kept as long as the page: the browser may be anybody's. */
const NOTHING_KEPT = { draft: async () => undefined, keepDraft: async () => {}, onReturn: () => {} };

/**
 * @param {ReturnType<typeof import('./api.js').createGuestApi>} api
 * @param {{ user: App.Person, room: { id: string, name: string }, devices: App.Devices, mayRead: boolean }} guest
 *   `mayRead`: what is said in the room is there for them
 */
export function createGuestApp(api, { user, room, devices, mayRead }) {
  const notices = createNotices();
  const socket = createSocket(api);
  const rooms = createGuestRooms({ socket, notices, room });
  const calls = createCalls({ socket, rooms, notices, user, devices });
  const line = createLine({ calls });
  const drafts = createDrafts({ kept: NOTHING_KEPT });
  // Who else the account has, and what they are told elsewhere, is not for guests.
  const presence = { state: createStore({ online: new Set(), statuses: new Map(), names: new Map() }) };
  const mailbox = { readIn: () => {} };
  const app = { api, user, socket, notices, rooms, calls, devices, line, drafts, presence, mailbox };
  addCallShortcuts(calls);
  socket.start();

  const view = roomView(app, room.id);
  const element = el('div', { class: 'shell guest', 'data-view': 'rooms', 'data-detail': 'true' },
    banner(socket),
    el('main', { class: 'main', id: 'main', tabindex: '-1' }, callStage(app), el('div', { class: 'view', hidden: !mayRead }, view.element)),
    noticeList(notices));
  return { ...app, element };
}
