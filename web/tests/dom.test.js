import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepingFocus, keyed, say } from '../js/dom.js';
import { withGlobals } from './stand-in.js';

/** A list of nodes that can be moved, and counts how often it is touched. */
class NodeDouble {
  children = [];
  touched = 0;
  get firstChild() {
    return this.children[0] ?? null;
  }
  get nextSibling() {
    return this.parent?.children[this.parent.children.indexOf(this) + 1] ?? null;
  }
  remove() {
    this.parent.children.splice(this.parent.children.indexOf(this), 1);
    this.parent.touched += 1;
  }
  insertBefore(node, before) {
    if (node.parent === this) this.children.splice(this.children.indexOf(node), 1);
    this.children.splice(before ? this.children.indexOf(before) : this.children.length, 0, node);
    node.parent = this;
    this.touched += 1;
  }
}

const show = (list, ids) => keyed(list, ids, { key: (id) => id, create: (id) => Object.assign(new NodeDouble(), { id }) });
const shown = (list) => list.children.map(({ id }) => id);

test('a list shows its items in their order, with the nodes that it had', () => {
  const list = new NodeDouble();
  show(list, ['a', 'b', 'c']);
  const [a, b, c] = list.children;
  show(list, ['c', 'a', 'd', 'b']);
  assert.deepEqual(shown(list), ['c', 'a', 'd', 'b']);
  assert.deepEqual([list.children[0], list.children[1], list.children[3]], [c, a, b]);
  show(list, []);
  assert.deepEqual(shown(list), []);
});

test('what did not change is not touched: focus and running video stay', () => {
  const list = new NodeDouble();
  show(list, ['a', 'b']);
  list.touched = 0;
  show(list, ['a', 'b']);
  assert.equal(list.touched, 0);
  show(list, ['a', 'b', 'c']);
  assert.equal(list.touched, 1);
});

test('a live region is written to only when its text changes', () => {
  let writes = 0;
  const node = { text: '', get textContent() { return this.text; }, set textContent(text) { this.text = text; writes += 1; } };
  say(node, 'a');
  say(node, 'a');
  assert.deepEqual([node.text, writes], ['a', 1]);
});

/** Stops in a page, of which one has the focus. */
function stops(t, count, focused) {
  const page = { activeElement: null };
  const all = Array.from({ length: count }, () => ({
    isConnected: true, isShown: true, isDisabled: false,
    checkVisibility() { return this.isShown; },
    matches() { return this.isDisabled; },
    focus() { page.activeElement = this; },
  }));
  page.activeElement = all[focused] ?? null;
  withGlobals(t, { document: page });
  return { page, all, scope: { querySelectorAll: () => all.filter(({ isConnected }) => isConnected) } };
}

test('what goes gives the focus to the next that can have it, or else to the last before it', (t) => {
  const { page, all, scope } = stops(t, 5, 2);
  keepingFocus(scope, () => Object.assign(all[3], { isDisabled: true }));
  assert.equal(page.activeElement, all[2], 'it has not gone');
  keepingFocus(scope, () => Object.assign(all[2], { isShown: false }));
  assert.equal(page.activeElement, all[4]);
  keepingFocus(scope, () => Object.assign(all[4], { isConnected: false }));
  assert.equal(page.activeElement, all[1]);
});

test('who has the focus elsewhere keeps it', (t) => {
  const { page, all, scope } = stops(t, 2, -1);
  keepingFocus(scope, () => Object.assign(all[0], { isShown: false }));
  assert.equal(page.activeElement, null);
});
