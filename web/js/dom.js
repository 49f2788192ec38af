// Elements without markup strings, so that nothing a person types can become markup.

import { hue, initials } from './format.js';

export { LOGO } from './logo.js';

/**
 * Makes an element. `on` holds event handlers; `true` and `false` set and omit
 * an attribute; `value` and `checked` are properties.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Dom.Props} props
 * @param {...Dom.Child} children
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'on') for (const [type, handler] of Object.entries(value)) node.addEventListener(type, handler);
    else if (name === 'value' || name === 'checked') Object.assign(node, { [name]: value });
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  return append(node, children);
}

/**
 * @template {Element} Parent
 * @param {Parent} node
 * @param {Dom.Child[]} children
 * @returns {Parent}
 */
function append(node, children) {
  for (const child of children) {
    if (Array.isArray(child)) append(node, child);
    else if (child !== undefined && child !== null && child !== false) node.append(child);
  }
  return node;
}

/**
 * Replaces what is inside `node`.
 *
 * @param {Element} node
 * @param {...Dom.Child} children
 */
export function fill(node, ...children) {
  node.replaceChildren();
  return append(node, children);
}

/**
 * Sets text only where it changed: screen readers announce every write to a live region.
 *
 * @param {Element} node
 * @param {string} text
 */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** The elements of `keyed` lists by the keys of what they show. @type {WeakMap<Element, Map<unknown, HTMLElement>>} */
const lists = new WeakMap();

/**
 * Makes the children of `container` those of `items`, in their order, keeping
 * elements (and so focus, scroll position and running video) that stay.
 *
 * `create(item)` returns an element; `update(element, item)` shows the item in it.
 *
 * @template Item
 * @param {Element} container
 * @param {Item[]} items
 * @param {{ key: (item: Item) => unknown, create: (item: Item) => HTMLElement, update?: (node: HTMLElement, item: Item) => void }} how
 */
export function keyed(container, items, { key, create, update }) {
  const known = lists.get(container) ?? new Map();
  lists.set(container, known);
  const wanted = new Set(items.map(key));
  for (const [id, node] of known) {
    if (wanted.has(id)) continue;
    node.remove();
    known.delete(id);
  }
  let before = null;
  for (const item of items) {
    const id = key(item);
    const node = known.get(id) ?? create(item);
    known.set(id, node);
    update?.(node, item);
    const place = before ? before.nextSibling : container.firstChild;
    if (node !== place) container.insertBefore(node, place);
    before = node;
  }
}

const FOCUSABLE = 'a[href], button, input, select, textarea, summary, [tabindex]';

/**
 * Does what may hide, disable or remove elements. If the one with the focus is among them, the next in `scope` that can
 * have it gets it, or else the last before it: who works by keyboard stays where they were.
 *
 * @param {Element} scope
 * @param {() => void} change
 */
export function keepingFocus(scope, change) {
  const focused = document.activeElement;
  const stops = /** @type {HTMLElement[]} */ ([...scope.querySelectorAll(FOCUSABLE)]);
  const at = stops.findIndex((stop) => stop === focused);
  const canHave = (/** @type {HTMLElement} */ stop) => stop.isConnected && (stop.checkVisibility?.() ?? true) && !stop.matches(':disabled');
  change();
  if (at < 0 || canHave(/** @type {HTMLElement} */ (stops[at]))) return;
  [...stops.slice(at + 1), ...stops.slice(0, at).reverse()].find(canHave)?.focus();
}

