// The inbox: conversations and their threads, kept current by numbered events.

import { randomId } from '../format.js';
import { createStore } from '../store.js';

/** How far along a status is; a late event must not take a tick away. What was given up and then proves delivered is. */
const PROGRESS = ['queued', 'sent', 'failed', 'delivered', 'read'];

/** @param {Wire.Conversation} a @param {Wire.Conversation} b */
const newestFirst = (a, b) => Date.parse(b.lastMessageAt) - Date.parse(a.lastMessageAt) || (a.id < b.id ? 1 : -1);

/**
 * Of two states of one message the one that is further, with the whole text if either has it.
 *
 * @param {Wire.Message | undefined} before
 * @param {Wire.Message} now
 */
const further = (before, now) => {
  const later = before && PROGRESS.indexOf(now.status) < PROGRESS.indexOf(before.status) ? before : now;
  const whole = later.truncated ? [before, now].find((state) => state && !state.truncated) : null;
  return whole ? { ...later, text: whole.text, truncated: false } : later;
};

/** @param {{ api: App.Api, socket: App.Socket }} parts */
export function createInbox({ api, socket }) {
  /** `known` has every conversation read so far; `next` a cursor per status, null when all are read. */
  const state = createStore(/** @type {App.InboxState} */ ({ status: 'loading', error: null, known: new Map(), filter: 'open', next: {} }));
  const threads = createStore({ byId: /** @type {Map<string, App.Thread>} */ (new Map()) });

  /** @type {App.Thread} */
  const UNREAD = { status: 'loading', messages: [], pending: [], next: null, error: null };
  const isKnown = (/** @type {string} */ id) => threads.get().byId.has(id);
  const thread = (/** @type {string} */ id) => threads.get().byId.get(id) ?? UNREAD;
  const setThread = (/** @type {string} */ id, /** @type {Partial<App.Thread>} */ patch) => {
    threads.set({ byId: new Map(threads.get().byId).set(id, { ...thread(id), ...patch }) });
  };

  /** @param {Wire.Conversation[]} items */
  function putConversations(items) {
    const known = new Map(state.get().known);
    for (const item of items) known.set(item.id, item);
    state.set({ known });
  }

  // Threads keep the server's order, of pages and of events. Times would not do:
  // an inbound one is the channel's, in whole seconds.

  /**
   * Takes a message's present state; a new one is the latest.
   *
   * @param {string} id
   * @param {Wire.Message} message
   * @param {Partial<App.Thread>} patch
   */
  function putMessage(id, message, patch = {}) {
    const { messages } = thread(id);
    const isThere = messages.some((known) => known.id === message.id);
    setThread(id, {
      ...patch,
      messages: isThere ? messages.map((known) => (known.id === message.id ? further(known, message) : known)) : [...messages, message],
    });
  }

  /**
   * Takes the latest page. What is known before it stays if the page joins up with it.
   *
   * @param {string} id
   * @param {Wire.Page<Wire.Message>} page
   */
  function putLatest(id, page) {
    const { messages, status, next } = thread(id);
    const known = new Map(messages.map((message) => [message.id, message]));
    const inPage = new Set(page.items.map((message) => message.id));
    const start = messages.findIndex((message) => inPage.has(message.id));
    const joins = start >= 0;
    // Arrived by event while the page was on its way.
    const newer = (joins ? messages.slice(start) : status === 'ready' ? [] : messages).filter((message) => !inPage.has(message.id));
    setThread(id, {
      status: 'ready',
      messages: [...(joins ? messages.slice(0, start) : []), ...page.items.map((message) => further(known.get(message.id), message)), ...newer],
      next: joins && status === 'ready' ? next : (page.next ?? null),
    });
  }

  /** The customer is to be forgotten: nothing of the conversation stays. @param {string} id */
  function forget(id) {
    const known = new Map(state.get().known);
    known.delete(id);
    state.set({ known });
    if (isKnown(id)) setThread(id, { messages: [], pending: [], next: null });
  }

  /** @param {Wire.InboxEvent} event */
  function apply(event) {
    if (event.type === 'conversationErased') return forget(event.conversationId);
    if ('conversation' in event) putConversations([event.conversation]);
    // A thread that was never opened is read whole when it is.
    if (!('message' in event) || !isKnown(event.message.conversationId)) return;
    const { message } = event;
    putMessage(message.conversationId, message);
    const isCut = thread(message.conversationId).messages.some(({ id, truncated }) => id === message.id && truncated);
    if (isCut) open(message.conversationId);
  }

  const followed = socket.client.inbox();
  followed.on('event', ({ event }) => apply(event));
  followed.on('reload', readAgain);

  /** Threads that somebody looks at. @type {Set<string>} */
  const lookedAt = new Set();

  /**
   * More was missed than is told, so nothing that was known is certain. Threads that nobody looks at are forgotten until
   * they are opened again: of thousands of agents none reads all that was opened since the morning.
   */
  async function readAgain() {
    const { known: before, filter } = state.get();
    const byId = new Map([...threads.get().byId].filter(([id, { pending }]) => lookedAt.has(id) || pending.length > 0));
    threads.set({ byId });
    state.set({ next: {} });
    const read = [...new Set([filter, /** @type {const} */ ('open')])].map((status) => more(status));
    await Promise.all([...read, ...[...byId.keys()].map((id) => open(id, { isAnew: true }))]);
    if (!(await Promise.all(read)).every(Boolean)) return;
    state.set({ known: new Map([...state.get().known].filter(([id, item]) => before.get(id) !== item || lookedAt.has(id))) });
  }

  /** Reads the first page of a status, or one more; whether that worked. */
  async function more(status = state.get().filter) {
    const { next } = state.get();
    if (next[status] === null) return true;
    const cursor = next[status] ? `&cursor=${encodeURIComponent(next[status] ?? '')}` : '';
    try {
      /** @type {Wire.Page<Wire.Conversation>} */
      const page = await api.get(`/v1/conversations?status=${status}${cursor}`);
      putConversations(page.items);
      state.set({ status: 'ready', error: null, next: { ...state.get().next, [status]: page.next ?? null } });
      return true;
    } catch (error) {
      state.set({ status: state.get().known.size ? 'ready' : 'failed', error });
      return false;
    }
  }

  /** @param {Wire.Status} filter */
  function choose(filter) {
    state.set({ filter });
    if (state.get().next[filter] === undefined) more();
  }

  /** Reads a conversation's latest messages and, if need be, the conversation itself. @param {string} id */
  async function open(id, { isAnew = false } = {}) {
    setThread(id, { error: null });
    try {
      if (isAnew || !state.get().known.has(id)) putConversations([await api.get(`/v1/conversations/${id}`)]);
      putLatest(id, await api.get(`/v1/conversations/${id}/messages`));
    } catch (error) {
      setThread(id, { status: thread(id).status === 'ready' ? 'ready' : 'failed', error });
    }
  }

  /** Reads the page before those that are known. @param {string} id */
  async function older(id) {
    const cursor = thread(id).next;
    if (!cursor) return;
    const page = await api.get(`/v1/conversations/${id}/messages?cursor=${encodeURIComponent(cursor)}`);
    if (thread(id).next === cursor) setThread(id, { messages: [...page.items, ...thread(id).messages], next: page.next ?? null });
  }

  /** Changes status, assignee, or marks as read. @param {string} id @param {object} patch */
  async function change(id, patch) {
    const conversation = await api.patch(`/v1/conversations/${id}`, patch);
    if (conversation) putConversations([conversation]);
  }

  const setPending = (/** @type {string} */ id, /** @type {string} */ key, /** @type {Partial<App.PendingReply>} */ patch) => setThread(id, {
    pending: thread(id).pending.map((entry) => (entry.key === key ? { ...entry, ...patch } : entry)),
  });

  /** Writes to the customer; a second try of the same reply cannot double it. @param {string} id @param {string} text */
  async function reply(id, text, key = randomId()) {
    if (thread(id).pending.some((entry) => entry.key === key)) setPending(id, key, { error: null });
    else setThread(id, { pending: [...thread(id).pending, { key, text, at: new Date().toISOString(), error: null }] });
    try {
      const message = await api.post(`/v1/conversations/${id}/messages`, { text }, key);
      putMessage(id, message, { pending: thread(id).pending.filter((entry) => entry.key !== key) });
    } catch (error) {
      setPending(id, key, { error });
    }
  }

  return {
    state, threads, choose, older, change, reply,
    more: () => more(),
    /** Somebody looks at a thread, until `close`. @param {string} id */
    open(id) {
      lookedAt.add(id);
      return open(id);
    },
    /** @param {string} id */
    close: (id) => lookedAt.delete(id),
    /** Saves a file that came with a message. */
    save: (/** @type {Wire.Message} */ { conversationId, id, attachments }, /** @type {number} */ number) => api.save(
      `/v1/conversations/${conversationId}/messages/${id}/attachments/${number}`, attachments?.[number].fileName ?? `attachment-${number + 1}`),
    /** Of `state`, what the list shows. */
    visible: (/** @type {App.InboxState} */ { known, filter }) => [...known.values()].filter(({ status }) => status === filter).sort(newestFirst),
    /** Of `state`, how many open conversations wait for an answer. */
    unread: (/** @type {App.InboxState} */ { known }) => [...known.values()].filter(({ status, unread }) => status === 'open' && unread > 0).length,
  };
}
