import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { refusals } from '../../platform/errors.ts'
import { rowsRefusal } from './read-rows.ts'
import { emptyScratch, fileOf, readAll, refusalOf } from './test-file.ts'

afterAll(emptyScratch)

const STANDARD = 'transferId,amount,currency,partyIdType,partyIdentifier'
const LIST = 'type_id,valeur_id,devise,montant'

describe('the two formats', () => {
  test('the standard format gives its rows', async () => {
    const path = fileOf(
      `${STANDARD}\ntx-001,10000,XOF,MSISDN,22890123456\ntx-002,5000,XOF,MSISDN,+22890654321\n`,
    )
    const { rows, summary } = await readAll(path)
    expect(rows).toEqual([
      {
        seq: 1,
        line: 2,
        transfer_id: 'tx-001',
        amount: 10000n,
        currency: 'XOF',
        party_type: 'MSISDN',
        party_identifier: '22890123456',
        payee_name: '',
        extra: '',
      },
      {
        seq: 2,
        line: 3,
        transfer_id: 'tx-002',
        amount: 5000n,
        currency: 'XOF',
        party_type: 'MSISDN',
        party_identifier: '22890654321',
        payee_name: '',
        extra: '',
      },
    ])
    expect(summary).toMatchObject({
      format: 'STANDARD',
      encoding: 'UTF-8',
      delimiter: ',',
      total: 2,
      total_amount: 15000n,
      currency: 'XOF',
      error_count: 0,
      errors: [],
      warnings: [],
    })
  })

  test('the payment list gives rows whose transferId is to be generated', async () => {
    const path = fileOf(`${LIST}\nMSISDN,22890123456,XOF,10000\nMSISDN,22890654321,XOF,5000\n`)
    const { rows, summary } = await readAll(path)
    expect(rows.map((row) => [row.transfer_id, row.party_identifier, row.amount])).toEqual([
      ['', '22890123456', 10000n],
      ['', '22890654321', 5000n],
    ])
    expect(summary.format).toBe('PAYMENT_LIST')
  })

  test('columns may come in any order and case, and the unknown ones are kept with the row', async () => {
    const path = fileOf(
      ` PARTYIDENTIFIER ,Agence,currency,Amount,transferid,PartyIdType,Nom\n` +
        `awa@example.com,"Douala, Akwa",XAF,7,t1,EMAIL, =Awa \nA-1,,XAF,8,t2,ALIAS,\n`,
    )
    const { rows, summary } = await readAll(path)
    expect(rows[0]).toMatchObject({ party_identifier: 'awa@example.com', payee_name: '=Awa', amount: 7n })
    expect(rows.map((row) => row.extra)).toEqual(['{"Agence":"Douala, Akwa"}', ''])
    expect(summary.columns).toEqual({
      transfer_id: 'transferid',
      amount: 'Amount',
      currency: 'currency',
      party_type: 'PartyIdType',
      party_identifier: 'PARTYIDENTIFIER',
      name: 'Nom',
    })
  })

  test.each(['name', 'payeeName', 'nom', 'nom_complet'])(
    'the payee’s name may be in “%s”',
    async (column) => {
      const { rows } = await readAll(fileOf(`${LIST},${column}\nALIAS,awa,XAF,1,Awa Ngo\n`))
      expect(rows[0]?.payee_name).toBe('Awa Ngo')
    },
  )

  test('a column called __proto__ is only a column', async () => {
    const { rows } = await readAll(fileOf(`${LIST},__proto__\nALIAS,awa,XAF,1,x\n`))
    expect(rows[0]?.extra).toBe('{"__proto__":"x"}')
  })

  test('blank lines are skipped, before the header too, and do not shift the line numbers', async () => {
    const path = fileOf(
      `\n  \n;;;;\n\n${LIST.replaceAll(',', ';')};nom\n\nALIAS;awa;XAF;1;"A\nB"\n;;;;\n\nALIAS;ben;XAF;2;`,
    )
    const { rows, summary } = await readAll(path)
    expect(rows.map((row) => [row.seq, row.line])).toEqual([
      [1, 7],
      [2, 11],
    ])
    expect(summary.total).toBe(2)
  })

  test('the columns without a name that a spreadsheet leaves at the end are no matter', async () => {
    const { rows } = await readAll(fileOf(`${LIST},,\nALIAS,awa,XAF,1,,\nALIAS,ben,XAF,1,,note\n`))
    expect(rows.map((row) => row.extra)).toEqual(['', '{"column_6":"note"}'])
  })
})

