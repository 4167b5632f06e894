import * as migrations from '../platform/migrate.ts'
import { withPlace } from './database.ts'
import { leaf, type Common, type Group } from './group.ts'
import { print } from './print.ts'
import { inWords } from './words.ts'

export const migrate: Group = (program) => {
  leaf(program, 'migrate', 'bring the database up to this version; start does it too').action(
    async (options: Common) => {
      const { applied } = await withPlace(({ url }) => migrations.migrate(url))
      print(options, { applied }, () =>
        applied.length > 0
          ? applied.join('\n')
          : inWords({ en: 'The database is up to date.', fr: 'La base est à jour.' }),
      )
    },
  )
}
