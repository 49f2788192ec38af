// How a section of the settings is described: see `views/settings/sections.js`.

declare namespace Settings {
  /** A thing of any section: the section knows which. */
  type Item = any;
  type Names = Record<string, string>;
  type Options = Record<string, string>;

  interface Column {
    label: Words.Plain;
    text: (item: Item, names: Names) => string;
    /** More about it, for a tooltip. */
    title?: (item: Item) => string | null | undefined;
    /** Whether it may be long: such a column is broken anywhere, so that the others need not be. */
    long?: boolean;
  }

  interface Field {
    name: string;
    label: Words.Plain;
    /** An input's, or `choice`, `choices`, `lines`. */
    type?: string;
    hint?: Words.Plain;
    required?: boolean;
    nullable?: boolean;
    /** Whether it belongs to making a thing or to changing it; without it, to both. */
    only?: 'create' | 'change';
    value?: unknown;
    options?: Options | ((app: App.Parts) => Promise<Options>);
    maxlength?: number;
    minlength?: number;
    autocomplete?: string;
  }

  interface Section {
    label: Words.Plain;
    hint: Words.Plain;
    /** A view of its own, instead of a table. */
    view?: (app: App.Parts) => App.View;
    /** Whom it is for. */
    suits?: (user: Wire.User) => boolean;
    /** The permission to see it, and the one to change anything. */
    needs?: Wire.Permission;
    changes?: Wire.Permission;
    path: string;
    columns: Column[];
    fields?: Field[];
    /** The titles of the forms. */
    titles?: { create?: Words.Plain; change?: Words.Plain };
    constant?: object;
    swatch?: (item: Item) => string;
    names?: (app: App.Parts) => Promise<Names>;
    toggle?: { field: string; isOn: (item: Item) => boolean; off: Words.Plain; question: Words.Plain; on: Words.Plain; warns: Words.Plain };
    remove?: { label: Words.Plain; question: Words.Plain; warns?: Words.Plain; unless?: (item: Item) => unknown };
    members?: { label: Words.Plain; path: (id: string) => string; field: string; options: (app: App.Parts) => Promise<Options> };
    details?: { label: Words.Plain; path: (item: Item) => string; columns: Column[]; again: (item: Item, row: Item) => string };
    /** What is shown once, after making a thing. */
    once?: { field: string; label: Words.Plain };
  }
}