describe('the ways to write a file', () => {
  const body = (delimiter: string, end: string, quote: string): string =>
    [
      ['type_id', 'valeur_id', 'devise', 'montant', 'nom_complet'],
      ['MSISDN', '237699123456', 'XAF', '1500', 'Thérèse Nœl'],
      ['MSISDN', '+237677123456', 'XAF', '2500', 'Équipe €'],
      ['EMAIL', 'awa@example.com', 'XAF', '1', ''],
    ]
      .map((row) => row.map((cell) => quote + cell + quote).join(delimiter))
      .join(end)
  const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()
  const encodings: readonly [string, (text: string) => Buffer, string][] = [
    ['UTF-8', (text) => Buffer.from(text), 'UTF-8'],
    ['UTF-8 with BOM', (text) => Buffer.from(`\uFEFF${text}`), 'UTF-8'],
    [
      'Windows-1252',
      (text) => Buffer.from(text.replaceAll('œ', '\u009C').replaceAll('€', '\u0080'), 'latin1'),
      'WINDOWS-1252',
    ],
    ['UTF-16LE', (text) => Buffer.from(`\uFEFF${text}`, 'utf16le'), 'UTF-16LE'],
    ['UTF-16BE', (text) => utf16be(`\uFEFF${text}`), 'UTF-16BE'],
  ]
  const delimiters = [',', ';', '\t']
  const ends = ['\n', '\r\n', '\r']

  test('every encoding, delimiter, line end and quoting gives the same rows and the same list hash', async () => {
    const expected = await readAll(fileOf(body(',', '\n', '')))
    expect(expected.rows.map((row) => row.payee_name)).toEqual(['Thérèse Nœl', 'Équipe €', ''])
    const ways = encodings.flatMap(([, encode, encoding]) =>
      delimiters.flatMap((delimiter) => ends.map((end) => ({ encode, encoding, delimiter, end }))),
    )
    for (const { encode, encoding, delimiter, end } of ways)
      for (const quote of ['', '"'])
        for (const last of ['', end]) {
          const { rows, summary } = await readAll(fileOf(encode(body(delimiter, end, quote) + last)))
          expect(rows).toEqual(expected.rows)
          expect(summary).toEqual({ ...expected.summary, encoding, delimiter })
        }
    expect(ways).toHaveLength(45)
  })

  test('the delimiter is found although the header’s own cells contain others', async () => {
    const path = fileOf(`"type_id";"valeur_id";devise;montant;"a,b,c,d,e,f"\nALIAS;awa;XAF;1;"x;y"\n`)
    const { rows, summary } = await readAll(path)
    expect(summary.delimiter).toBe(';')
    expect(rows[0]?.extra).toBe('{"a,b,c,d,e,f":"x;y"}')
  })
})

test.each<[string, (text: string) => Buffer]>([
  ['UTF-8', (text) => Buffer.from(text)],
  ['Windows-1252', (text) => Buffer.from(text, 'latin1')],
  ['UTF-16', (text) => Buffer.from(`\uFEFF${text}`, 'utf16le')],
])('characters and line ends cut in two between pieces of a %s file are put together', async (_, encode) => {
  const count = 8000
  const nameOf = (i: number): string => 'é'.repeat(i % 97)
  const lines = Array.from({ length: count }, (_unused, i) => `ALIAS,awa,XAF,${i + 1},"${nameOf(i)}"\r\n`)
  const { rows } = await readAll(fileOf(encode(`${LIST},nom\r\n${lines.join('')}`)))
  expect(rows.map((row) => [row.line, row.amount, row.payee_name])).toEqual(
    lines.map((_line, i) => [i + 2, BigInt(i + 1), nameOf(i)]),
  )
})

