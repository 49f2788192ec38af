// One room: what is said, who is there, and the way into its call.

import { el, fill, icon, iconButton, keyed, say } from '../dom.js';
import { names } from '../format.js';
import { explain } from '../words.js';
import { composer } from './composer.js';
import { days, roomMessage } from './message.js';
import { people } from './people.js';
import { detailHeader, titled } from './rooms.js';
import { scroller } from './scroller.js';

/** The most that the server takes, in bytes of JSON. */
const TEXT_BYTES_MAX = 8 * 1024;

export function room(app, id) {
  const { rooms, calls, user, notices, socket } = app;
  const live = rooms.hold(id, 'view');
  const title = titled();
  const subtitle = el('p', { class: 'muted' });
  const join = el('button', { type: 'button', class: 'button primary', 'data-testid': 'call-join', on: { click: () => calls.join(id) } });
  const roster = people(app, live);
  const showPeople = iconButton('people', 'People', { class: 'people-toggle', 'aria-expanded': 'false', on: { click: () => toggle() } });
  const toggle = (open = !element.classList.contains('people-open')) => {
    element.classList.toggle('people-open', open);
    showPeople.setAttribute('aria-expanded', String(open));
  };

  const log = scroller({ label: 'Messages', older: () => live.older() });
  const state = el('div', { class: 'empty', hidden: true });
  const typing = el('p', { class: 'typing', 'aria-live': 'polite', 'data-testid': 'typing', hidden: true });
  const write = composer({
    label: 'Message', inputId: 'message-input', sendId: 'message-send', bytesMax: TEXT_BYTES_MAX,
    send: (text) => { live.send(text); log.toEnd(); },
    typed: () => live.typed(),
    tooLong: () => notices.warn('A message may have 8 KiB of text.'),
  });

  const element = el('div', { class: 'room', on: { keydown: (event) => event.key === 'Escape' && toggle(false) } },
    el('section', { class: 'chat', 'aria-label': 'Conversation' },
      detailHeader('rooms', el('div', { class: 'detail-title' }, title.node, subtitle), showPeople, join),
      log.element, state, el('div', { class: 'typing-line' }, typing), write.element),
    roster.element,
  );

  const showMessages = ({ status, error, messages, pending }) => {
    log.update(() => keyed(log.list, days(messages, pending, user), roomMessage({ retry: (clientId) => live.resend(clientId) })));
    const isEmpty = messages.length === 0 && pending.length === 0;
    state.hidden = !isEmpty && status !== 'failed';
    log.element.hidden = !state.hidden;
    if (!state.hidden) {
      fill(state, icon('rooms'),
        status === 'failed' ? explain(error) : status === 'joining' ? 'Entering…' : 'Nothing was said here yet.');
    }
  };

  const showTyping = (who) => {
    const others = [...new Set(who.filter(({ userId }) => userId !== user.id).map(({ name }) => name))];
    typing.hidden = others.length === 0;
    say(typing, others.length ? `${names(others)} ${others.length > 1 ? 'are' : 'is'} typing…` : '');
  };

  const showJoin = () => {
    const { media } = live.state.get();
    const inCall = calls.state.get().active?.roomId === id;
    const count = media?.participants.length ?? 0;
    join.hidden = inCall;
    const words = count > 0 ? `Join call · ${count}` : 'Start call';
    if (join.textContent !== words) fill(join, icon('camera'), el('span', {}, words));
    join.disabled = live.state.get().status !== 'joined' || socket.state.get().phase !== 'open';
  };

  let drawn = null;
  const offs = [
    live.state.subscribe((now) => {
      title.set(now.name);
      // Of a crowd only the number of devices is known.
      const isCrowd = now.memberCount > now.members.length;
      const count = isCrowd ? now.memberCount : new Set(now.members.map(({ userId }) => userId)).size;
      say(subtitle, now.status === 'joined' ? `${count} here` : '');
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
    entered: () => matchMedia('(pointer: fine)').matches && write.focus(),
    leave() {
      offs.forEach((off) => off());
      roster.leave();
      log.leave();
      live.stopTyping();
      rooms.release(id, 'view');
    },
  };
}
