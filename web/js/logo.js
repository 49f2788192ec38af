// The sign of Switchboard, for pages and for what is shown without one.

/** Where it is served: beside the modules, whatever page shows it. */
export const LOGO = new URL('../favicon.svg', import.meta.url).href;