test('a CRLF that falls between two pieces of the file is one line end', async () => {
  const start = `${LIST},note\r\nALIAS,a,XAF,1,`
  for (let at = 65_530; at < 65_540; at++) {
    const path = fileOf(`${start}${'x'.repeat(at - start.length)}\r\nALIAS,b,XAF,2,\r\n`)
    const { rows } = await readAll(path)
    expect(rows.map((row) => row.line)).toEqual([2, 3])
  }
})

describe('the list hash', () => {
  const hashOf = async (...lines: string[]): Promise<string> =>
    (await readAll(fileOf([LIST, ...lines].join('\n')))).summary.list_hash

  test('ignores order, spelling of a number, names, ids and format', async () => {
    const one = await hashOf('MSISDN,22890123456,XOF,100', 'ALIAS,awa,XOF,5')
    expect(one).toMatch(/^[0-9a-f]{32}0{15}2$/)
    expect(await hashOf('ALIAS,awa,XOF,5', 'MSISDN,+22890123456,XOF,0100')).toBe(one)
    const standard = await readAll(
      fileOf(`${STANDARD},name\na,5,XOF,ALIAS,awa,A\nb,100,XOF,MSISDN,22890123456,B\n`),
    )
    expect(standard.summary.list_hash).toBe(one)
  })

  test('changes with an amount, a payee, a type, a currency and the number of rows', async () => {
    const hashes = await Promise.all([
      hashOf('ALIAS,awa,XOF,5'),
      hashOf('ALIAS,awa,XOF,6'),
      hashOf('ALIAS,ben,XOF,5'),
      hashOf('DEVICE,awa,XOF,5'),
      hashOf('ALIAS,awa,XAF,5'),
      hashOf('ALIAS,awa,XOF,5', 'ALIAS,awa,XOF,5'),
    ])
    expect(new Set(hashes).size).toBe(hashes.length)
  })
})

const structural: readonly (readonly [
  string,
  string | Buffer,
  string,
  number | undefined,
  string,
  string,
])[] = [
  ['no byte', '', 'FILE_EMPTY', undefined, 'nothing', 'rien'],
  ['only a BOM', '\uFEFF', 'FILE_EMPTY', undefined, 'nothing', 'rien'],
  ['only blank lines', '\n \r\n;;;\n\t\n', 'FILE_EMPTY', undefined, 'blank lines', 'lignes vides'],
  ['an Excel workbook', Buffer.from('PK\u0003\u0004…'), 'FILE_NOT_CSV', undefined, 'Excel', 'Excel'],
  ['a NUL', `${LIST}\nALIAS,a,XAF,1\nALIAS,b\0,XAF,1\n`, 'FILE_NOT_CSV', 3, 'NUL', 'NUL'],
  ['UTF-16 without BOM', Buffer.from(LIST, 'utf16le'), 'FILE_NOT_CSV', 1, 'UTF-16', 'UTF-16'],
  [
    'half a UTF-16 character',
    Buffer.from('\uFEFFab', 'utf16le').subarray(0, 5),
    'FILE_NOT_CSV',
    1,
    'UTF-16LE',
    'octets',
  ],
  ['a UTF-8 BOM on other bytes', Buffer.from([0xef, 0xbb, 0xbf, 0xe9]), 'FILE_NOT_CSV', 1, 'UTF-8', 'octets'],
  [
    'an unclosed quote',
    `${LIST}\nALIAS,a,XAF,1\nALIAS,"b,XAF,1\n`,
    'FILE_NOT_CSV',
    3,
    'never closed',
    'jamais fermé',
  ],
  [
    'an unclosed quote in the header',
    `type_id,"valeur_id,devise\n`,
    'FILE_NOT_CSV',
    1,
    'never closed',
    'jamais fermé',
  ],
  ['a quote inside a cell', `${LIST}\n\nALIAS,b"c,XAF,1\n`, 'FILE_NOT_CSV', 3, 'out of place', 'mal placé'],
  [
    'text after a closing quote',
    `${LIST},n\nALIAS,b,XAF,1,"x\ny"z\n`,
    'FILE_NOT_CSV',
    3,
    'line 2',
    'ligne 2',
  ],
  [
    'data in the place of the header',
    `\ntx-1,100,XOF,MSISDN,22890123456\n`,
    'FILE_HEADER_MISSING',
    2,
    'transferId,',
    'montant',
  ],
  ['unknown columns', `\na,b,c\n1,2,3\n`, 'FILE_HEADER_UNKNOWN', 2, 'no known column', 'aucune colonne'],
  [
    'missing columns',
    `transferId,amount,currency\n`,
    'FILE_HEADER_UNKNOWN',
    1,
    'partyIdType, partyIdentifier',
    'manquantes : partyIdType',
  ],
  [
    'a missing column of the list',
    `type_id,devise,montant\n`,
    'FILE_HEADER_UNKNOWN',
    1,
    'missing columns: valeur_id',
    'manquantes : valeur_id',
  ],
  ['a column twice', `${LIST},Devise\n`, 'FILE_HEADER_UNKNOWN', 1, '“Devise” appears twice', '« Devise »'],
  ['both formats', `${STANDARD},${LIST}\n`, 'FILE_HEADER_UNKNOWN', 1, 'both formats', 'deux formats'],
  ['201 columns', `${LIST}${',x'.repeat(197)}\n`, 'FILE_HEADER_UNKNOWN', 1, '201 columns', '201 colonnes'],
  ['no data row', `\n${LIST}\n\n`, 'FILE_HAS_NO_ROWS', 2, 'Nothing follows', 'Rien ne suit'],
]