export const ICONS = {
  bell: 'M12 4a5.5 5.5 0 0 0-5.5 5.5V14L5 17h14l-1.5-3V9.5A5.5 5.5 0 0 0 12 4zM10 19.5a2 2 0 0 0 4 0',
  clip: 'M8.5 12.5l6-6a3 3 0 0 1 4.3 4.3l-8 8a5 5 0 0 1-7-7l7.5-7.5',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6',
  settings: 'M4 7h9M17 7h3M15 4.5v5M4 12h3M11 12h9M9 9.5v5M4 17h7M15 17h5M13 14.5v5',
  rooms: 'M4 5h12v9H9l-4 3.5V14H4zM19 9h1v8h-1v3l-3.5-3H11',
  inbox: 'M4 13l2.5-8h11L20 13v6H4zM4 13h5l1 2.5h4L15 13h5',
  phone: 'M6 4h3l1.5 4.5L8.5 10a11 11 0 0 0 5.5 5.5L15.5 13.5 20 15v3a2 2 0 0 1-2 2A14 14 0 0 1 4 6a2 2 0 0 1 2-2z',
  hangUp: 'M3 14.5c0-6 18-6 18 0v1.5l-4.5.5V13.5a14 14 0 0 0-9 0v3L3 16z',
  camera: 'M3.5 7h11v10h-11zM14.5 11l6-3.5v9l-6-3.5',
  cameraOff: 'M8 7h6.5v6.5M14.5 11l6-3.5v9l-4-2.3M5.5 7h-2v10h11M3 3l18 18',
  mic: 'M12 3.5a2.5 2.5 0 0 1 2.5 2.5v5a2.5 2.5 0 0 1-5 0V6A2.5 2.5 0 0 1 12 3.5zM6.5 11a5.5 5.5 0 0 0 11 0M12 16.5V20',
  micOff: 'M14.5 9V6a2.5 2.5 0 0 0-4.8-1M9.5 9.5V11a2.5 2.5 0 0 0 4 2M6.5 11a5.5 5.5 0 0 0 9 4.2M17.5 11a5 5 0 0 1-.3 1.8M12 16.5V20M3 3l18 18',
  pause: 'M9 6v12M15 6v12',
  forward: 'M14 6l6 6-6 6M19.5 12H10a6 6 0 0 0-6 6',
  screen: 'M3.5 5.5h17v11h-17zM9 20h6M12 16.5V20M12 13.5v-5M9.5 10.5l2.5-2.5 2.5 2.5',
  hand: 'M7.5 12.5V7a1.4 1.4 0 0 1 2.8 0v4M10.3 11V5a1.4 1.4 0 0 1 2.8 0v6M13.1 11V6a1.4 1.4 0 0 1 2.8 0v6M15.9 12V8.5a1.4 1.4 0 0 1 2.8 0V14a6.5 6.5 0 0 1-6.5 6.5c-2.6 0-4-1.2-5.2-3.2L4.7 13.5a1.4 1.4 0 0 1 2.4-1.4z',
  smile: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM8.5 14a4 4 0 0 0 7 0M9.2 9.7v.1M14.8 9.7v.1',
  pin: 'M9 4h6l-.8 6 2.8 3.5H7L9.8 10zM12 13.5V20',
  grid: 'M4 5h7v6H4zM13 5h7v6h-7zM4 13h7v6H4zM13 13h7v6h-7z',
  speaker: 'M4 5h16v9H4zM4 16.5h4.5v3H4zM10 16.5h4v3h-4zM15.5 16.5H20v3h-4.5z',
  fullScreen: 'M9 4.5H4.5V9M15 4.5h4.5V9M9 19.5H4.5V15M15 19.5h4.5V15',
  smallScreen: 'M4.5 9H9V4.5M19.5 9H15V4.5M4.5 15H9v4.5M19.5 15H15v4.5',
  people: 'M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3.5 19a5.5 5.5 0 0 1 11 0M16 11a2.5 2.5 0 1 0-1-4.8M17 14a4.5 4.5 0 0 1 3.5 4.5',
  shield: 'M12 3.5l7 2.5v5.5c0 4.5-3 7.5-7 9-4-1.5-7-4.5-7-9V6z',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4',
  moon: 'M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z',
  plus: 'M12 5v14M5 12h14',
  send: 'M4.5 12L20 4.5 15.5 20l-3.5-6.5zM12 13.5L20 4.5',
  tick: 'M5 12.5l4.5 4.5L19 7.5',
  ticks: 'M2.5 12.5L7 17l9-9.5M11.5 16l1 1L22 7.5',
  clock: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.5l3 1.5',
  alert: 'M12 4.5L21 19.5H3zM12 10v4.5M12 17v.1',
  reply: 'M10 6L4 12l6 6M4.5 12H14a6 6 0 0 1 6 6',
  pencil: 'M4 20l1-4L16 5l3 3L8 19zM14 7l3 3',
  bin: 'M5 7h14M9.5 7V4.5h5V7M7 7l1 12.5h8L17 7M10.5 10.5v5.5M13.5 10.5v5.5',
  down: 'M12 5v14M5.5 12.5L12 19l6.5-6.5',
  back: 'M14.5 5.5L8 12l6.5 6.5',
  close: 'M6 6l12 12M18 6L6 18',
  keyboard: 'M3 7h18v10.5H3zM6.5 10.5h.1M10 10.5h.1M14 10.5h.1M17.5 10.5h.1M8 14.5h8',
  signOut: 'M13.5 5H5v14h8.5M10 12h10M16.5 8.5L20 12l-3.5 3.5',
  expand: 'M13.5 5H19v5.5M19 5l-6 6M10.5 19H5v-5.5M5 19l6-6',
  resolve: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM8.5 12l2.5 2.5 4.5-5',
  reopen: 'M5 12a7 7 0 1 0 2.2-5.1L5 9M5 4.5V9h4.5',
};

