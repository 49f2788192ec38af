// The REST reference in a browser, made from the OpenAPI document that the server serves.

import { el, fill, say } from './dom.js';
import { isFound, operationsOf } from './reference/operations.js';
import { badge, prose, section } from './reference/section.js';
import { token } from './reference/trial.js';
import { phrase } from './reference/words.js';
import { language } from './words.js';

/** @typedef {import('./reference/operations.js').Operation} Operation */

/** How a token is presented (RFC 6750, section 2.1). */
const BEARER = 'authorization: Bearer $TOKEN';

const part = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const contents = part('contents');
const main = part('reference');
document.documentElement.lang = language;

start();

async function start() {
  try {
    const answer = await fetch('v1/openapi.json');
    if (!answer.ok) throw new Error(phrase('serverAnswered', { status: answer.status }));
    show(await answer.json());
  } catch (error) {
    fill(main, el('p', { role: 'alert' }, phrase('loadFailed', { reason: error.message })));
  } finally {
    main.removeAttribute('aria-busy');
  }
}

/** @param {Record<string, any>} description */
function show(description) {
  const schemas = description.components?.schemas ?? {};
  const byTag = operationsOf(description, phrase('other'));
  const origin = new URL(description.servers?.[0]?.url ?? '.', document.baseURI).href.replace(/\/$/, '');
  const groups = [...byTag].map(([tag, operations]) => el('div', { class: 'group' },
    el('h2', {}, tag.replaceAll('-', ' ')), aboutTag(tag, description.tags), operations.map((operation) => section(operation, schemas, origin))));
  const all = [...byTag.values()].flat();
  showContents(byTag, all);
  fill(main,
    el('h1', {}, phrase('title', { title: description.info.title })),
    el('p', { class: 'muted' }, prose(phrase('version', { version: description.info.version, description: description.info.description ?? '' })), ' ',
      phrase('conventions'), ' ', el('a', { href: 'v1/openapi.json' }, phrase('document'))),
    authentication(description), groups);
  // The element that the address names was not there when the page was loaded.
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

/** What is said of a tag. @param {string} tag @param {{ name: string, description?: string }[]} [tags] */
function aboutTag(tag, tags = []) {
  const text = tags.find(({ name }) => name === tag)?.description;
  return text && el('p', { class: 'muted' }, prose(text));
}

/** How one proves who one is, where the servers are, and a token to try calls with. @param {Record<string, any>} description */
function authentication({ components, servers = [] }) {
  const schemes = Object.entries(components?.securitySchemes ?? {});
  const input = el('input', {
    id: 'token', type: 'password', autocomplete: 'off', spellcheck: 'false', 'aria-describedby': 'token-hint', 'data-testid': 'reference-token',
    on: { input: () => { token.value = input.value.trim(); } },
  });
  return el('section', { id: 'authentication', 'aria-labelledby': 'authentication-title' },
    el('h2', { id: 'authentication-title' }, phrase('authentication')),
    schemes.map(([name, { type, scheme, description = '' }]) => el('p', {},
      el('code', {}, name), el('span', { class: 'muted' }, ` ${[type, scheme].filter(Boolean).join(', ')} `), prose(description))),
    schemes.some(([, { scheme }]) => scheme === 'bearer') && el('pre', { tabindex: '0' }, BEARER),
    el('p', {}, phrase('servers'), ' ', servers.length > 0
      ? servers.map((/** @type {{ url: string, description?: string }} */ { url, description }) => [el('code', {}, new URL(url, document.baseURI).href), ' ', prose(description ?? ''), ' '])
      : [el('code', {}, new URL('.', document.baseURI).href), ' ', phrase('thisServer')]),
    el('p', { class: 'field' }, el('label', { for: 'token' }, phrase('token')), input, el('span', { class: 'muted', id: 'token-hint' }, phrase('tokenHint'))));
}

/** The search and the list of operations. @param {Map<string, Operation[]>} byTag @param {Operation[]} all */
function showContents(byTag, all) {
  const isNarrow = matchMedia('(max-width: 760px)').matches;
  const count = el('p', { class: 'muted', role: 'status' }, phrase('found', { count: all.length }));
  const list = el('details', { open: !isNarrow }, el('summary', {}, phrase('contents')), [...byTag].map(([tag, operations]) =>
    el('div', { class: 'tag' }, el('p', { class: 'overline' }, tag.replaceAll('-', ' ')), operations.map(({ operationId, method, path }) =>
      el('a', { href: `#${operationId}` }, badge(method), el('span', {}, path.replace('/v1', '')))))));
  /** @type {HTMLInputElement} */
  const search = el('input', {
    type: 'search', dir: 'auto', placeholder: phrase('search'), 'aria-label': phrase('search'), 'data-testid': 'reference-search',
    on: {
      input: () => {
        const found = new Set(all.filter((operation) => isFound(operation, search.value.trim())).map(({ operationId }) => operationId));
        filter(list, found);
        say(count, phrase('found', { count: found.size }));
      },
    },
  });
  fill(contents, el('div', { role: 'search' }, search, count), list);
}

/** Shows what was found, in the contents and below. @param {HTMLElement} list @param {Set<string>} found */
function filter(list, found) {
  for (const link of list.querySelectorAll('a')) link.hidden = !found.has(decodeURIComponent(link.hash.slice(1)));
  for (const operation of main.querySelectorAll('section')) operation.hidden = operation.id !== 'authentication' && !found.has(operation.id);
  const groups = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.tag, .group'));
  for (const group of groups) group.hidden = [.../** @type {NodeListOf<HTMLElement>} */ (group.querySelectorAll('a, section'))].every(({ hidden }) => hidden);
}