describe('a file is refused as a whole', () => {
  test.each(structural)('for %s', async (_, content, code, line, en, fr) => {
    for (const language of ['en', 'fr'] as const) {
      const refusal = await refusalOf(readAll(fileOf(content), { language }))
      expect(refusal.code).toBe(code)
      expect(refusal.more.detail?.en).toContain(en)
      expect(refusal.more.detail?.fr).toContain(fr)
      const expected = {
        line,
        code,
        detail: refusal.more.detail?.[language],
        pointer: expect.stringMatching(new RegExp(`^/rows/${line}(/|$)`)),
      }
      expect(refusal.more.errors ?? []).toMatchObject(line === undefined ? [] : [expected])
    }
  })

  test('for too many rows, at the first one too many', async () => {
    const path = fileOf(`${LIST}\n${'ALIAS,a,XAF,1\n'.repeat(4)}`)
    const refusal = await refusalOf(readAll(path, { max_rows: 3 }))
    expect([refusal.code, refusal.more.errors?.[0]?.line]).toEqual(['FILE_TOO_LARGE', 5])
    expect((await readAll(path, { max_rows: 4 })).rows).toHaveLength(4)
  })

  test('for too many bytes', async () => {
    const path = fileOf(`${LIST}\nALIAS,a,XAF,1\n`)
    expect((await refusalOf(readAll(path, { max_bytes: 40 }))).code).toBe('FILE_TOO_LARGE')
  })

  test('with a title in both languages for every code', () => {
    for (const [, , code] of structural) expect(Object.keys(refusals)).toContain(code)
  })
})