/** Those that point to where one reads to or from: mirrored where that is from right to left. */
const POINTING = ['back', 'expand', 'forward', 'reopen', 'reply', 'send', 'signOut'];

const SVG = 'http://www.w3.org/2000/svg';

/** A line icon. It says nothing to screen readers: what carries it has a label. @param {keyof typeof ICONS} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', POINTING.includes(name) ? 'icon pointing' : 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * A person's or room's initials in a colour of their own.
 *
 * @param {string} name
 * @param {string} id
 */
export const avatar = (name, id = name, extra = '') =>
  el('span', { class: `avatar hue-${hue(id)} ${extra}`, 'aria-hidden': 'true' }, initials(name));

/**
 * A button with an icon and a label that is read but not shown.
 *
 * @param {keyof typeof ICONS} name
 * @param {string} label
 * @param {Dom.Props} props
 */
export function iconButton(name, label, props = {}) {
  return el('button', { type: 'button', 'aria-label': label, title: label, ...props, class: `icon-button ${props.class ?? ''}` }, icon(name));
}

/**
 * Arrow keys, Home and End move focus among the `selector`s of a list: one tab stop for all of them.
 *
 * @param {HTMLElement} list
 * @param {'a' | 'button'} selector
 */
export function roving(list, selector) {
  const isShown = (/** @type {HTMLElement} */ stop) => stop.checkVisibility?.() ?? true;
  const all = () => /** @type {HTMLElement[]} */ ([...list.querySelectorAll(selector)]);
  /** @type {HTMLElement | null} */
  let reached = null;
  const settle = (/** @type {HTMLElement | null} */ chosen) => {
    for (const stop of list.querySelectorAll(`${selector}:not([tabindex])`)) stop.setAttribute('tabindex', '-1');
    reached?.setAttribute('tabindex', '-1');
    chosen?.setAttribute('tabindex', '0');
    reached = chosen;
  };
  list.addEventListener('keydown', (event) => {
    const stops = all().filter(isShown);
    const at = stops.findIndex((stop) => event.target instanceof Node && stop.contains(event.target));
    const places = new Map([['ArrowDown', at + 1], ['ArrowUp', at - 1], ['Home', 0], ['End', stops.length - 1]]);
    const next = stops[places.get(event.key) ?? -1];
    if (at < 0 || !next) return;
    event.preventDefault();
    next.focus();
  });
  list.addEventListener('focusin', (event) => settle(event.target instanceof Element ? event.target.closest(selector) : null));
  /** To be called after the list changed: makes sure that exactly one stop can be reached by Tab. */
  return () => {
    const stops = all();
    // Whether one is shown is asked of as few as possible: the page is laid out for the answer.
    const current = stops.find((stop) => stop === document.activeElement) ?? stops.find((stop) => stop.hasAttribute('aria-current') && isShown(stop));
    settle(current ?? stops.find(isShown) ?? null);
  };
}
