import type { CheckImage, CheckJob } from '../identity-check.ts'
import type { Json } from './shape.ts'
import { zipOf } from './zip.ts'

/** Job type 6: the face of a selfie against a document. */
export const DOCUMENT_VERIFICATION = 6

const ARCHIVE = 'selfie.zip'
/** Files of the archive, by what they show; the numbers with base64 in info.json instead are 2, 3, 6 and 7. */
const imageTypes: Readonly<Record<CheckImage['kind'], number>> = {
  SELFIE: 0,
  ID_FRONT: 1,
  LIVENESS: 4,
  ID_BACK: 5,
}

type Stamp = { readonly timestamp: string; readonly signature: string }

const partnerParams = ({ job_id, user_id }: CheckJob): object => ({
  job_id,
  user_id,
  job_type: DOCUMENT_VERIFICATION,
})

/** What is known of the document before anybody read it. `entered` would mean that its number was typed in. */
const idInfo = ({ country, id_type, first_name, last_name }: CheckJob): object => ({
  country,
  ...(id_type === null ? {} : { id_type }),
  first_name,
  last_name,
  entered: 'false',
})

/** Body of POST /v1/upload, which prepares a job and says where its archive goes. */
export const preparationOf = (
  job: CheckJob,
  { partner_id }: { readonly partner_id: string },
  stamp: Stamp,
): object => ({
  callback_url: job.callback_url,
  file_name: ARCHIVE,
  model_parameters: {},
  partner_params: partnerParams(job),
  smile_client_id: partner_id,
  use_enrolled_image: false,
  ...idInfo(job),
  ...stamp,
  source_sdk: 'rest_api',
  source_sdk_version: '1.0.0',
})

/** The archive: info.json, and each image as a file that it names. */
export function archiveOf(
  job: CheckJob,
  {
    partner_id,
    stamp,
    server,
  }: { readonly partner_id: string; readonly stamp: Stamp; readonly server: Json },
): Buffer {
  const images = job.images.map((image, i) => ({
    image_type_id: imageTypes[image.kind],
    image: '',
    file_name: `${image.kind.toLowerCase()}-${i + 1}.${image.type === 'image/png' ? 'png' : 'jpg'}`,
  }))
  const info = {
    package_information: {
      apiVersion: { buildNumber: 0, majorVersion: 2, minorVersion: 0 },
      language: 'rest_api',
    },
    misc_information: {
      ...stamp,
      retry: 'false',
      partner_params: partnerParams(job),
      file_name: ARCHIVE,
      smile_client_id: partner_id,
      callback_url: job.callback_url,
      userData: {},
    },
    id_info: idInfo(job),
    images,
    server_information: server,
  }
  const files = job.images.map(({ bytes }, i) => ({ name: images[i]?.file_name ?? '', bytes }))
  return zipOf([{ name: 'info.json', bytes: Buffer.from(JSON.stringify(info)) }, ...files])
}
