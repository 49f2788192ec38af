// The service worker: shows what is pushed while no page is open, and opens the room on a click.

import { LOGO } from './logo.js';
import { phrase } from './words.js';

const worker = /** @type {Push.Worker} */ (/** @type {unknown} */ (self));

const WORDS = /** @type {const} */ ({
  callIncoming: 'push.callIncoming', callEnded: 'push.callEnded', callMissed: 'push.callMissed', mention: 'push.mention', message: 'push.message',
});

/** @param {Push.Notice} notice */
function show({ kind, name, text, tag, roomId }) {
  const rings = kind === 'callIncoming';
  return worker.registration.showNotification(name, {
    body: text ?? phrase(WORDS[kind] ?? 'push.message'), tag, icon: LOGO, data: { roomId },
    // What replaces something is heard, too, unless it only says that it is over.
    renotify: kind !== 'callEnded', silent: kind === 'callEnded', requireInteraction: rings,
  });
}

/** The console, at this room: the page that is open, or a new one. @param {string} roomId */
async function open(roomId) {
  const address = new URL(`./#/rooms/${encodeURIComponent(roomId)}`, worker.registration.scope).href;
  const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const page = pages.find(({ url }) => new URL(url).pathname === new URL(address).pathname);
  if (!page) return worker.clients.openWindow(address);
  page.postMessage({ roomId });
  return page.focus();
}

worker.addEventListener('push', (event) => {
  const notice = event.data?.json();
  if (notice) event.waitUntil(show(notice));
});

worker.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.roomId));
});

// A newer one takes over at once: it has nothing that a page could miss.
worker.addEventListener('install', () => worker.skipWaiting());
