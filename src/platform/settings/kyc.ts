import { seconds, secondsList } from '../config-values.ts'

/** When the provider of identity checks is asked, and how long it is waited for. */
export const kycSettings = {
  KYC_SWEEP_S: seconds.default(5).describe('pause between looks for identity checks that are due'),
  KYC_QUERY_DELAYS_S: secondsList
    .default([5, 15, 60, 300, 900, 3600])
    .describe('pauses between questions to the provider about a check; the last one repeats'),
  KYC_NOT_FOUND_AFTER_S: seconds
    .default(900)
    .describe(
      'the provider’s own delay before «not found» means anything; twice, and the check is handed over anew',
    ),
  KYC_RETRY_DELAYS_S: secondsList
    .default([60, 900, 7200])
    .describe('pauses before each new check where the provider failed; then people look'),
  KYC_REVIEW_AFTER_S: seconds
    .default(259_200)
    .describe('how long a check may stay undecided before people must look'),
  KYC_HINT_EVERY_S: seconds
    .default(30)
    .describe('a callback brings a question about its check forward at most once in so long'),
}
