import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/max'
import { Refusal } from './errors.ts'
import { doubtAbout, operatorOf, type PlanCountry } from './phone/prefixes.ts'

export { operatorOf, type PlanCountry } from './phone/prefixes.ts'

/** A person's number. `in_plan` false is only worth a warning: plans grow faster than the library’s tables. */
export type Phone = {
  readonly number: `+${string}`
  readonly country?: CountryCode
  readonly in_plan: boolean
}

/**
 * Reads a person's number, however it is spaced, into E.164: national in `country` (Cameroon unless said otherwise) or
 * international with `+`, `00` or the bare calling code of the franc zone. The gate is libphonenumber's isPossible:
 * isValid refuses numbers in real use, such as +237612345678. Refuses `PHONE_INVALID`.
 */
export function parsePhone(text: string, country: CountryCode = 'CM'): Phone {
  const dialled = text.replaceAll(/[\s().-]/g, '')
  // Without this, 22890123456 would be read as a Cameroonian number that is too long.
  const bare = /^\d{10,15}$/.test(dialled) && doubtAbout(dialled) === undefined
  const phone = parsePhoneNumberFromString(bare ? `+${dialled}` : dialled, {
    defaultCountry: country,
    extract: false,
  })
  if (phone === undefined || phone.ext !== undefined || !phone.isPossible())
    throw new Refusal('PHONE_INVALID', {
      detail: {
        en: 'Write the number with its country code, for example +237 6 99 12 34 56.',
        fr: 'Écrivez le numéro avec l’indicatif du pays, par exemple +237 6 99 12 34 56.',
      },
    })
  return {
    number: `+${phone.number.slice(1)}`,
    ...(phone.country === undefined ? {} : { country: phone.country }),
    in_plan: phone.isValid(),
  }
}

export const providers = ['MTN_MOMO', 'ORANGE_MONEY'] as const
export type Provider = (typeof providers)[number]

/** Where an operator's network carries the wallet of that name. Orange left Niger in 2019: its prefixes prove nothing. */
const wallets: Readonly<
  Record<string, { readonly provider: Provider; readonly in: readonly PlanCountry[] }>
> = {
  'MTN Cameroon': { provider: 'MTN_MOMO', in: ['CM'] },
  MTN: { provider: 'MTN_MOMO', in: ['CI', 'BJ', 'CG'] },
  Orange: { provider: 'ORANGE_MONEY', in: ['CM', 'CI', 'SN', 'BF', 'ML', 'GW', 'CF'] },
}

/**
 * The wallet provider of a number in E.164. What the caller says wins, since numbers are ported between operators;
 * otherwise the prefix decides, and a prefix that tells nothing is refused with `PROVIDER_REQUIRED`.
 */
export function providerOf(number: string, explicit?: Provider): Provider {
  if (explicit !== undefined) return explicit
  const { country, operator } = operatorOf(number)
  const wallet = operator === undefined ? undefined : wallets[operator]
  if (country !== undefined && wallet?.in.includes(country)) return wallet.provider
  throw new Refusal('PROVIDER_REQUIRED', {
    detail: {
      en: `The number does not tell whose wallet it is; give provider: ${providers.join(' or ')}.`,
      fr: `Le numéro ne dit pas de quel portefeuille il s’agit ; indiquez provider : ${providers.join(' ou ')}.`,
    },
  })
}
