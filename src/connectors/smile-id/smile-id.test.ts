import { describe, expect, test } from 'vitest'
import { checkReasons } from '../identity-check.ts'
import { isFresh, isSigned, signatureOf } from './signature.ts'
import { isUploadUrl } from './upload-url.ts'
import { byJobType, byStatus, isProvisional, meaningOf, meaningOfStatus } from './verdicts.ts'
import { zipOf } from './zip.ts'

describe('the signature', () => {
  const credentials = { partner_id: '001', api_key: 'key' }
  const timestamp = '2026-10-04T12:00:00.000Z'
  const signature = 'nD5rG9g/uEMJghiwVnQ2YG6BV8Dw0pjvNGG9+nGHVUE='
  test('is that of the provider’s own library', () => {
    expect(signatureOf(credentials, timestamp)).toBe(signature)
    expect(isSigned(credentials, timestamp, signature)).toBe(true)
  })
  test.each([
    ['', signature],
    [timestamp, ''],
    [timestamp, signature.slice(0, -4)],
    [timestamp, `${signature.slice(0, -3)}A==`],
    ['2026-10-04T12:00:00.001Z', signature],
    [timestamp, undefined],
    [Date.parse(timestamp), signature],
    ['yesterday', signatureOf(credentials, 'yesterday')],
    ['2026', signatureOf(credentials, '2026')],
  ])('%j with %j is none', (at, text) => expect(isSigned(credentials, at, text)).toBe(false))
  test('is fresh for five minutes either way', () => {
    const at = (seconds: number): Date => new Date(Date.parse(timestamp) + seconds * 1_000)
    expect([-301, -300, 0, 300, 301].map((s) => isFresh(timestamp, at(s)))).toEqual([
      false,
      true,
      true,
      true,
      false,
    ])
    expect(isFresh('2026-10-04T13:00:00+01:00', at(0))).toBe(true)
    expect(isFresh('', at(0))).toBe(false)
  })
})

test('a zip is the bytes that the format says', () => {
  // Read and verified with unzip -t and Python's zipfile.
  const expected =
    '504b03040a00000800000000210086a61036050000000500000005000000612e74787468656c6c6f' +
    '504b01020a000a00000800000000210086a610360500000005000000050000000000000000000000000000000000612e747874' +
    '504b0506000000000100010033000000280000000000'
  expect(zipOf([{ name: 'a.txt', bytes: Buffer.from('hello') }]).toString('hex')).toBe(expected)
  expect(zipOf([]).toString('hex')).toBe(`504b0506${'0'.repeat(36)}`)
})

describe('an address for images', () => {
  const real = new URL('https://api.smileidentity.com')
  const simulated = new URL('http://127.0.0.1:4100/smile-id')
  test.each([
    'https://smile-uploads-development01.s3.us-west-2.amazonaws.com/videos/212/ekyc_smartselfie.zip?X-Amz-Expires=900',
    'https://smile-uploads-production.s3-accelerate.amazonaws.com/a',
    'https://smile-uploads-production.s3.amazonaws.com/a',
    'https://uploads.smileidentity.com/a',
    'https://storage.usesmileid.com/a',
  ])('%s is the provider’s', (url) => expect(isUploadUrl(url, real)).toBe(true))
  test.each([
    'http://uploads.smileidentity.com/a',
    'https://smileidentity.com.evil.example/a',
    'https://uploads.smileidentity.com.evil.example/a',
    'https://uploads.usesmileid.com.evil.example/a',
    'https://evil-smileidentity.com/a',
    'https://api.smileidentity.com@evil.example/a',
    'https://user:pw@uploads.smileidentity.com/a',
    'https://uploads.smileidentity.com:8443/a',
    'https://other-bucket.s3.amazonaws.com/a',
    'https://smile-uploads.evil.s3.amazonaws.com/a',
    'https://smile-uploads.s3.amazonaws.com.evil.example/a',
    'https://ec2-1-2-3-4.compute.amazonaws.com/a',
    'https://169.254.169.254/latest/meta-data',
    'http://127.0.0.1:4100/a',
    'file:///etc/passwd',
    'https://uploads.smileidentity.com/a b',
    `https://uploads.smileidentity.com/${'a'.repeat(5_000)}`,
    '/a',
    '',
    7,
    undefined,
  ])('%s is not', (url) => expect(isUploadUrl(url, real)).toBe(false))
  test('is on this machine where the provider is, and nowhere else', () => {
    expect(isUploadUrl('http://127.0.0.1:4100/smile-id/uploads/a', simulated)).toBe(true)
    expect(isUploadUrl('http://localhost:4101/a', simulated)).toBe(true)
    expect(isUploadUrl('http://localhost.evil.example/a', simulated)).toBe(false)
    expect(isUploadUrl('http://10.0.0.1/a', simulated)).toBe(false)
    expect(isUploadUrl('https://uploads.smileidentity.com/a', simulated)).toBe(false)
  })
})

