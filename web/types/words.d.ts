// How sentences of the catalogue and what is put into them belong together.

declare namespace Words {
  /** One sentence, or one for each category of numbers that the language has (Unicode CLDR). */
  type Entry = string | { readonly [Category in Intl.LDMLPluralRule]?: string } & { readonly other: string };
  type Text<E> = E extends string ? E : E extends { readonly other: infer Other extends string } ? Other : never;
  type Placeholder<T> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | Placeholder<Rest> : never;
  /** Nothing for a sentence without placeholders; a value for each where there are some; `count` decides the plural. */
  type Needed<E> = Placeholder<Text<E>> | (E extends string ? never : 'count');
  type Values<E> = [Needed<E>] extends [never] ? [] : [values: Record<Needed<E>, string | number>];
}

declare namespace Words {
  type Catalogue = typeof import('../js/words/en.js').en;
  type Key = keyof Catalogue;
  /** The keys of sentences into which nothing is put. */
  type Plain = { [K in Key]: Values<Catalogue[K]> extends [] ? K : never }[Key];
}
