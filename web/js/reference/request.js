// A request as it is sent and as it is typed: its address, its headers, its body.

/** @typedef {{ name: string, in: string, required?: boolean, schema?: any, description?: string, example?: unknown }} Parameter */
/** @typedef {{ method: string, url: string, headers: Record<string, string>, body?: string }} Request */

/**
 * Fills in what was given; a parameter of the path that was not stays in braces.
 *
 * @param {{ method: string, path: string, parameters: Parameter[], values: Record<string, string>, token: string, contentType?: string, body?: string }} given
 * @returns {Request}
 */
export function requestOf({ method, path, parameters, values, token, contentType, body }) {
  const of = (/** @type {string} */ place) => parameters.filter((parameter) => parameter.in === place && values[`${place}.${parameter.name}`]);
  let url = path;
  for (const { name } of of('path')) url = url.replaceAll(`{${name}}`, encodeURIComponent(values[`path.${name}`]));
  const query = new URLSearchParams(of('query').map(({ name }) => [name, values[`query.${name}`]]));
  return {
    method: method.toUpperCase(),
    url: query.size > 0 ? `${url}?${query}` : url,
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...Object.fromEntries(of('header').map(({ name }) => [name.toLowerCase(), values[`header.${name}`]])),
      ...(body ? { 'content-type': contentType ?? 'application/json' } : {}),
    },
    ...(body ? { body } : {}),
  };
}

/** Quoted for a shell (POSIX, 2.2.2): between single quotes everything is what it is. @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * The same request by curl. The token is a variable: commands are kept in histories and shown to others.
 *
 * @param {Request} request
 * @param {string} origin
 * @param {boolean} needsToken
 */
export function curlOf({ method, url, headers, body }, origin, needsToken) {
  const lines = [`curl${method === 'GET' ? '' : ` --request ${method}`} ${quoted(origin + url)}`];
  if (needsToken) lines.push('--header "authorization: Bearer $TOKEN"');
  for (const [name, value] of Object.entries(headers)) {
    if (name !== 'authorization') lines.push(`--header ${quoted(`${name}: ${value}`)}`);
  }
  if (body) lines.push(`--data-raw ${quoted(body)}`);
  return lines.join(' \\\n  ');
}
