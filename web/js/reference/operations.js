// The operations of the OpenAPI document: what they need, and which a search finds.

import { variantsOf } from './schema.js';

/** Those that a path item may have (OpenAPI 3.1, 4.8.9), in the order in which they are shown. */
const METHODS = ['get', 'head', 'options', 'post', 'put', 'patch', 'delete'];

/** Methods that change nothing (RFC 9110, section 9.2.1). */
const SAFE = ['get', 'head', 'options'];

/**
 * @typedef {{ operationId: string, method: string, path: string, tag: string, summary: string, description: string,
 *   parameters: import('./request.js').Parameter[], requestBody?: any, responses: Record<string, any>,
 *   needsToken: boolean, permissions: string[][], text: string }} Operation
 */

/** Whether sending it may change something. @param {string} method */
export const isDangerous = (method) => !SAFE.includes(method);

/**
 * What may be presented: each requirement is an alternative, and lists what it needs (OpenAPI 3.1, 4.8.30).
 *
 * @param {Record<string, string[]>[]} security
 */
function needs(security) {
  const isFree = security.length === 0 || security.some((one) => Object.keys(one).length === 0);
  return { needsToken: !isFree, permissions: isFree ? [] : security.map((one) => Object.values(one).flat()).filter((all) => all.length > 0) };
}

/**
 * All operations, by their tags.
 *
 * @param {Record<string, any>} description
 * @param {string} untagged what those without a tag are listed under
 * @returns {Map<string, Operation[]>}
 */
export function operationsOf(description, untagged) {
  const schemas = description.components?.schemas ?? {};
  const all = Object.entries(description.paths).flatMap(([path, item]) => METHODS.filter((method) => item[method]).map((method) => {
    const operation = item[method];
    const { permissions, needsToken } = needs(operation.security ?? description.security ?? []);
    const [tag = untagged] = operation.tags ?? [];
    const { operationId = `${method} ${path}`, summary = '', description: more = '' } = operation;
    const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])];
    const bodies = Object.values(operation.requestBody?.content ?? {});
    const taken = bodies.flatMap(({ schema }) => variantsOf(schema, schemas)).flatMap(({ fields }) => fields);
    const words = [
      method, path, summary, more, operationId, ...(operation.tags ?? []), ...permissions.flat(),
      ...parameters.map(({ name }) => name), ...taken.flatMap((field) => [field.name, field.description]),
    ];
    return {
      operationId, method, path, tag, summary, description: more, parameters, requestBody: operation.requestBody,
      responses: operation.responses ?? {}, needsToken, permissions, text: words.join(' ').toLowerCase(),
    };
  }));
  /** @type {Map<string, Operation[]>} */
  const byTag = new Map();
  for (const operation of all) byTag.set(operation.tag, [...(byTag.get(operation.tag) ?? []), operation]);
  return byTag;
}

/** Whether every word of a search is in an operation. @param {Operation} operation @param {string} search */
export const isFound = ({ text }, search) => search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
