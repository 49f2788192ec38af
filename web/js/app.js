// Everything that belongs to one sign-in: its connection, what it knows, and the frame that shows it.

import { createKept } from './kept.js';
import { createCalls } from './model/calls.js';
import { createDevices } from './model/devices.js';
import { createDrafts } from './model/drafts.js';
import { watchIdleness } from './model/idle.js';
import { createInbox } from './model/inbox.js';
import { createLine } from './model/line.js';
import { createMailbox } from './model/mailbox.js';
import { createPresence } from './model/presence.js';
import { createPush } from './model/push.js';
import { createReturning } from './model/returning.js';
import { createRooms } from './model/rooms.js';
import { createNotices } from './notices.js';
import { createSocket } from './socket.js';
import { shell } from './views/shell.js';
import { phrase } from './words.js';

/**
 * @param {App.Api} api
 * @param {Wire.User} user
 */
export function createApp(api, user) {
  const notices = createNotices();
  const kept = createKept(user.id, { lost: () => notices.warn(phrase('kept.lost')) });
  const socket = createSocket(api, { kept });
  const drafts = createDrafts({ kept });
  // The order is the order of resuming: a call's room must be joined before its media.
  const rooms = createRooms({ api, socket, kept, notices });
  const devices = createDevices();
  const calls = createCalls({ socket, rooms, notices, user, devices });
  const line = createLine({ calls });
  const returning = createReturning({ calls, rooms, user });
  const inbox = createInbox({ api, socket });
  const presence = createPresence({ api, socket });
  watchIdleness(presence.setIdle);
  const mailbox = createMailbox({ socket });
  const push = createPush({ api });
  // Signed out in another tab, which has deleted everything. Who has to sign in again finds their texts.
  api.identity.subscribe(({ user: present, notice }) => {
    if (!present && !notice) kept.close();
  });
  rooms.load();
  socket.start();
  push.restore();
  const app = { api, user, socket, notices, rooms, calls, devices, line, returning, inbox, presence, mailbox, push, kept, drafts };
  return { ...app, element: shell(app) };
}