/** Every code that is documented for a job type (API of V1), and what it is for us. */
const documented = {
  1: `0810 CLEAR 0811 REFUSED 0812 REVIEW 0813 REFUSED 0814 REVIEW 0815 REVIEW
      1210 CLEAR 1211 REFUSED 1212 REFUSED 1213 REVIEW 1214 REFUSED
      0001 RESUBMIT 0908 ERROR 0911 RESUBMIT 0912 RESUBMIT 0921 RESUBMIT 0922 RESUBMIT`,
  2: `0820 CLEAR 0821 REFUSED 0822 REVIEW 0823 REFUSED 0824 REVIEW 0825 REVIEW
      1220 CLEAR 1221 REFUSED 1222 REFUSED
      0001 RESUBMIT 0911 RESUBMIT 0912 RESUBMIT 0921 RESUBMIT 0922 RESUBMIT`,
  5: `1012 CLEAR 1013 REFUSED 1014 RESUBMIT 1015 ERROR 1016 ERROR 1020 CLEAR 1021 REVIEW 1022 REFUSED
      1023 REFUSED 0001 RESUBMIT 0908 ERROR`,
  6: `0810 CLEAR 0811 REFUSED 0812 RESUBMIT 0816 RESUBMIT 0817 REVIEW
      1210 CLEAR 1211 REFUSED 1212 REFUSED 1213 REVIEW 1214 REFUSED
      0001 RESUBMIT 0908 ERROR 0911 RESUBMIT 0912 RESUBMIT 0921 RESUBMIT 0922 RESUBMIT`,
} as const

describe('verdicts', () => {
  test.each(Object.entries(documented))('job type %s', (job_type, text) => {
    const words = text.trim().split(/\s+/)
    for (let i = 0; i < words.length; i += 2)
      expect([words[i], meaningOf(Number(job_type), words[i] ?? '')[0]]).toEqual([words[i], words[i + 1]])
  })
  test('a person is cleared by these codes and no others', () => {
    const clear = Object.entries(byJobType).flatMap(([job_type, codes]) =>
      Object.keys(codes)
        .filter((code) => meaningOf(Number(job_type), code)[0] === 'CLEAR')
        .map((code) => `${job_type}:${code}`),
    )
    expect(clear.sort()).toEqual(
      '11:0810 11:1012 11:1020 11:1210 1:0810 1:1012 1:1020 1:1210 2:0820 2:1220 5:1012 5:1020 6:0810 6:1210'.split(
        ' ',
      ),
    )
    const words = Object.entries(byStatus).flatMap(([status, reasons]) =>
      Object.keys(reasons).filter((reason) => meaningOfStatus(status, reason, '')[0] === 'CLEAR'),
    )
    expect(words).toEqual([''])
  })
  test('what nobody documented is for people to look at', () => {
    for (const [job_type, code] of [
      [6, '1012'],
      [6, '9999'],
      [6, 'constructor'],
      [99, '0810'],
      [Number.NaN, '0810'],
    ] as const)
      expect(meaningOf(job_type, code)).toEqual(['REVIEW', 'OTHER'])
    expect(meaningOfStatus('paused', undefined, '')).toEqual(['REVIEW', 'OTHER'])
    expect(meaningOfStatus('constructor', undefined, '')).toEqual(['REVIEW', 'OTHER'])
  })
  test('a reason that nobody documented leaves what the status says', () => {
    expect(meaningOfStatus('clear', 'toString', '')).toEqual(['CLEAR', 'VERIFIED'])
    expect(meaningOfStatus('block', 'new_reason', '')).toEqual(['REFUSED', 'OTHER'])
    expect(meaningOfStatus('attention', 'new_reason', '')).toEqual(['REVIEW', 'OTHER'])
    expect(meaningOfStatus('error', 'new_reason', '')).toEqual(['ERROR', 'OTHER'])
  })
  test('a message refines a status and never turns it into another', () => {
    expect(meaningOfStatus('clear', undefined, 'Verification failed: ID number not found')[0]).toBe('CLEAR')
    expect(meaningOfStatus('block', undefined, 'Verification successful')).toEqual(['REFUSED', 'OTHER'])
    expect(meaningOfStatus('error', undefined, 'Error: image(s) are unusable.')[1]).toBe('IMAGE_UNUSABLE')
  })
  test('some codes are provisional, whatever stands beside them', () => {
    expect(isProvisional(6, '0814')).toBe(true)
    expect(isProvisional(6, '0812')).toBe(false)
    expect(isProvisional(1, '0812')).toBe(true)
    expect(isProvisional(99, '0812')).toBe(false)
  })
  test('every reason has a word that we know', () => {
    const reasons = [...Object.values(byJobType), ...Object.values(byStatus)].flatMap((codes) =>
      Object.values(codes).map(([, reason]) => reason),
    )
    for (const reason of reasons) expect(checkReasons).toContain(reason)
  })
})