const good = { id: 't1', amount: '100', currency: 'XAF', type: 'MSISDN', party: '237699123456', name: 'Awa' }
const faulty: readonly (readonly [Partial<typeof good>, string, string, string, string])[] = [
  [{ id: '' }, 'TRANSFER_ID_INVALID', 'transferId', 'is empty', 'est vide'],
  [{ id: 'a b' }, 'TRANSFER_ID_INVALID', 'transferId', 'a space', 'un espace'],
  [{ id: 'é' }, 'TRANSFER_ID_INVALID', 'transferId', 'characters A–Z', 'caractères parmi'],
  [{ id: '=A1' }, 'TRANSFER_ID_INVALID', 'transferId', '“=A1”', '« =A1 »'],
  [{ id: 'x'.repeat(129) }, 'TRANSFER_ID_INVALID', 'transferId', '1 to 128', '1 à 128'],
  [{ amount: '' }, 'AMOUNT_INVALID', 'amount', 'is empty', 'est vide'],
  [{ amount: '0' }, 'AMOUNT_INVALID', 'amount', 'is zero', 'est nul'],
  [{ amount: '1 000,00' }, 'AMOUNT_INVALID', 'amount', '“1 000,00”: has a comma', 'virgule'],
  [{ amount: '1 000' }, 'AMOUNT_INVALID', 'amount', 'a space', 'un espace'],
  [{ amount: '1\u202F000' }, 'AMOUNT_INVALID', 'amount', 'a space', 'un espace'],
  [{ amount: '1000.0' }, 'AMOUNT_INVALID', 'amount', 'a point', 'un point'],
  [{ amount: '1E+05' }, 'AMOUNT_INVALID', 'amount', 'shortened by a spreadsheet', 'raccourci par un tableur'],
  [{ amount: '1,5e3' }, 'AMOUNT_INVALID', 'amount', 'shortened by a spreadsheet', 'raccourci par un tableur'],
  [{ amount: '-5' }, 'AMOUNT_INVALID', 'amount', 'a sign', 'un signe'],
  [{ amount: '+5' }, 'AMOUNT_INVALID', 'amount', 'a sign', 'un signe'],
  [{ amount: '１００' }, 'AMOUNT_INVALID', 'amount', 'not 0 to 9', 'pas 0 à 9'],
  [{ amount: '=A1*2' }, 'AMOUNT_INVALID', 'amount', 'a formula', 'une formule'],
  [{ amount: '100 FCFA' }, 'AMOUNT_INVALID', 'amount', 'whole francs', 'francs entiers'],
  [{ amount: '0x10' }, 'AMOUNT_INVALID', 'amount', 'whole francs', 'francs entiers'],
  [
    { amount: '9007199254740992' },
    'AMOUNT_INVALID',
    'amount',
    'above 9007199254740991',
    'dépasse 9007199254740991',
  ],
  [{ amount: '9007199254740993' }, 'AMOUNT_INVALID', 'amount', 'above', 'dépasse'],
  [{ amount: '9'.repeat(400) }, 'AMOUNT_INVALID', 'amount', '16 digits', '16 chiffres'],
  [{ currency: 'xaf' }, 'CURRENCY_UNSUPPORTED', 'currency', 'write XAF, in capitals', 'XAF, en majuscules'],
  [{ currency: 'FCFA' }, 'CURRENCY_UNSUPPORTED', 'currency', 'XAF, XOF', 'XAF, XOF'],
  [{ currency: '' }, 'CURRENCY_UNSUPPORTED', 'currency', 'is empty', 'est vide'],
  [{ currency: 'constructor' }, 'CURRENCY_UNSUPPORTED', 'currency', 'XAF, XOF', 'XAF, XOF'],
  [
    { type: 'msisdn' },
    'PARTY_TYPE_UNKNOWN',
    'partyIdType',
    'write MSISDN, in capitals',
    'MSISDN, en majuscules',
  ],
  [{ type: 'PHONE' }, 'PARTY_TYPE_UNKNOWN', 'partyIdType', 'MSISDN, EMAIL', 'MSISDN, EMAIL'],
  [{ party: '6 99 12' }, 'MSISDN_INVALID', 'partyIdentifier', 'a space', 'un espace'],
  [{ party: '12345' }, 'MSISDN_INVALID', 'partyIdentifier', '6 to 15 digits', '6 à 15 chiffres'],
  [{ party: '1234567890123456' }, 'MSISDN_INVALID', 'partyIdentifier', '6 to 15 digits', '6 à 15 chiffres'],
  [{ party: '2,37699E+11' }, 'MSISDN_INVALID', 'partyIdentifier', 'shortened', 'raccourci'],
  [{ party: '＋237699123456' }, 'MSISDN_INVALID', 'partyIdentifier', '6 to 15 digits', '6 à 15 chiffres'],
  [{ type: 'IBAN', party: 'CM21 1000' }, 'IDENTIFIER_INVALID', 'partyIdentifier', 'a space', 'un espace'],
  [{ type: 'ALIAS', party: '' }, 'IDENTIFIER_INVALID', 'partyIdentifier', 'is empty', 'est vide'],
  [{ type: 'ALIAS', party: '=cmd()' }, 'IDENTIFIER_INVALID', 'partyIdentifier', '“=cmd()”', '« =cmd() »'],
  [{ name: 'x'.repeat(129) }, 'NAME_TOO_LONG', 'name', '129 characters; 128', '129 caractères ; 128'],
]

