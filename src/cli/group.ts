import type { Command } from 'commander'

/** Adds its commands to the program. */
export type Group = (program: Command) => void

/** What every command takes. */
export type Common = { readonly json?: true }

/** A command that does something, under its group, with the options that all have. */
export const leaf = (parent: Command, name_and_arguments: string, summary: string): Command =>
  parent.command(name_and_arguments).description(summary).option('--json', 'print one JSON document')

/** A word that only holds other commands. */
export const branch = (parent: Command, name: string, summary: string): Command =>
  parent.command(name).description(summary).helpCommand(false)
