// One operation, as it is read: what it does and needs, what it takes and what it answers.

import { el, fill } from '../dom.js';
import { limitsOf, typeOf, variantsOf } from './schema.js';
import { trial } from './trial.js';
import { phrase } from './words.js';

/** @typedef {Record<string, import('./schema.js').Schema>} Schemas */

/** A name of the wire between backticks is code. @param {string} text @returns {Dom.Child} */
export const prose = (text) => text.split(/`([^`]+)`/).map((part, at) => (at % 2 === 1 ? el('code', {}, part) : part));

/** @param {string} method */
export const badge = (method) => el('span', { class: `method ${method}` }, method.toUpperCase());

/** Something that is made when it is first opened. @param {Dom.Child} title @param {() => Dom.Child} make @param {Dom.Props} props */
export function unfolding(title, make, props = {}) {
  const inside = el('div', {});
  const element = el('details', {
    ...props, on: { toggle: () => { if (element.open && !inside.hasChildNodes()) fill(inside, make()); } },
  }, el('summary', {}, title), inside);
  return element;
}

/** A list of terms and what is said of each: a table that stacks on narrow screens. @param {Dom.Child[][]} rows */
const terms = (rows) => el('dl', { class: 'terms' }, rows.map(([term, said]) => el('div', {}, el('dt', {}, term), el('dd', {}, said))));

/** @param {import('./schema.js').Variant} variant @param {Schemas} schemas @returns {Dom.Child} */
const members = ({ fields }, schemas) => terms(fields.map(({ name, required, schema, description }) => [
  [el('code', {}, name), !required && el('span', { class: 'muted' }, ` ${phrase('optional')}`)],
  about(schema, schemas, description),
]));

/** A type with its bounds, what is said of it, and what is inside of it. @param {any} schema @param {Schemas} schemas @param {string} description @returns {Dom.Child} */
function about(schema, schemas, description) {
  const limits = limitsOf(schema, schemas);
  return [
    el('span', { class: 'type' }, typeOf(schema, schemas)), limits && el('span', { class: 'muted' }, ` ${limits}`),
    description && [' – ', prose(description)],
    ...variantsOf(schema, schemas).map((variant) => unfolding(phrase('members', { name: variant.title }), () => members(variant, schemas))),
  ];
}

/** What is inside a body or an answer, unfolded at once. @param {any} content @param {Schemas} schemas @returns {Dom.Child} */
function whole(content, schemas) {
  const variants = variantsOf(content.schema, schemas);
  return [
    variants.map((variant) => [variants.length > 1 && el('p', { class: 'variant' }, variant.title), members(variant, schemas)]),
    content.example !== undefined && unfolding(phrase('example'), () => el('pre', { tabindex: '0' },
      typeof content.example === 'string' ? content.example : JSON.stringify(content.example, null, 2))),
  ];
}

/** @param {any} response @param {Schemas} schemas @returns {Dom.Child} */
function answer(response, schemas) {
  const [content] = Object.values(response.content ?? {});
  return [prose(response.description ?? ''), content && unfolding(typeOf(content.schema, schemas), () => whole(content, schemas))];
}

/** @param {import('./operations.js').Operation} operation @returns {Dom.Child} */
function permission({ needsToken, permissions }) {
  if (!needsToken) return el('p', { class: 'needs' }, phrase('noToken'));
  if (permissions.length === 0) return null;
  const alternatives = permissions.map((all) => all.map((name) => [el('code', {}, name), ' ']));
  return el('p', { class: 'needs', 'data-testid': 'permission' }, phrase('permission', { count: permissions[0].length }), ' ',
    alternatives.map((all, at) => [at > 0 && `${phrase('or')} `, all]));
}

/**
 * @param {import('./operations.js').Operation} operation
 * @param {Schemas} schemas
 * @param {string} origin where commands send to
 */
export function section(operation, schemas, origin) {
  const { operationId, method, path, summary, description, parameters, requestBody, responses } = operation;
  const bodies = Object.entries(requestBody?.content ?? {});
  return el('section', { id: operationId, 'data-testid': 'operation', 'aria-labelledby': `${operationId}-title` },
    el('h3', { id: `${operationId}-title` }, badge(method), el('code', {}, path)),
    el('p', {}, prose(summary)), description && el('p', {}, prose(description)),
    permission(operation),
    parameters.length > 0 && [el('h4', {}, phrase('parameters')), terms(parameters.map((parameter) => [
      [el('code', {}, parameter.name), el('span', { class: 'muted' }, ` ${parameter.in}${parameter.required ? `, ${phrase('required')}` : ''}`)],
      about(parameter.schema, schemas, parameter.description ?? ''),
    ]))],
    bodies.map(([kind, body]) => [
      el('h4', {}, phrase('body'), kind !== 'application/json' && el('span', { class: 'muted' }, ` ${kind}`)), whole(body, schemas),
    ]),
    el('h4', {}, phrase('answers')),
    terms(Object.entries(responses).map(([status, response]) => [el('code', {}, status), answer(response, schemas)])),
    unfolding(phrase('try'), () => trial(operation, origin), { class: 'try', 'data-testid': 'try' }));
}
