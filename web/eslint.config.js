// The console's rules, each with its reason. What types can find, `tsc` finds.

/** Markup from strings: what a person typed would become part of the page. */
const MARKUP = ['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'write', 'writeln', 'setHTMLUnsafe', 'parseHTMLUnsafe']
  .map((property) => ({ property, message: 'Elements are made by `el`, so that nothing a person types becomes markup.' }));

const CATALOGUE = 'What people read comes from the catalogue: phrase(\'…\') of words.js.';

/** Where a text stands that is shown or read out. */
const SHOWN = [
  'CallExpression[callee.name="el"] > *.arguments:not(:nth-child(1))',
  'CallExpression[callee.name="el"] > LogicalExpression.arguments > *.right',
  'CallExpression[callee.name="el"] > ConditionalExpression.arguments > *',
  'CallExpression[callee.name=/^(say|fill)$/] > *.arguments',
  'CallExpression[callee.name=/^(say|fill)$/] > LogicalExpression.arguments > *.right',
  'CallExpression[callee.name=/^(say|fill)$/] > ConditionalExpression.arguments > *',
  'CallExpression[callee.name="iconButton"] > *.arguments:nth-child(2)',
  'CallExpression[callee.object.name="notices"] > *.arguments',
  'Property[key.value="aria-label"] > *.value',
  'Property[key.name=/^(title|placeholder|alt)$/] > *.value',
].flatMap((place) => [`${place}:matches(Literal)[value=/\\p{L}/u]`, `${place}:matches(TemplateLiteral):has(> TemplateElement[value.raw=/\\p{L}/u])`]);

/** What reads like a sentence, wherever it stands: words with blanks between them, dots and marks that only prose has. */
const PROSE = [
  'Literal[value=/^\\p{Lu}\\p{Ll}+ \\p{Ll}/u]',
  'Literal[value=/ .*\\p{Ll}[.?!]$|…|’/u]',
  'Literal[value=/^(\\p{Ll}+ ){3}\\p{Ll}/u]',
  'TemplateElement[value.raw=/\\p{Ll} \\p{Ll}+ \\p{Ll}|…/u]',
  // What developers read is not translated, nor what the browser reads: lists of classes.
].map((text) => `${text}:not(NewExpression *):not(CallExpression[callee.object.name="console"] *):not(Property[key.name="class"] *)`);

/** The build drops lines that are nothing but comment: what a template holds must not look like one. */
const LINES = [{
  selector: 'TemplateElement[value.raw=/\\n/]',
  message: 'A text of several lines is joined of strings: in a template the build could take a line for a comment.',
}];

export default [
  { ignores: ['node_modules/'] },
  {
    files: ['**/*.js'],
    languageOptions: { ecmaVersion: 2024, sourceType: 'module' },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      // Loose comparison converts what it compares.
      eqeqeq: 'error',
      // One kind of binding for what stays, one for what changes, both with a block as their scope.
      'no-var': 'error',
      'prefer-const': 'error',
      // Text that is run as code is what the content security policy exists against.
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-new-func': 'error',
      'no-script-url': 'error',
      'no-restricted-properties': ['error', ...MARKUP],
      // Nothing unfinished or left over from looking for a fault; what support reads is `info` or `warn`.
      'no-console': ['error', { allow: ['info', 'warn'] }],
      'no-debugger': 'error',
      'no-alert': 'error',
      // Statements that do nothing are mistyped calls; calls for their effect may be written with `&&`.
      'no-unused-expressions': ['error', { allowShortCircuit: true, allowTernary: true }],
      'no-unused-vars': ['error', { args: 'after-used', caughtErrors: 'none' }],
      // Mistakes that look like what was meant.
      'array-callback-return': 'error',
      'no-constant-condition': 'error',
      'no-dupe-else-if': 'error',
      'no-duplicate-case': 'error',
      'no-fallthrough': 'error',
      'no-self-compare': 'error',
      'no-sparse-arrays': 'error',
      'no-template-curly-in-string': 'error',
      'no-unsafe-finally': 'error',
      'no-unsafe-optional-chaining': 'error',
      'no-loss-of-precision': 'error',
      'use-isnan': 'error',
      'valid-typeof': 'error',
      // An executor that is async swallows what it throws; a promise is rejected with an error, which has a stack.
      'no-async-promise-executor': 'error',
      'prefer-promise-reject-errors': 'error',
      'no-throw-literal': 'error',
      // What a module exports is defined once, and its imports are in one place.
      'no-duplicate-imports': 'error',
      'no-import-assign': 'error',
      'no-shadow-restricted-names': 'error',
      // Deeper than this a function has more than one subject.
      'max-depth': ['error', 4],
    },
  },
  {
    files: ['js/**/*.js'],
    ignores: ['js/words/**'],
    rules: {
      'no-restricted-syntax': ['error', ...LINES, ...[...SHOWN, ...PROSE].map((selector) => ({ selector, message: CATALOGUE }))],
    },
  },
  {
    // Tests hold statements that are judged, as text.
    files: ['tests/rules.test.js'],
    rules: { 'no-template-curly-in-string': 'off' },
  },
];
