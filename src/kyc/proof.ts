/** Until when a proof is good: so many years, or to the last day of the document where that comes first. */
export function endOfProof(now: Date, years: number, document_expires_on: string | null): Date {
  const most = new Date(now)
  most.setUTCFullYear(most.getUTCFullYear() + years)
  if (document_expires_on === null) return most
  const last = new Date(`${document_expires_on}T23:59:59.999Z`)
  return last > now && last < most ? last : most
}
