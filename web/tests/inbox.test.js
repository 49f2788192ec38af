import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createInbox } from '../js/model/inbox.js';
import { ApiDouble, SocketDouble, settled } from './stand-in.js';

const LIST = 'GET /v1/conversations?status=open';
const conversation = (id, patch = {}) => ({ id, status: 'open', unread: 1, lastMessageAt: '2026-11-20T09:30:00Z', contact: { id: `c-${id}`, name: id }, preview: '', channelKind: 'whatsapp', ...patch });
const message = (id, patch = {}) => ({ id, conversationId: 'k', direction: 'outbound', text: id, createdAt: '2026-11-20T09:30:00Z', status: 'queued', ...patch });

async function opened({ messages = [] } = {}) {
  const socket = new SocketDouble();
  const api = new ApiDouble();
  api.answers.set(LIST, { items: [conversation('k')], next: null });
  api.answers.set('GET /v1/conversations/k', conversation('k'));
  api.answers.set('GET /v1/conversations/k/messages', { items: messages, next: null });
  const inbox = createInbox({ api, socket });
  await socket.open();
  await socket.answer('inbox.subscribe', { seq: 10, recovered: false, events: [], more: false });
  await inbox.open('k');
  return { socket, api, inbox, thread: () => inbox.threads.get().byId.get('k') };
}

const event = (seq, patch) => ({ seq, event: { type: 'messageUpdated', ...patch } });

test('a late event takes no tick away, and what was given up and then delivered is delivered', async () => {
  const { socket, thread } = await opened({ messages: [message('a', { status: 'sent' })] });
  const status = () => thread().messages[0].status;
  await socket.emit('inbox.event', event(11, { message: message('a', { status: 'delivered' }) }));
  await socket.emit('inbox.event', event(12, { message: message('a', { status: 'sent' }) }));
  assert.equal(status(), 'delivered');
  const other = await opened({ messages: [message('a', { status: 'failed' })] });
  await other.socket.emit('inbox.event', event(11, { message: message('a', { status: 'delivered' }) }));
  assert.equal(other.thread().messages[0].status, 'delivered');
});

test('an event twice is one, and a gap is closed by subscribing from the last event', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { socket, thread } = await opened();
  await socket.emit('inbox.event', event(11, { message: message('a') }));
  await socket.emit('inbox.event', event(11, { message: message('a', { text: 'of before' }) }));
  assert.deepEqual(thread().messages.map(({ text }) => text), ['a']);

  await socket.emit('inbox.event', event(14, { message: message('d') }));
  t.mock.timers.tick(1_500);
  assert.deepEqual(socket.requests.at(-1), ['inbox.subscribe', { after: 11 }]);
  await socket.emit('inbox.event', event(15, { message: message('e') }));
  const events = [event(12, { message: message('b') }), event(13, { message: message('c') }), event(14, { message: message('d') })];
  await socket.answer('inbox.subscribe', { seq: 14, recovered: true, events, more: false });
  assert.deepEqual(thread().messages.map(({ id }) => id), ['a', 'b', 'c', 'd', 'e']);
});

test('a resume goes on page by page, and reads everything again if there is a hole', async () => {
  const { socket, api, thread } = await opened({ messages: [message('old')] });
  api.requests.length = 0;
  await socket.open();
  await socket.answer('inbox.subscribe', { seq: 12, recovered: true, events: [event(11, { message: message('a') })], more: true });
  assert.deepEqual(socket.requests.at(-1), ['inbox.subscribe', { after: 12 }]);
  await socket.answer('inbox.subscribe', { seq: 13, recovered: true, events: [], more: false });
  assert.deepEqual(thread().messages.map(({ id }) => id), ['old', 'a']);
  assert.deepEqual(api.requests, [], 'nothing is read again');

  api.answers.set('GET /v1/conversations/k/messages', { items: [message('new')], next: 'cursor' });
  await socket.open();
  await socket.answer('inbox.subscribe', { seq: 900, recovered: false, events: [], more: false });
  assert.deepEqual(thread().messages.map(({ id }) => id), ['new'], 'a page that does not join up replaces the rest');
  assert.equal(thread().next, 'cursor');
});

