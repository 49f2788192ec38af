// What a JSON schema of the OpenAPI document says, in words and as members to be unfolded.

import { phrase } from './words.js';

/** @typedef {Record<string, any>} Schema */
/** @typedef {{ name: string, required: boolean, schema: Schema, description: string }} Field */
/** @typedef {{ title: string, fields: Field[] }} Variant */

/** The name at the end of a reference. @param {string} reference */
const nameOf = (reference) => decodeURIComponent(reference.split('/').pop() ?? '');

/**
 * The schema that a reference stands for, with what was said beside the reference.
 *
 * @param {Schema | undefined} schema
 * @param {Record<string, Schema>} schemas
 * @returns {Schema}
 */
export function resolve(schema, schemas) {
  const seen = new Set();
  let now = schema ?? {};
  while (now.$ref && !seen.has(now.$ref)) {
    seen.add(now.$ref);
    const { $ref, ...beside } = now;
    now = { title: nameOf($ref), ...(schemas[nameOf($ref)] ?? {}), ...beside };
  }
  return now;
}

const isNull = (/** @type {Schema} */ schema) => schema.type === 'null';

/** What a schema may be, without "or null". @param {Schema} schema @param {Record<string, Schema>} schemas @returns {Schema[]} */
function choices(schema, schemas) {
  const whole = resolve(schema, schemas);
  const several = whole.oneOf ?? whole.anyOf;
  return several ? several.filter((/** @type {Schema} */ one) => !isNull(one)) : [schema];
}

const isNullable = (/** @type {Schema} */ whole) =>
  whole.nullable === true || [whole.type].flat().includes('null') || (whole.oneOf ?? whole.anyOf ?? []).some(isNull);

/**
 * The type in words: `list of Label or null`.
 *
 * @param {Schema | undefined} schema
 * @param {Record<string, Schema>} schemas
 * @returns {string}
 */
export function typeOf(schema, schemas) {
  const whole = resolve(schema, schemas);
  const options = choices(whole, schemas);
  const names = options[0] === whole ? [single(whole, schemas)] : options.map((option) => typeOf(option, schemas));
  const all = [...new Set(names), ...(isNullable(whole) ? ['null'] : [])];
  return all.reduce((first, second) => phrase('or2', { first, second }));
}

/** @param {Schema} whole @param {Record<string, Schema>} schemas */
function single(whole, schemas) {
  if (whole.enum) return whole.enum.map((/** @type {unknown} */ value) => JSON.stringify(value)).join(' | ');
  if ('const' in whole) return JSON.stringify(whole.const);
  const names = [whole.type].flat().filter((name) => name && name !== 'null').map((name) => {
    if (name === 'array') return phrase('listOf', { type: typeOf(whole.items, schemas) });
    if (name === 'object') return objectName(whole, schemas);
    return whole.format ? `${name} (${whole.format})` : name;
  });
  if (names.length > 0) return names.join(' | ');
  return whole.properties || whole.allOf ? objectName(whole, schemas) : phrase('anything');
}

/** @param {Schema} whole @param {Record<string, Schema>} schemas */
function objectName(whole, schemas) {
  const values = whole.additionalProperties;
  if (!whole.properties && values && typeof values === 'object') return phrase('mapOf', { type: typeOf(values, schemas) });
  return whole.title ?? phrase('object');
}

const LIMITS = /** @type {const} */ ([
  ['minLength', '≥'], ['maxLength', '≤'], ['minimum', '≥'], ['maximum', '≤'], ['minItems', '≥'], ['maxItems', '≤'],
]);

/** What else holds: bounds, a pattern, what is taken if it is left out. @param {Schema | undefined} schema @param {Record<string, Schema>} schemas */
export function limitsOf(schema, schemas) {
  const whole = resolve(schema, schemas);
  return [
    ...LIMITS.filter(([name]) => whole[name] !== undefined).map(([name, sign]) => `${sign} ${whole[name]}`),
    ...(whole.pattern ? [`/${whole.pattern}/`] : []),
    ...(whole.default !== undefined && whole.default !== null ? [phrase('default', { value: JSON.stringify(whole.default) })] : []),
  ].join(', ');
}

/** What is said of it, or of the one thing that it can be. @param {Schema} schema @param {Record<string, Schema>} schemas @returns {string} */
const descriptionOf = (schema, schemas) =>
  resolve(schema, schemas).description ?? choices(schema, schemas).map((option) => resolve(option, schemas).description).find(Boolean) ?? '';

/** The names that an object must have; a part may ask for what another one describes. @param {Schema} schema @param {Record<string, Schema>} schemas @returns {string[]} */
function requiredOf(schema, schemas) {
  const whole = resolve(schema, schemas);
  return [...(whole.required ?? []), ...(whole.allOf ?? []).flatMap((/** @type {Schema} */ part) => requiredOf(part, schemas))];
}

/** The members of one object, those of all its parts together. @param {Schema} schema @param {Record<string, Schema>} schemas @returns {Field[]} */
function fieldsOf(schema, schemas) {
  const whole = resolve(schema, schemas);
  const inherited = (whole.allOf ?? []).flatMap((/** @type {Schema} */ part) => fieldsOf(part, schemas));
  const required = requiredOf(whole, schemas);
  const own = Object.entries(whole.properties ?? {}).map(([name, field]) => ({ name, schema: field, description: descriptionOf(field, schemas) }));
  const values = whole.additionalProperties;
  const others = !whole.properties && values && typeof values === 'object' ? fieldsOf(values, schemas) : [];
  const named = new Map([...inherited, ...own, ...others].map((field) => [field.name, { ...field, required: field.required || required.includes(field.name) }]));
  return [...named.values()];
}

/**
 * What is inside: the members of the object, of the items of the list, or of each of several variants.
 *
 * @param {Schema | undefined} schema
 * @param {Record<string, Schema>} schemas
 * @returns {Variant[]}
 */
export function variantsOf(schema, schemas) {
  const whole = resolve(schema, schemas);
  if (whole.items) return variantsOf(whole.items, schemas);
  const options = choices(whole, schemas);
  if (options[0] === whole) {
    const fields = fieldsOf(whole, schemas);
    return fields.length > 0 ? [{ title: whole.title ?? phrase('object'), fields }] : [];
  }
  const shared = whole.properties ? fieldsOf({ properties: whole.properties, required: whole.required }, schemas) : [];
  const variants = options.flatMap((option) => variantsOf(option, schemas));
  return variants.map(({ title, fields }, at) => ({
    title: variants.length > 1 && title === phrase('object') ? phrase('variant', { number: at + 1 }) : title, fields: [...shared, ...fields],
  }));
}
