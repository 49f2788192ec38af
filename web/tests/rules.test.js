import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ESLint } from 'eslint';

const eslint = new ESLint({ cwd: new URL('..', import.meta.url).pathname });

/** The rules that this statement of a view breaks. */
async function broken(statement) {
  const code = `import { el, fill, iconButton, say } from '../dom.js';\nexport const planted = (notices, isOn, name) => {\n  ${statement}\n  return [el, fill, iconButton, say, notices, isOn, name];\n};\n`;
  const [{ messages }] = await eslint.lintText(code, { filePath: 'js/views/planted.js' });
  return messages.map(({ ruleId }) => ruleId);
}

test('a text that is shown without the catalogue is found, wherever it stands', async () => {
  for (const statement of [
    "el('p', {}, 'Hello');",
    "el('p', {}, isOn && 'on');",
    "el('p', {}, isOn ? 'on' : null);",
    'el(\'p\', {}, `Hello ${name}`);',
    "el('p', { title: 'hello' });",
    "el('input', { 'aria-label': 'hello', placeholder: name });",
    "iconButton('close', 'close');",
    "say(name, 'hello');",
    "fill(name, 'hello');",
    "notices.warn('hello');",
    "name('Nobody is here.');",
    "name('nothing to see here');",
    'name(`${isOn} was not found`);',
    "name('Loading…');",
  ]) assert.ok((await broken(statement)).includes('no-restricted-syntax'), statement);
});

test('what only the browser reads is no sentence', async () => {
  for (const statement of [
    "el('p', { class: 'button primary small wide', 'data-testid': 'a-b', id: 'x' }, name);",
    'el(\'a\', { href: `#/rooms/${name}` }, \' \', \'–\');',
    "name('keydown', 'Escape', 'application/json', '(pointer: fine)');",
    "throw new Error('only developers read this one');",
  ]) assert.deepEqual(await broken(statement), [], statement);
});

test('a template of several lines is found: the build could take one for a comment', async () => {
  assert.deepEqual(await broken('name(`a\n// b ${isOn}`);'), ['no-restricted-syntax']);
  assert.deepEqual(await broken('name(`a\\n// b ${isOn}`);'), ['no-restricted-syntax'].slice(1));
});

test('markup from strings, loose comparison and text that is run are found', async () => {
  assert.ok((await broken('name.innerHTML = isOn;')).includes('no-restricted-properties'));
  assert.ok((await broken('if (name == isOn) say(name, isOn);')).includes('eqeqeq'));
  assert.ok((await broken("eval('1');")).includes('no-eval'));
});
