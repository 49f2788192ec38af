// The REST reference in a browser, made from the OpenAPI document that the server serves.

import { el, fill } from './dom.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

const contents = document.getElementById('contents');
const main = document.getElementById('reference');

start();

async function start() {
  try {
    const answer = await fetch('v1/openapi.json');
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    fill(main, el('p', { role: 'alert' }, `The reference cannot be loaded: ${error.message}`));
  } finally {
    main.removeAttribute('aria-busy');
  }
}

function show(description) {
  const schemas = description.components?.schemas ?? {};
  const operations = Object.entries(description.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ path, method, ...item[method] })));
  const tags = Map.groupBy(operations, ({ tags: [tag] = ['other'] }) => tag);
  const search = el('input', { type: 'search', placeholder: 'Filter', 'aria-label': 'Filter endpoints', on: { input: () => filter(search.value) } });
  const links = [...tags].map(([tag, group]) => el('div', {}, el('h2', {}, tag), group.map(link)));
  fill(contents, search, links);
  fill(main,
    el('h1', {}, `${description.info.title} REST reference`),
    el('p', { class: 'muted' }, `Version ${description.info.version}. ${description.info.description ?? ''} `,
      'Times are RFC 3339 in UTC, ids are UUIDs, lists have pages. ',
      el('a', { href: 'v1/openapi.json' }, 'OpenAPI document')),
    [...tags.values()].flat().map((operation) => section(operation, schemas)));
  // The element that the address names was not there when the page was loaded.
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

function filter(text) {
  const wanted = text.trim().toLowerCase();
  for (const anchor of contents.querySelectorAll('a')) anchor.hidden = !anchor.textContent.toLowerCase().includes(wanted);
  for (const group of contents.querySelectorAll('div')) group.hidden = [...group.querySelectorAll('a')].every(({ hidden }) => hidden);
}

const badge = (method) => el('span', { class: `method ${method}` }, method.toUpperCase());

const link = ({ operationId, method, path }) =>
  el('a', { href: `#${operationId}` }, badge(method), el('span', {}, path.replace('/v1', '')));

function section({ operationId, method, path, summary, description, parameters = [], requestBody, responses, security }, schemas) {
  const bodies = Object.entries(requestBody?.content ?? {});
  return el('section', { id: operationId, 'data-testid': 'operation' },
    el('h3', {}, badge(method), el('code', {}, path)),
    el('p', {}, summary, description && ` ${description}`, security?.some((one) => Object.keys(one).length === 0) && el('span', { class: 'muted' }, ' Needs no token.')),
    parameters.length > 0 && [el('h4', {}, 'Parameters'), table(parameters.map((parameter) => [
      [el('code', {}, parameter.name), el('span', { class: 'muted' }, ` ${parameter.in}${parameter.required ? ', required' : ''}`)],
      [type(parameter.schema, schemas), parameter.description && ` – ${parameter.description}`],
    ]))],
    bodies.map(([kind, body]) => [
      el('h4', {}, 'Body', kind !== 'application/json' && el('span', { class: 'muted' }, ` ${kind}`)),
      fieldsOf(body.schema, schemas), shownExample(body),
    ]),
    el('h4', {}, 'Answers'),
    table(Object.entries(responses).map(([status, response]) => [el('code', {}, status), answer(response, schemas)])));
}

function answer(response, schemas) {
  const [content] = Object.values(response.content ?? {});
  return [response.description, content && el('details', {}, el('summary', {}, type(content.schema, schemas)),
    fieldsOf(content.schema, schemas), shownExample(content))];
}

const table = (rows) => el('table', {}, el('tbody', {}, rows.map((cells) => el('tr', {}, cells.map((cell) => el('td', {}, cell))))));

function resolve(schema, schemas) {
  if (schema?.$ref) return resolve(schemas[schema.$ref.split('/').pop()], schemas);
  const other = (schema?.oneOf ?? schema?.anyOf)?.find((one) => one.type !== 'null');
  return other && !schema.properties ? { ...resolve(other, schemas), description: schema.description ?? other.description } : schema ?? {};
}

function members(schema, schemas) {
  const whole = resolve(schema, schemas);
  const parts = (whole.allOf ?? []).map((part) => members(part, schemas));
  return {
    properties: Object.assign({}, ...parts.map(({ properties }) => properties), whole.properties),
    required: [...parts.flatMap(({ required }) => required), ...(whole.required ?? [])],
  };
}

function fieldsOf(schema, schemas) {
  const { properties, required } = members(schema, schemas);
  const rows = Object.entries(properties).map(([name, field]) => [
    [el('code', {}, name), !required.includes(name) && el('span', { class: 'muted' }, ' optional')],
    [type(field, schemas), (field.description ?? resolve(field, schemas).description) && ` – ${field.description ?? resolve(field, schemas).description}`],
  ]);
  return rows.length > 0 && table(rows);
}

function type(schema, schemas) {
  const whole = resolve(schema, schemas);
  if (whole.enum) return whole.enum.map((value) => JSON.stringify(value)).join(' | ');
  const names = [whole.type].flat().filter(Boolean).map((name) => name === 'array' ? `list of ${type(whole.items, schemas)}` : whole.format ? `${name} (${whole.format})` : name);
  return names.join(' or ') || (whole.allOf || whole.properties ? 'object' : 'anything');
}

/** An example of a body: files as they are, everything else as JSON. */
function shownExample({ example }) {
  if (example === undefined) return null;
  return el('pre', { tabindex: '0' }, typeof example === 'string' ? example : JSON.stringify(example, null, 2));
}
