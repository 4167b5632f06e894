/** One generated page: its path from the root, and its whole text. */
export type Page = { readonly path: string; readonly text: string }
