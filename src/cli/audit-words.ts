import type { Fault, FaultKind, TrailReport } from '../audit/index.ts'
import { counted, inWords, type Sentence } from './words.ts'

const said: Readonly<Record<FaultKind, Sentence>> = {
  EVENT_CHANGED: { en: 'is not what was sealed', fr: 'n’est pas ce qui fut scellé' },
  EVENT_GONE: { en: 'was sealed and is gone', fr: 'fut scellé et a disparu' },
  EVENT_UNSEEN: {
    en: 'is neither sealed nor waiting: it came in past the triggers, or its wait was erased',
    fr: 'n’est ni scellé ni en attente : il a contourné les déclencheurs, ou son attente fut effacée',
  },
  EVENT_TWICE: {
    en: 'is sealed, and waits to be sealed again',
    fr: 'est scellé, et attend de l’être encore',
  },
  LEAF_MISSING: {
    en: 'is missing: nothing after it can be computed',
    fr: 'manque : rien après ne se calcule',
  },
  NODE_WRONG: { en: 'a stored hash of the tree is wrong', fr: 'une empreinte gardée de l’arbre est fausse' },
  ROOT_DIFFERS: {
    en: 'what lies between is not what this checkpoint has sealed: changed, put in, taken out or put elsewhere',
    fr: 'ce qui précède n’est pas ce que ce point de contrôle a scellé : changé, ajouté, retiré ou déplacé',
  },
  CHECKPOINT_FORGED: {
    en: 'the checkpoint is not one of this log, or not signed by its key',
    fr: 'le point de contrôle n’est pas de ce journal, ou pas signé par sa clé',
  },
  UNSIGNED_TAIL: {
    en: 'what comes after has no valid checkpoint',
    fr: 'ce qui suit n’a pas de point de contrôle valable',
  },
  KEPT_FORGED: {
    en: 'the kept checkpoint is not one of this log, or not signed by its key',
    fr: 'le point de contrôle gardé n’est pas de ce journal, ou pas signé par sa clé',
  },
  KEPT_BEYOND: {
    en: 'the kept checkpoint covers more than the log holds: its end was cut off',
    fr: 'le point de contrôle gardé couvre plus que le journal : sa fin a été coupée',
  },
  KEPT_DIFFERS: {
    en: 'the log is not the one that the kept checkpoint has sealed',
    fr: 'le journal n’est pas celui que le point de contrôle gardé a scellé',
  },
}

/** One line for each fault, and what to do. */
export function faultText(faults: readonly Fault[]): string {
  const lines = faults.map((fault) => [placeOf(fault), inWords(said[fault.kind])].filter(Boolean).join('  '))
  const advice = inWords({
    en: 'The audit trail is not what was written. Keep everything as it is, and find out who could write to the database.',
    fr: 'La piste d’audit n’est pas ce qui fut écrit. Ne touchez à rien, et cherchez qui pouvait écrire dans la base.',
  })
  return [...lines, '', advice].join('\n')
}

function placeOf({ leaf, event, size }: Fault): string {
  const parts = [
    leaf === undefined ? '' : `${inWords({ en: 'position', fr: 'position' })} ${leaf}`,
    event === undefined ? '' : `${inWords({ en: 'act', fr: 'acte' })} ${event}`,
    size === undefined ? '' : `${inWords({ en: 'checkpoint of', fr: 'point de contrôle de' })} ${size}`,
  ]
  return parts.filter(Boolean).join(', ')
}

export function soundText({ size, root, checkpoints, waiting }: TrailReport): string {
  const acts = counted(size, { en: 'act', fr: 'acte' })
  const points = inWords({ en: `${checkpoints} checkpoints`, fr: `${checkpoints} points de contrôle` })
  return inWords({
    en: `Nothing was changed: ${acts} in ${points}, root ${root.toString('base64')}. Waiting for their seal: ${waiting}.`,
    fr: `Rien n’a été changé : ${acts} en ${points}, racine ${root.toString('base64')}. En attente de leur sceau : ${waiting}.`,
  })
}
