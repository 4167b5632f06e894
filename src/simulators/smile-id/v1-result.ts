import type { Job, Step } from './jobs.ts'

/** The result of a document verification, shaped as in the provider's own SDKs. */
export function resultOf(job: Job, { outcome, is_final }: Step): Record<string, unknown> {
  const passed = outcome.status === 'clear' || outcome.status === 'attention' ? 'Passed' : 'Failed'
  return {
    JSONVersion: '1.0.0',
    SmileJobID: job.id,
    PartnerParams: { job_id: job.job_id, user_id: job.user_id, job_type: 6 },
    ResultType: 'Document Verification',
    ResultText: outcome.text,
    ResultCode: outcome.code,
    IsFinalResult: is_final ? 'true' : 'false',
    Actions: {
      Liveness_Check: outcome.code === '0813' ? 'Failed' : passed,
      Register_Selfie: outcome.status === 'clear' ? 'Approved' : 'Not Done',
      Verify_Document: passed,
      Human_Review_Compare: outcome.code.startsWith('12') ? passed : 'Not Done',
      Return_Personal_Info: 'Returned',
      Selfie_To_ID_Card_Compare: 'Completed',
    },
    FullName: `${job.first_name} ${job.last_name}`.trim(),
    Country: job.country,
    IDType: job.id_type ?? 'IDENTITY_CARD',
    IDNumber: numberOf(job.user_id),
    DOB: outcome.born,
    Gender: 'M',
    ExpirationDate: outcome.expires,
  }
}

/** The same person shows the same number. */
function numberOf(user_id: string): string {
  let value = 7
  for (const byte of Buffer.from(user_id)) value = (value * 31 + byte) % 1_000_000_000
  return String(value).padStart(9, '0')
}
