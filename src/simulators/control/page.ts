export const PAGE_HTML = '<!doctype html><title>Cauri</title>'