describe('a row is at fault', () => {
  const lineOf = (cells: Partial<typeof good>): string =>
    Object.values({ ...good, ...cells })
      .map((cell) => `"${cell}"`)
      .join(',')

  test.each(faulty)('for %j: %s', async (cells, code, column, en, fr) => {
    const path = fileOf(`${STANDARD},name\n${lineOf({})}\n\n${lineOf(cells)}\n`)
    for (const [language, words] of [
      ['en', en],
      ['fr', fr],
    ] as const) {
      const { rows, summary } = await readAll(path, { language })
      expect(rows).toEqual([])
      expect(summary).toMatchObject({ total: 2, total_amount: 100n, error_count: 1 })
      const [fault] = summary.errors
      expect(fault).toMatchObject({ line: 4, column, code, pointer: `/rows/4/${column}` })
      expect(fault?.detail).toContain(words)
      expect(fault?.detail).toContain(
        language === 'en' ? `Line 4, column “${column}”` : `Ligne 4, colonne « ${column} »`,
      )
      expect(fault?.detail.length).toBeLessThan(320)
    }
  })

  test.each([
    ['ALIAS,a,XAF', 'ROW_TOO_SHORT', 'too few cells: 3 of 4', 'trop peu de cellules : 3 sur 4'],
    ['ALIAS,a,XAF,1,', 'ROW_TOO_LONG', 'too many cells: 5 for 4', 'trop de cellules : 5 pour 4'],
  ])('when ragged: %s', async (line, code, en, fr) => {
    const path = fileOf(`${LIST}\n${line}\n`)
    const english = (await readAll(path, { language: 'en' })).summary.errors
    expect(english).toMatchObject([{ line: 2, code, pointer: '/rows/2' }])
    expect(english[0]?.detail).toContain(en)
    expect((await readAll(path)).summary.errors[0]?.detail).toContain(fr)
  })

  test('for another currency than that of the rows above, every time', async () => {
    const path = fileOf(`${LIST}\nALIAS,a,XAF,1\nALIAS,b,XOF,2\nALIAS,c,XAF,4\nALIAS,d,XOF,8\n`)
    const { summary } = await readAll(path, { language: 'en' })
    expect(summary).toMatchObject({ currency: 'XAF', error_count: 2, total: 4, total_amount: 5n })
    expect(summary.errors.map((fault) => [fault.line, fault.column, fault.code])).toEqual([
      [3, 'devise', 'CURRENCY_MIXED'],
      [5, 'devise', 'CURRENCY_MIXED'],
    ])
    expect(summary.errors[0]?.detail).toContain('the rows above are in XAF')
  })

  test('where the total passes what JSON can carry', async () => {
    const path = fileOf(`${LIST}\nALIAS,a,XAF,9007199254740991\nALIAS,b,XAF,1\nALIAS,c,XAF,1\n`)
    const { summary } = await readAll(path)
    expect(summary.errors.map((fault) => [fault.line, fault.code])).toEqual([[3, 'TOTAL_TOO_LARGE']])
  })

  test('for each of its faulty cells', async () => {
    const { summary } = await readAll(fileOf(`${LIST}\nphone,a b,EUR,1.5\n`))
    expect(new Set(summary.errors.map((fault) => fault.code))).toEqual(
      new Set(['AMOUNT_INVALID', 'CURRENCY_UNSUPPORTED', 'IDENTIFIER_INVALID', 'PARTY_TYPE_UNKNOWN']),
    )
  })

  test('and only the first hundred faults are listed, but all are counted', async () => {
    const { summary } = await readAll(fileOf(`${LIST}\n${'ALIAS,a,XAF,0\n'.repeat(250)}ALIAS,a,XAF,1\n`))
    expect(summary.errors).toHaveLength(100)
    expect(summary).toMatchObject({ error_count: 250, total: 251, total_amount: 1n })
    const refusal = rowsRefusal(summary)
    expect(refusal).toMatchObject({ code: 'FILE_ROWS_INVALID', more: { members: { error_count: 250 } } })
    expect(refusal?.more.errors).toHaveLength(100)
    expect(refusal?.more.detail?.fr).toContain('250 erreurs ; les 100 premières')
  })

  test('and no row is given after it, unless the caller only looks', async () => {
    const many = 'ALIAS,a,XAF,1\n'.repeat(10_000)
    const path = fileOf(`${LIST}\n${many}ALIAS,a,XAF,0\n${many}`)
    const { rows } = await readAll(path)
    expect(rows.length).toBeLessThanOrEqual(10_000)
    expect((await readAll(path, { past_faults: true })).rows).toHaveLength(20_000)
  })

  test('and a valid file has no refusal', async () => {
    expect(rowsRefusal((await readAll(fileOf(`${LIST}\nALIAS,a,XAF,1\n`))).summary)).toBeUndefined()
  })
})

