// One room: what is said, who is there, and the way into its call.

import { el, fill, icon, iconButton, keyed, say } from '../dom.js';
import { explain, names, phrase } from '../words.js';
import { composer } from './composer.js';
import { days, roomMessage } from './message.js';
import { people } from './people.js';
import { detailHeader, titled } from './rooms.js';
import { scroller } from './scroller.js';

/** The most that the server takes, in bytes of JSON. */
const TEXT_BYTES_MAX = 8 * 1024;

/** @param {App.Parts} app @param {string} id @returns {App.View} */
export function room(app, id) {
  const { rooms, calls, user, notices, socket } = app;
  const live = rooms.hold(id, 'view');
  const title = titled();
  const subtitle = el('p', { class: 'muted' });
  const join = el('button', { type: 'button', class: 'button primary', 'data-testid': 'call-join', on: { click: () => calls.join(id) } });
  const roster = people(app, live);
  const showPeople = iconButton('people', phrase('room.people'), { class: 'people-toggle', 'aria-expanded': 'false', on: { click: () => toggle() } });
  const toggle = (/** @type {boolean} */ open = !element.classList.contains('people-open')) => {
    element.classList.toggle('people-open', open);
    showPeople.setAttribute('aria-expanded', String(open));
  };

  const log = scroller({ label: phrase('messages'), older: () => live.older() });
  const state = el('div', { class: 'empty', hidden: true });
  const typing = el('p', { class: 'typing', 'aria-live': 'polite', 'data-testid': 'typing', hidden: true });
  const write = composer({
    label: phrase('room.message'), inputId: 'message-input', sendId: 'message-send', bytesMax: TEXT_BYTES_MAX,
    send: (text) => { live.send(text); log.toEnd(); },
    typed: () => live.typed(),
    tooLong: () => notices.warn(phrase('room.tooLong')),
  });

  /** @type {HTMLElement} */
  const element = el('div', { class: 'room', on: { keydown: (event) => event.key === 'Escape' && toggle(false) } },
    el('section', { class: 'chat', 'aria-label': phrase('conversation') },
      detailHeader('rooms', el('div', { class: 'detail-title' }, title.node, subtitle), showPeople, join),
      log.element, state, el('div', { class: 'typing-line' }, typing), write.element),
    roster.element,
  );

  const showMessages = (/** @type {App.RoomState} */ { status, error, messages, pending }) => {
    log.update(() => keyed(log.list, days(messages, pending, user), roomMessage({ retry: (clientId) => live.resend(clientId) })));
    const isEmpty = messages.length === 0 && pending.length === 0;
    state.hidden = !isEmpty && status !== 'failed';
    log.element.hidden = !state.hidden;
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
  let drawn = null;
  const offs = [
    live.state.subscribe((now) => {
      title.set(now.name);
      // Of a crowd only the number of devices is known.
      const isCrowd = now.memberCount > now.members.length;
      const count = isCrowd ? now.memberCount : new Set(now.members.map(({ userId }) => userId)).size;
      say(subtitle, now.status === 'joined' ? phrase('room.here', { count }) : '');
      if (drawn?.messages !== now.messages || drawn?.pending !== now.pending || drawn?.status !== now.status) showMessages(now);
      showTyping(now.typing);
      showJoin();
      drawn = now;
    }),
    calls.state.subscribe(showJoin),
    socket.state.subscribe(showJoin),
  ];

  return {
    element,
    entered() {
      if (matchMedia('(pointer: fine)').matches) write.focus();
    },
    leave() {
      offs.forEach((off) => off());
      roster.leave?.();
      log.leave();
      live.stopTyping();
      rooms.release(id, 'view');
    },
  };
}
