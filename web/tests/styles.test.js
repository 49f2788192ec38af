import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

const CSS = new URL('../css/', import.meta.url);

/** The reference is in English alone. */
const styles = readdirSync(CSS).filter((name) => name !== 'reference.css').map((name) => [name, readFileSync(new URL(name, CSS), 'utf8')]);

/** Left and right by name, or by the second and the fourth of four values. */
const SIDES = [
  /(?:^|[\s;{])(?:margin|padding|border)-(?:left|right)\b/, /(?:^|[\s;{])(?:left|right):/, /text-align: (?:left|right)/, /float: /,
  /border-(?:top|bottom)-(?:left|right)-radius/,
];
const FOUR = /(?:inset|margin|padding):\s*([^\s;()]+|[a-z]+\([^;]*?\)) ([^\s;()]+|[a-z]+\([^;]*?\)) ([^\s;()]+|[a-z]+\([^;]*?\)) ([^\s;()]+|[a-z]+\([^;]*?\));/g;

test('what is at the start of a line is there in both directions of writing', () => {
  const found = styles.flatMap(([name, text]) => text.split('\n').filter((line) => SIDES.some((side) => side.test(line))).map((line) => `${name}: ${line.trim()}`));
  assert.deepEqual(found, []);
});

test('four values have the same at both sides', () => {
  const found = styles.flatMap(([name, text]) => [...text.matchAll(FOUR)].filter(([, , right, , left]) => right !== left).map(([line]) => `${name}: ${line}`));
  assert.deepEqual(found, []);
});

test('both are found', () => {
  assert.ok(SIDES.some((side) => side.test('.a { margin-left: 4px; }')));
  assert.equal([...'.a { padding: 1px 2px 3px 4px; }'.matchAll(FOUR)].length, 1);
});
