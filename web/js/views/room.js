// One room: what is said, who is there, and the way into its call.

import { el, fill, icon, iconButton, keyed, say } from '../dom.js';
import { explain, names, phrase } from '../words.js';
import { links } from './attachments.js';
import { composer } from './composer.js';
import { Drawn } from './drawn.js';
import { days, hasReacted, roomMessage } from './message.js';
import { inviteGuests } from './join-links.js';
import { manageMembers, rank, roleIn } from './members.js';
import { people } from './people.js';
import { enterCall } from './preview.js';
import { detailHeader, titled } from './rooms.js';
import { scroller } from './scroller.js';
import { confirm } from './settings/dialogs.js';
import { takesFiles, uploads } from './uploads.js';

/** The most that the server takes, in bytes of JSON. */
const TEXT_BYTES_MAX = 8 * 1024;

/** @param {App.RoomParts} app @param {string} id @returns {App.View} */
export function room(app, id) {
  const { rooms, calls, user, notices, socket, mailbox, drafts, api } = app;
  const place = `room/${id}`;
  const files = `/v1/rooms/${id}/attachments`;
  const live = rooms.hold(id, 'view');
  const title = titled();
  const subtitle = el('p', { class: 'muted' });
  const join = el('button', { type: 'button', class: 'button primary narrows', 'data-testid': 'call-join', on: { click: () => enterCall(app, id) } });
  const manage = el('button', { type: 'button', class: 'button small', hidden: true, 'data-testid': 'members-manage',
    on: { click: () => manageMembers(app, id, role) } }, phrase('room.manageMembers'));
  /** @type {Wire.RoomMemberRole | null} */
  let role = null;
  const invite = el('button', { type: 'button', class: 'button small', hidden: true, 'data-testid': 'guest-invite', on: { click: () => inviteGuests(app, id) } }, phrase('guest.invite'));
  const roster = people(app, live, [manage, invite]);
  const showPeople = iconButton('people', phrase('room.people'), { class: 'people-toggle', 'aria-expanded': 'false', on: { click: () => toggle() } });
  const toggle = (/** @type {boolean} */ open = !element.classList.contains('people-open')) => {
    element.classList.toggle('people-open', open);
    showPeople.setAttribute('aria-expanded', String(open));
  };

  const showRole = async () => {
    const listed = rooms.list.get().items.find((item) => item.id === id);
    // Of guests the account's own page is no concern: they belong to no room.
    if (listed?.direct || !user.permissions.includes('rooms.read')) return;
    invite.hidden = !user.permissions.includes('rooms.manage');
    role = await roleIn(app, id).catch(() => null);
    manage.hidden = rank(role) < 2 && !user.permissions.includes('rooms.manage');
  };
  live.room.entered().then(showRole, () => {});

  /** @type {Drawn<Wire.RoomMessage>} */
  const drawn = new Drawn();
  const log = scroller({ label: phrase('messages'), older: () => {
    const now = live.state.get();
    return drawn.more(now.messages) ? showMessages({ ...now, isNews: false }) : live.timeline.older();
  } });
  const state = el('div', { class: 'empty', hidden: true });
  const typing = el('p', { class: 'typing', 'aria-live': 'polite', 'data-testid': 'typing', hidden: true });
  const write = composer({
    label: phrase('room.message'), inputId: 'message-input', sendId: 'message-send', bytesMax: TEXT_BYTES_MAX,
    send: (text) => {
      const aimed = target;
      aim(null);
      if (aimed?.isEdit) {
        // What was refused is not lost.
        live.room.edit(aimed.seq, text).catch((error) => {
          notices.warn(explain(error));
          if (!write.text() && !target) resume({ text, target: aimed });
        });
        return;
      }
      live.send(text, aimed?.seq, tray.take());
      log.toEnd();
    },
    typed: () => live.room.typed(),
    changed: () => keepDraft(),
    tooLong: () => notices.warn(phrase('room.tooLong')),
    files: { label: phrase('room.attach'), add: (chosen) => tray.add(chosen), ready: () => tray.ready(), waiting: () => tray.waiting() },
  });
  const tray = uploads({ path: files, api, changed: () => write.filesChanged(), tooMany: () => notices.warn(phrase('room.tooManyFiles')) });

  /** The message that is answered or edited. @type {import('../model/drafts.js').Draft['target']} */
  let target = null;
  /** What was being written when an edit began. @type {import('../model/drafts.js').Draft} */
  let unedited = { text: '', target: null };
  // An edit ends with the page; what was being written before it does not.
  const keepDraft = () => drafts.keep(place, target?.isEdit ? unedited : { text: write.text(), target });
  const targetLine = el('div', { class: 'composer-target', 'data-testid': 'composer-target', hidden: true });
  const showTarget = (/** @type {typeof target} */ next) => {
    target = next;
    targetLine.hidden = !next;
    fill(targetLine, next && [
      icon(next.isEdit ? 'pencil' : 'reply'),
      el('span', {}, phrase(next.isEdit ? 'room.editing' : 'room.replying', { name: next.name })), el('span', { class: 'quoted', dir: 'auto' }, next.text),
      iconButton('close', phrase('close'), { on: { click: () => aim(null) } })]);
  };
  const aim = (/** @type {typeof target} */ next) => {
    const wasEdit = target?.isEdit;
    if (next?.isEdit && !wasEdit) unedited = { text: write.text(), target };
    showTarget(next);
    if (next?.isEdit) write.set(next.text);
    else if (wasEdit) {
      write.set(unedited.text);
      showTarget(next ?? unedited.target);
      unedited = { text: '', target: null };
    } else if (next) write.focus();
    keepDraft();
  };
  const resume = (/** @type {import('../model/drafts.js').Draft | null} */ draft) => {
    if (!draft || write.text() || target) return;
    showTarget(draft.target);
    write.restore(draft.text);
    keepDraft();
  };
  drafts.read(place).then(resume);
  const act = (/** @type {Promise<unknown>} */ done) => done.catch((error) => notices.warn(explain(error)));
  const shows = roomMessage({
    user,
    link: links({ path: files, api }),
    failed: (error) => notices.warn(explain(error)),
    mayModerate: () => user.permissions.includes('rooms.manage') || rank(role) > 1,
    find: (seq) => live.state.get().messages.find((message) => message.seq === seq),
    retry: (clientId) => live.room.retry(clientId),
    discard: (clientId) => live.room.discard(clientId),
    isOffline: () => socket.state.get().phase !== 'open',
    react: (message, emoji) => message.seq && act(live.room.react(message.seq, emoji, !hasReacted({ user }, message, emoji))),
    reply: (message) => aim(targetOf(message, false)),
    edit: (message) => aim(targetOf(message, true)),
    remove: async (message) => {
      const isSure = message.seq && (await confirm(phrase('room.deleteQuestion'), message.text, phrase('room.delete')));
      if (isSure && message.seq) act(live.room.delete(message.seq));
    },
  });
  const markRead = () => {
    if (document.visibilityState !== 'visible' || !log.isAtEnd()) return;
    rooms.read(id);
    mailbox.readIn(id);
  };
  document.addEventListener('visibilitychange', markRead);
  const below = newBelow(() => log.toEnd());
  const look = () => {
    markRead();
    below.show(log.isAtEnd(), live.state.get().messages.filter(({ userId }) => userId !== user.id));
  };
  log.element.addEventListener('scroll', look, { passive: true });

  /** @type {HTMLElement} */
  const element = el('div', { class: 'room', on: { keydown: (event) => { if (event.key === 'Escape') { toggle(false); aim(null); } } } },
    el('section', { class: 'chat', 'aria-label': phrase('conversation') },
      detailHeader('rooms', el('div', { class: 'detail-title' }, title.node, subtitle), showPeople, join),
      log.element, below.element, state, el('div', { class: 'typing-line' }, typing), targetLine, tray.element, write.element),
    roster.element,
  );

  takesFiles(element, (dropped) => tray.add(dropped));

  const showMessages = (/** @type {App.RoomState} */ { status, error, messages, pending, isNews }) => {
    log.update(() => keyed(log.list, days(status === 'failed' ? [] : drawn.of(messages, log.isAtEnd()), pending, user), shows), isNews);
    look();
    const isEmpty = messages.length === 0 && pending.length === 0;
    state.hidden = !isEmpty && status !== 'failed';
    // Of a room that cannot be entered what was refused stays, to be taken back.
    log.element.hidden = status === 'failed' ? pending.length === 0 : isEmpty;
    if (!state.hidden) {
      fill(state, icon('rooms'),
        status === 'failed' ? explain(error) : phrase(status === 'joining' ? 'room.entering' : 'room.empty'));
    }
  };

  const showTyping = (/** @type {App.RoomState['typing']} */ who) => {
    const others = [...new Set(who.filter(({ userId }) => userId !== user.id).map(({ name }) => name))];
    typing.hidden = others.length === 0;
    say(typing, others.length ? phrase('room.typing', { count: others.length, names: names(others) }) : '');
  };

  const showJoin = () => {
    const { media } = live.state.get();
    const inCall = calls.state.get().active?.roomId === id;
    const count = media?.participants.length ?? 0;
    join.hidden = inCall;
    const words = count > 0 ? phrase('room.joinCall', { count }) : phrase('room.startCall');
    if (join.textContent !== words) fill(join, icon('camera'), el('span', {}, words));
    join.disabled = live.state.get().status !== 'joined' || socket.state.get().phase !== 'open';
  };

  /** @type {App.RoomState | null} */
  let shown = null;
  const offs = [
    live.state.subscribe((now) => {
      title.set(rooms.called(id, now.name));
      // Of a crowd only the number of devices is known.
      const isCrowd = !now.membersComplete;
      const count = isCrowd ? now.memberCount : new Set(now.members.map(({ userId }) => userId)).size;
      say(subtitle, now.status === 'joined' ? phrase('room.here', { count }) : '');
      if (shown?.messages !== now.messages || shown?.pending !== now.pending || shown?.status !== now.status) showMessages(now);
      showTyping(now.typing);
      showJoin();
      shown = now;
    }),
    socket.on('room.memberChanged', ({ roomId, userId }) => roomId === id && userId === user.id && showRole()),
    socket.on('room.restricted', ({ roomId, userId, muted, banned }) => {
      if (roomId === id && userId === user.id && !banned) notices.tell(phrase(muted ? 'room.muted' : 'room.unmuted'));
    }),
    calls.state.subscribe(showJoin),
    socket.state.subscribe(() => {
      showJoin();
      // What waits says for what.
      if (live.state.get().pending.length > 0) showMessages(live.state.get());
    }),
  ];

  return {
    element,
    entered() {
      if (matchMedia('(pointer: fine)').matches) write.focus();
    },
    leave() {
      offs.forEach((off) => off());
      document.removeEventListener('visibilitychange', markRead);
      roster.leave?.();
      log.leave();
      tray.leave();
      live.room.stopTyping();
      drafts.flush();
      rooms.release(id, 'view');
    },
  };
}

/**
 * The way down for who reads above, and how many messages came meanwhile.
 *
 * @param {() => void} toEnd
 */
function newBelow(toEnd) {
  const words = el('span');
  const button = el('button', { type: 'button', class: 'button small', 'data-testid': 'new-below', on: { click: toEnd } }, icon('down'), words);
  const element = el('div', { class: 'below', hidden: true }, button);
  /** The number of the last message that was seen. */
  let seen = 0;
  return {
    element,
    /** @param {boolean} isAtEnd @param {Wire.RoomMessage[]} others messages of other people */
    show(isAtEnd, others) {
      if (isAtEnd) seen = others.at(-1)?.seq ?? 0;
      element.hidden = isAtEnd;
      const count = others.filter(({ seq }) => seq > seen).length;
      button.classList.toggle('primary', count > 0);
      if (!isAtEnd) say(words, count > 0 ? phrase('room.newBelow', { count }) : phrase('room.toEnd'));
    },
  };
}

/** @param {import('./message.js').Said} message @param {boolean} isEdit */
const targetOf = ({ seq = 0, name, text }, isEdit) => ({ isEdit, seq, name, text });
