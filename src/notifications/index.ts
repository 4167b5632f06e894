/**
 * Messages to people, in their language: by SMS, by mail, and in the application. A message is written in the transaction of
 * the fact that it tells, and leaves after commit, at least once; what cannot leave is tried again and then stays in
 * the list of dead jobs. What a stranger could make us send is bounded per number, per country and per day. Codes and
 * texts are forgotten as soon as they are sent; no address and no text is ever in a log. Security messages cannot be
 * switched off. It knows no person: identity says who, where and in which language.
 */
export { kinds, languages, newsKinds } from './kinds.ts'
export type { Kind, Language, News, NewsKind } from './kinds.ts'
export { notify } from './notify.ts'
export type { Notice, Notified, Recipient, Told } from './notify.ts'
export { countWaiting, forgetPerson, sendMessage, sweepNotifications } from './send.ts'
export type { SendDeps, Sending } from './send.ts'
export { countUnread, listInApp, markRead } from './in-app.ts'
export type { InApp } from './in-app.ts'
export { choosePreference, listChoices, listPreferences, setPreference } from './preferences.ts'
export type { Channel, Preference } from './preferences.ts'
export { notificationRoutes } from './routes.ts'
export { setLimit } from './limits.ts'
export { lengthOf, toGsm7 } from './gsm7.ts'
