import type { Exit } from './exits.ts'
import type { Sentence } from './words.ts'

export type Fault = {
  readonly line?: number
  readonly column?: string
  readonly pointer?: string
  readonly code?: string
  readonly detail: string
}

export type StopDetail = {
  /** A code of the table of refusals, where there is one. */
  readonly code?: string
  readonly errors?: readonly Fault[]
  /** How many faults there are, when `errors` lists only the first. */
  readonly error_count?: number
}

/** The command ends here, with this exit code and one sentence. */
export class Stop extends Error {
  readonly exit: Exit
  readonly sentence: Sentence
  readonly more: StopDetail
  constructor(exit: Exit, sentence: Sentence, more: StopDetail = {}) {
    super(sentence.en)
    this.name = 'Stop'
    this.exit = exit
    this.sentence = sentence
    this.more = more
  }
}