test('after more was missed than is told only what is looked at is read again, and nothing is shown as it was', async () => {
  const { socket, api, inbox } = await opened({ messages: [message('a')] });
  const [m, n] = [conversation('m'), conversation('n')];
  api.answers.set(LIST, { items: [conversation('k'), m], next: null });
  api.answers.set('GET /v1/conversations/n', n);
  for (const id of ['m', 'n']) api.answers.set(`GET /v1/conversations/${id}/messages`, { items: [], next: null });
  for (const id of ['m', 'n']) {
    await inbox.open(id);
    inbox.close(id);
  }
  // Somebody else has resolved it meanwhile.
  api.answers.set(LIST, { items: [m], next: null });
  api.answers.set('GET /v1/conversations/k', conversation('k', { status: 'resolved' }));
  api.requests.length = 0;
  await socket.open();
  await socket.answer('inbox.subscribe', { seq: 900, recovered: false, events: [], more: false });
  assert.deepEqual(api.requests.map(({ path }) => path), ['/v1/conversations?status=open', '/v1/conversations/k', '/v1/conversations/k/messages']);
  assert.deepEqual([...inbox.state.get().known.values()].map(({ id, status }) => [id, status]).sort(), [['k', 'resolved'], ['m', 'open']]);
  assert.deepEqual([...inbox.threads.get().byId.keys()], ['k']);
  await inbox.open('n');
  assert.equal(api.requests.at(-1).path, '/v1/conversations/n/messages', 'the others are read when they are opened');
});

test('of a long text that came cut off the whole is read, and not cut again by a later event', async () => {
  const { socket, api, thread } = await opened();
  api.answers.set('GET /v1/conversations/k/messages', { items: [message('a', { text: 'the whole text' })], next: null });
  await socket.emit('inbox.event', event(11, { message: message('a', { text: 'the', truncated: true }) }));
  await settled();
  assert.equal(thread().messages[0].text, 'the whole text');
  await socket.emit('inbox.event', event(12, { message: message('a', { text: 'the', truncated: true, status: 'sent' }) }));
  const [last] = thread().messages;
  assert.deepEqual([last.text, last.status], ['the whole text', 'sent']);
});

test('a reply that failed keeps its key, so that a second try cannot double it', async () => {
  const { api, inbox, thread } = await opened();
  api.answers.set('POST /v1/conversations/k/messages', Object.assign(new Error('away'), { code: 'offline' }));
  await inbox.reply('k', 'hello');
  const [pending] = thread().pending;
  assert.equal(pending.error.code, 'offline');
  api.answers.set('POST /v1/conversations/k/messages', message('a'));
  await inbox.reply('k', 'hello', pending.key);
  const posts = api.requests.filter(({ method }) => method === 'POST');
  assert.equal(posts[0].key, posts[1].key);
  assert.deepEqual([thread().pending, thread().messages.map(({ id }) => id)], [[], ['a']]);
});

test('of a customer who is forgotten nothing stays', async () => {
  const { socket, inbox, thread } = await opened({ messages: [message('a')] });
  await socket.emit('inbox.event', { seq: 11, event: { type: 'conversationErased', conversationId: 'k' } });
  assert.equal(inbox.state.get().known.has('k'), false);
  assert.deepEqual(thread().messages, []);
});

test('the list shows one status, the newest first, and counts who waits', async () => {
  const { socket, inbox } = await opened();
  const add = (seq, id, patch) => socket.emit('inbox.event', { seq, event: { type: 'conversationUpdated', conversation: conversation(id, patch) } });
  await add(11, 'newer', { lastMessageAt: '2026-11-20T10:00:00Z', unread: 0 });
  await add(12, 'done', { status: 'resolved' });
  assert.deepEqual(inbox.visible(inbox.state.get()).map(({ id }) => id), ['newer', 'k']);
  assert.equal(inbox.unread(inbox.state.get()), 1);
});

test('older messages come before, and only behind the page that was asked for', async () => {
  const { api, inbox, thread } = await opened({ messages: [message('b')] });
  await inbox.older('k');
  assert.deepEqual(thread().messages.map(({ id }) => id), ['b'], 'there is no older page');
  api.answers.set('GET /v1/conversations/k/messages', { items: [message('c')], next: 'x' });
  inbox.threads.get().byId.delete('k');
  await inbox.open('k');
  api.answers.set('GET /v1/conversations/k/messages?cursor=x', { items: [message('a')], next: null });
  await inbox.older('k');
  assert.deepEqual(thread().messages.map(({ id }) => id), ['a', 'c']);
});
