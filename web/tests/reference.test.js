import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { isDangerous, isFound, operationsOf } from '../js/reference/operations.js';
import { curlOf, requestOf } from '../js/reference/request.js';
import { limitsOf, typeOf, variantsOf } from '../js/reference/schema.js';
import { referenceEn } from '../js/words/reference.en.js';

const schemas = {
  LabelId: { type: 'string', format: 'uuid', description: 'A label.' },
  Label: { type: 'object', required: ['id'], properties: { id: { $ref: '#/components/schemas/LabelId' }, name: { type: 'string', maxLength: 50 } } },
  Named: { allOf: [{ $ref: '#/components/schemas/Label' }, { type: 'object', required: ['name'], properties: { color: { type: 'string' } } }] },
  Tree: { type: 'object', properties: { children: { type: 'array', items: { $ref: '#/components/schemas/Tree' } } } },
  Circle: { $ref: '#/components/schemas/Circle' },
};
const ref = (name, beside = {}) => ({ $ref: `#/components/schemas/${name}`, ...beside });
const fields = (schema) => variantsOf(schema, schemas).map(({ title, fields: all }) => [title, ...all.map(({ name, required }) => name + (required ? '!' : ''))]);

test('a type is named by what it is, whatever way it is written', () => {
  const named = [
    [{ type: 'string', format: 'date-time' }, 'string (date-time)'],
    [ref('LabelId'), 'string (uuid)'],
    [ref('Label'), 'Label'],
    [{ type: 'array', items: ref('Label') }, 'list of Label'],
    [{ type: ['array', 'null'], items: ref('LabelId') }, 'list of string (uuid) or null'],
    [{ oneOf: [ref('Label'), { type: 'null' }] }, 'Label or null'],
    [{ anyOf: [ref('Label'), { type: 'string' }] }, 'Label or string'],
    [{ type: 'string', nullable: true }, 'string or null'],
    [{ enum: ['a', 'b'] }, '"a" | "b"'],
    [{ const: 1 }, '1'],
    [{ type: 'object', additionalProperties: { type: 'integer' } }, 'map to integer'],
    [{ type: 'object' }, 'object'],
    [{}, 'anything'],
    [undefined, 'anything'],
  ];
  for (const [schema, name] of named) assert.equal(typeOf(schema, schemas), name);
});

test('what is inside an object, a list, a variant or all of several parts is unfolded', () => {
  assert.deepEqual(fields(ref('Label')), [['Label', 'id!', 'name']]);
  assert.deepEqual(fields({ type: 'array', items: { oneOf: [ref('Label'), { type: 'null' }] } }), [['Label', 'id!', 'name']]);
  assert.deepEqual(fields(ref('Named')), [['Named', 'id!', 'name!', 'color']]);
  assert.deepEqual(fields({ oneOf: [{ type: 'object', properties: { a: {} } }, { type: 'object', properties: { b: {} } }] }), [['Variant 1', 'a'], ['Variant 2', 'b']]);
  assert.deepEqual(fields({ type: 'string' }), []);
});

test('a schema that contains itself, or is nothing but itself, ends', () => {
  assert.deepEqual(fields(ref('Tree')), [['Tree', 'children']]);
  assert.equal(typeOf(ref('Circle'), schemas), 'anything');
});

test('what is said beside a reference comes before what the reference says', () => {
  const [{ fields: [own, other] }] = variantsOf({ properties: { a: ref('LabelId', { description: 'Ours.' }), b: { oneOf: [ref('LabelId'), { type: 'null' }] } } }, schemas);
  assert.deepEqual([own.description, other.description], ['Ours.', 'A label.']);
});

test('bounds and defaults are told', () => {
  assert.equal(limitsOf({ type: 'integer', minimum: 0, maximum: 9, default: 5 }, schemas), '≥ 0, ≤ 9, default 5');
  assert.equal(limitsOf({ type: 'string', default: null }, schemas), '');
});

const description = {
  security: [{ token: [] }],
  components: { schemas },
  paths: {
    '/v1/labels': {
      get: { operationId: 'getLabels', tags: ['desk'], summary: 'Lists them.', responses: {} },
      post: { operationId: 'postLabels', tags: ['desk'], security: [{ token: ['labels.manage'] }], requestBody: { content: { 'application/json': { schema: ref('Label') } } } },
    },
    '/v1/sign-in': { parameters: [{ name: 'locale', in: 'query' }], post: { operationId: 'signIn', security: [{}] } },
  },
};
const operations = () => [...operationsOf(description, 'other').values()].flat();

test('an operation needs what it says, else what the document says, and nothing where it says so', () => {
  assert.deepEqual(operations().map(({ needsToken, permissions }) => [needsToken, permissions]), [[true, []], [true, [['labels.manage']]], [false, []]]);
  assert.deepEqual([...operationsOf(description, 'other').keys()], ['desk', 'other']);
  assert.deepEqual(operations()[2].parameters.map(({ name }) => name), ['locale'], 'parameters of the path are those of its operations');
});

test('a search finds words of paths, sentences, tags, permissions, parameters and members, in any order', () => {
  const found = (search) => operations().filter((operation) => isFound(operation, search)).map(({ operationId }) => operationId);
  assert.deepEqual(found(''), ['getLabels', 'postLabels', 'signIn']);
  assert.deepEqual(found('THEM lists'), ['getLabels']);
  assert.deepEqual(found('labels.manage'), ['postLabels']);
  assert.deepEqual(found('name'), ['postLabels']);
  assert.deepEqual(found('locale'), ['signIn']);
  assert.deepEqual(found('lists absent'), []);
});

test('only reading is without danger', () => {
  assert.deepEqual(['get', 'head', 'options', 'post', 'put', 'patch', 'delete'].filter(isDangerous), ['post', 'put', 'patch', 'delete']);
});

const parameters = [{ name: 'id', in: 'path' }, { name: 'q', in: 'query' }, { name: 'If-Match', in: 'header' }];
const given = { method: 'patch', path: '/v1/labels/{id}', parameters, token: 'secret', body: '{"name":"it\'s"}' };

test('a request has what was given in its place, escaped as that place asks for', () => {
  const request = requestOf({ ...given, values: { 'path.id': 'a/b', 'query.q': 'c d&e', 'header.If-Match': '"1"' } });
  assert.deepEqual(request, {
    method: 'PATCH', url: '/v1/labels/a%2Fb?q=c+d%26e', body: given.body,
    headers: { authorization: 'Bearer secret', 'if-match': '"1"', 'content-type': 'application/json' },
  });
  assert.equal(requestOf({ ...given, values: {} }).url, '/v1/labels/{id}', 'what was not given is left to be seen');
});

test('the command does the same, names the token and does not show it', () => {
  const command = curlOf(requestOf({ ...given, values: { 'path.id': '1' } }), 'https://sb.test', true);
  assert.equal(command, [
    "curl --request PATCH 'https://sb.test/v1/labels/1'", '--header "authorization: Bearer $TOKEN"',
    "--header 'content-type: application/json'", "--data-raw '{\"name\":\"it'\\''s\"}'",
  ].join(' \\\n  '));
});

test('every sentence of the reference is shown somewhere', () => {
  const directory = new URL('../js/reference/', import.meta.url);
  const files = [...readdirSync(directory).map((name) => new URL(name, directory)), new URL('../js/reference.js', import.meta.url)];
  const text = files.map((file) => readFileSync(file, 'utf8')).join('\n');
  assert.deepEqual(Object.keys(referenceEn).filter((key) => !text.includes(`phrase('${key}'`) && !text.includes(`, '${key}'`)), []);
});