describe('warnings', () => {
  test('doubt numbers by calling code and length, count them all and show twenty', async () => {
    const lines = [
      ...Array.from({ length: 30 }, (_, i) => `MSISDN,6901234${String(i).padStart(2, '0')},XAF,1`),
      'MSISDN,2376991234,XAF,1',
      'MSISDN,+237612345678,XAF,1',
      'ACCOUNT_ID,1.23457E+11,XAF,1',
    ]
    const { rows, summary } = await readAll(fileOf([LIST, ...lines].join('\n')), { language: 'en' })
    expect(rows).toHaveLength(33)
    expect(summary.warnings.map((warning) => [warning.code, warning.count, warning.samples.length])).toEqual([
      ['MSISDN_COUNTRY_UNKNOWN', 30, 20],
      ['MSISDN_LENGTH_UNUSUAL', 1, 1],
      ['IDENTIFIER_SHORTENED', 1, 1],
    ])
    expect(summary.warnings[1]?.samples[0]).toMatchObject({ line: 32, column: 'valeur_id' })
    expect(summary.warnings[1]?.samples[0]?.detail).toContain('unusual length')
  })
})

test('any list, written in any way, is read back as it was', async () => {
  const id = fc.stringMatching(/^[A-Za-z0-9@._+-]{1,128}$/)
  const name = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !/[\0\r\uFEFF]/.test(text))
  const row = fc.record({ id, amount: fc.bigInt(1n, 9007199254n), party: id, name })
  const way = fc.record({
    delimiter: fc.constantFrom(',', ';', '\t'),
    end: fc.constantFrom('\n', '\r\n', '\r'),
    encoding: fc.constantFrom<BufferEncoding>('utf8', 'utf16le'),
    blank: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 1, maxLength: 30 }),
      way,
      async (list, { delimiter, end, encoding, blank }) => {
        const quoted = (text: string): string => `"${text.replaceAll('"', '""').replaceAll('\n', end)}"`
        const lines = [
          'transferId,amount,currency,partyIdType,partyIdentifier,name'.replaceAll(',', delimiter),
          ...list.map((one) =>
            [one.id, one.amount, 'XOF', 'ALIAS', one.party, quoted(one.name)].join(delimiter),
          ),
        ]
        const path = fileOf(Buffer.from(`\uFEFF${lines.join(blank ? end + end : end)}`, encoding))
        const { rows, summary } = await readAll(path)
        expect(summary.errors).toEqual([])
        expect(
          rows.map((one) => [one.transfer_id, one.amount, one.party_identifier, one.payee_name]),
        ).toEqual(list.map((one) => [one.id, one.amount, one.party, one.name.trim()]))
      },
    ),
    { numRuns: 100 },
  )
})
