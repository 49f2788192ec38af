import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyed, say } from '../js/dom.js';

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
