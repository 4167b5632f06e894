/** A refusal's HTTP status, and its title in English and French. */
export type RefusalText = { readonly status: number; readonly en: string; readonly fr: string }
