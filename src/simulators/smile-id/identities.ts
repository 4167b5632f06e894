/** What the provider will say of a person, in both versions of its API. */
export type Outcome = {
  /** V1: ResultCode, ResultText. */
  readonly code: string
  readonly text: string
  /** V3. */
  readonly status: 'clear' | 'block' | 'attention' | 'error'
  readonly reason: string | null
  readonly message: string
  readonly born: string
  readonly expires: string
}

const FAILED = 'Verification failed'
const DONE = 'Verification successful'

type Row = readonly [
  last_name: string,
  given_names: string,
  code: string,
  text: string,
  status: Outcome['status'],
  reason: string | null,
  message: string,
]

/**
 * The test identities of Smile ID's own sandbox (docs, «Testing in Sandbox»). They are of V3: the codes of V1 beside them are
 * ours, the nearest that document verification has. 1013 belongs to another product, so it is one that a client cannot know here.
 */
const rows: readonly Row[] = [
  ['Clearwater', 'Amina Fatou', '0810', 'Document Verified', 'clear', null, DONE],
  [
    'Forgeman',
    'Ade Ogundimu',
    '0811',
    'Document Verification Failed',
    'block',
    'document_check_failed',
    FAILED,
  ],
  ['Oddpaper', 'Olumide Fashola', '0816', 'Unsupported Document', 'block', 'unsupported_document', FAILED],
  [
    'Xeroxley',
    'Adaeze Nnamdi',
    '0811',
    'Document Verification Failed',
    'attention',
    'document_copy_detected',
    DONE,
  ],
  ['Oldfield', 'Tunde Bakare', '0817', 'Approved - Document Expired', 'attention', 'document_expired', DONE],
  [
    'Puzzleton',
    'Segun Olawale',
    '0812',
    'Unusable Document Image',
    'error',
    'document_unclassifiable',
    'Error: document could not be classified',
  ],
  ['Dangerfield', 'Rashid Omar', '1212', 'Fraud Detected', 'block', 'high_risk', FAILED],
  ['Twinley', 'Obinna Chukwu', '1211', 'Human Compare Failed', 'block', 'face_verification_failed', FAILED],
  ['Masquero', 'Taiwo Adeyemi', '0813', 'Possible Spoof', 'block', 'spoof_detected', FAILED],
  [
    'Ghostwell',
    'Fatima Bello',
    '1013',
    'Unable To Validate ID',
    'block',
    'identifier_not_found',
    'Verification failed: Unable to validate ID - Not Found',
  ],
  [
    'Youngblood',
    'Aisha Lawal',
    '0810',
    'Document Verified',
    'block',
    'age_requirement_not_met',
    'Verification failed: Customer must be above 18',
  ],
  [
    'Blurton',
    'Kofi Mensah',
    '0922',
    'Selfie Quality Insufficient',
    'error',
    'image_unavailable_or_invalid',
    'Error: selfie_image image(s) are unusable',
  ],
  [
    'Downsworth',
    'Ngozi Ifeoma',
    '0908',
    'Issuer Not Available',
    'error',
    'service_unavailable',
    'Error: external service unavailable',
  ],
  [
    'Glitchford',
    'Chidinma Obi',
    '0908',
    'Issuer Not Available',
    'error',
    'internal_error',
    'Error: verification could not be completed at this time',
  ],
  [
    'Missingley',
    'Ifeanyi Okeke',
    '1013',
    'Unable To Validate ID',
    'block',
    'identifier_not_found',
    'Verification failed: ID number not found',
  ],
  [
    'Badnumber',
    'Wale Oladipo',
    '0812',
    'Unusable Document Image',
    'error',
    'invalid_id_number',
    'Verification failed: invalid id number',
  ],
]

const keyOf = (last_name: string, given_names: string): string =>
  `${last_name}|${given_names}`.toLowerCase().replaceAll(/\s+/g, ' ').trim()

/** Anybody of age with a document that is still good. */
const USUAL = { born: '1989-01-20', expires: '2034-11-26' }
const byName = new Map<string, Outcome>(
  rows.map(([last_name, given_names, code, text, status, reason, message]) => [
    keyOf(last_name, given_names),
    {
      code,
      text,
      status,
      reason,
      message,
      ...USUAL,
      // V1 has no code for a minor: the date of birth on the document says it.
      ...(last_name === 'Youngblood' ? { born: '2012-05-17' } : {}),
      ...(last_name === 'Oldfield' ? { expires: '2020-02-29' } : {}),
    },
  ]),
)

const CLEAR: Outcome = {
  ...USUAL,
  code: '0810',
  text: 'Document Verified',
  status: 'clear',
  reason: null,
  message: DONE,
}
/** What Smile ID's sandbox says of everybody else. */
const NOBODY: Outcome = {
  ...USUAL,
  code: '0001',
  text: 'No Matching Test Identity',
  status: 'error',
  reason: 'internal_error',
  message: 'Error: no matching test identity',
}

export const outcomeOf = (last_name: string, given_names: string, unmatched: 'clear' | 'error'): Outcome =>
  byName.get(keyOf(last_name, given_names)) ?? (unmatched === 'clear' ? CLEAR : NOBODY)

/** The archive was no archive of a job. */
export const unusable = (why: string): Outcome => ({
  ...USUAL,
  code: '0001',
  text: `Data Invalid: ${why}`,
  status: 'error',
  reason: 'image_unavailable_or_invalid',
  message: 'Error: image(s) are unusable',
})

/** What a machine thought before people looked. */
export const provisional: Outcome = {
  ...USUAL,
  code: '0814',
  text: 'Provisional - Possible Spoof',
  status: 'attention',
  reason: 'medium_risk',
  message: DONE,
}

/** Another verdict than this one, for forgers. */
export const contraryOf = (outcome: Outcome): Outcome =>
  outcome.status === 'clear'
    ? outcomeOf('Forgeman', 'Ade Ogundimu', 'clear')
    : { ...CLEAR, born: outcome.born, expires: outcome.expires }
