// The way back into the call that one was in before the page was loaded anew.

import { el, icon, iconButton, say } from '../dom.js';
import { go } from '../router.js';
import { phrase } from '../words.js';

/** @param {Pick<App.Parts, 'returning' | 'rooms'>} parts */
export function returnOffer({ returning, rooms }) {
  const words = el('span', {});
  const accept = async () => {
    const roomId = await returning.accept();
    if (roomId) go('rooms', roomId);
  };
  const element = el('div', { class: 'return-offer', role: 'status', hidden: true, 'data-testid': 'call-return' }, icon('camera'), words,
    el('button', { type: 'button', class: 'button primary small', 'data-testid': 'call-return-accept', on: { click: accept } }, phrase('returning.accept')),
    iconButton('close', phrase('returning.decline'), { 'data-testid': 'call-return-decline', on: { click: () => returning.forget() } }));
  const show = () => {
    const { offer } = returning.state.get();
    element.hidden = !offer;
    const room = offer && rooms.called(offer.roomId, rooms.list.get().items.find(({ id }) => id === offer.roomId)?.name);
    say(words, offer ? phrase('returning.offer', { room: room ?? '' }) : '');
  };
  returning.state.subscribe(show);
  rooms.list.subscribe(show);
  return element;
}
