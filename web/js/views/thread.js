// One conversation with a customer: what was written, how far it came, and the answer.

import { avatar, el, fill, icon, keyed, say } from '../dom.js';
import { go } from '../router.js';
import { channel, explain, phrase } from '../words.js';
import { composer } from './composer.js';
import { threadMessage, threadRows } from './message.js';
import { detailHeader, titled } from './rooms.js';
import { scroller } from './scroller.js';

/** The most that the server takes, in bytes of JSON. */
const TEXT_BYTES_MAX = 64 * 1024;

/** @param {App.Parts} parts @param {string} id @returns {App.View} */
export function thread({ inbox, presence, user, notices, drafts }, id) {
  const place = `conversation/${id}`;
  const title = titled();
  const subtitle = el('p', { class: 'muted' });
  const face = el('span', { class: 'detail-face' });
  const act = async (/** @type {object} */ patch) => inbox.change(id, patch).catch((error) => notices.warn(explain(error)));
  const take = el('button', { type: 'button', class: 'button', 'data-testid': 'conversation-take', on: { click: () => act({ assigneeId: user.id }) } }, phrase('thread.take'));
  const resolve = el('button', { type: 'button', class: 'button collapses', 'data-testid': 'conversation-resolve' });
  const log = scroller({ label: phrase('messages'), older: () => inbox.older(id) });
  const state = el('div', { class: 'empty' });
  const write = composer({
    label: phrase('thread.reply'), inputId: 'reply-input', sendId: 'reply-send', bytesMax: TEXT_BYTES_MAX,
    send: (text) => {
      keepDraft();
      inbox.reply(id, text);
      log.toEnd();
    },
    changed: () => keepDraft(),
    tooLong: () => notices.warn(phrase('thread.tooLong')),
  });
  const keepDraft = () => drafts.keep(place, { text: write.text(), target: null });
  drafts.read(place).then((draft) => draft && !write.text() && write.restore(draft.text));
  const element = el('section', { class: 'chat', 'aria-label': phrase('conversation'), on: { keydown: (event) => event.key === 'Escape' && go('inbox') } },
    detailHeader('inbox', [face, el('div', { class: 'detail-title' }, title.node, subtitle)], take, resolve),
    log.element, state, write.element);

  const conversation = () => inbox.state.get().known.get(id);
  const colleague = (/** @type {string} */ userId) => presence.nameOf(userId) ?? phrase('thread.colleague');
  const assigned = (/** @type {string} */ userId) => (userId === user.id ? phrase('thread.assignedToYou') : phrase('thread.assignedTo', { name: colleague(userId) }));
  const shown = threadMessage({
    retry: (key, text) => inbox.reply(id, text, key),
    contactName: () => conversation()?.contact.name ?? '',
    authorName: (userId) => (userId && userId !== user.id ? colleague(userId) : phrase('thread.you')),
    openFile: (message, number) => inbox.save(message, number).catch((error) => notices.warn(explain(error))),
  });

  // What is on screen counts as read, once for every time there is something new.
  let reading = false;
  const read = async () => {
    if (reading || document.visibilityState !== 'visible' || !conversation()?.unread) return;
    reading = true;
    await inbox.change(id, { read: true }).catch(() => {});
    reading = false;
  };

  const showConversation = () => {
    const now = conversation();
    if (!now) return;
    title.set(now.contact.name);
    if (!face.hasChildNodes()) fill(face, avatar(now.contact.name, now.contact.id));
    say(subtitle, [channel(now.channelKind), now.assigneeId && assigned(now.assigneeId)].filter(Boolean).join(' · '));
    take.hidden = now.assigneeId === user.id;
    const isOpen = now.status === 'open';
    if (resolve.dataset.status !== now.status) {
      resolve.dataset.status = now.status;
      const label = phrase(isOpen ? 'thread.resolve' : 'thread.reopen');
      resolve.setAttribute('aria-label', label);
      fill(resolve, icon(isOpen ? 'resolve' : 'reopen'), el('span', {}, label));
      resolve.onclick = () => act({ status: isOpen ? 'resolved' : 'open' });
    }
    read();
  };

  const showThread = () => {
    const now = inbox.threads.get().byId.get(id);
    if (!now) return;
    log.update(() => keyed(log.list, threadRows(now.messages, now.pending), shown));
    const isEmpty = now.messages.length === 0 && now.pending.length === 0;
    state.hidden = !isEmpty;
    log.element.hidden = isEmpty;
    if (isEmpty) fill(state, icon('inbox'), now.status === 'failed' ? explain(now.error) : phrase(now.status === 'loading' ? 'loading' : 'thread.empty'));
  };

  inbox.open(id);
  const offs = [inbox.state.subscribe(showConversation), inbox.threads.subscribe(showThread), presence.state.subscribe(showConversation)];
  document.addEventListener('visibilitychange', read);

  return {
    element,
    entered() {
      if (matchMedia('(pointer: fine)').matches) write.focus();
    },
    leave() {
      offs.forEach((off) => off());
      inbox.close(id);
      drafts.flush();
      document.removeEventListener('visibilitychange', read);
      log.leave();
    },
  };
}
