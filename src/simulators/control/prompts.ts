export type PromptStatus = 'PENDING' | 'APPROVED' | 'REJECTED' | 'EXPIRED'

/** A question for a PIN on a simulated phone. */
export type Prompt = {
  readonly id: string
  readonly rail: string
  readonly phone: string
  readonly amount: number
  readonly currency: string
  readonly text: string
  /** ISO 8601. */
  readonly at: string
  status: PromptStatus
}

const outcomes: Readonly<Record<string, PromptStatus>> = {
  approve: 'APPROVED',
  reject: 'REJECTED',
  expire: 'EXPIRED',
}

/** The prompts that are shown on the simulated phones, and their answers. */
export type Prompts = {
  readonly add: (prompt: Prompt, answered: (status: PromptStatus) => void) => void
  readonly list: () => readonly Prompt[]
  /** Answers a prompt that is still PENDING; tells what was wrong otherwise. */
  readonly answer: (
    id: string,
    action: unknown,
  ) => Prompt | 'unknown-prompt' | 'unknown-action' | 'already-answered'
}

export function openPrompts(): Prompts {
  const prompts = new Map<
    string,
    { readonly prompt: Prompt; readonly answered: (status: PromptStatus) => void }
  >()
  return {
    add: (prompt, answered) => prompts.set(prompt.id, { prompt, answered }),
    list: () => [...prompts.values()].map(({ prompt }) => prompt),
    answer: (id, action) => {
      const status = typeof action === 'string' ? outcomes[action] : undefined
      if (status === undefined) return 'unknown-action'
      const found = prompts.get(id)
      if (found === undefined) return 'unknown-prompt'
      if (found.prompt.status !== 'PENDING') return 'already-answered'
      found.prompt.status = status
      found.answered(status)
      return found.prompt
    },
  }
}
