/**
 * Where Smile ID keeps what is uploaded: its own hosts, and its buckets at Amazon S3
 * (`smile-uploads-….s3.us-west-2.amazonaws.com`, `…s3-accelerate…`).
 */
const HOSTS = [
  /^([a-z0-9-]+\.)+smileidentity\.com$/,
  /^([a-z0-9-]+\.)+usesmileid\.com$/,
  /^smile-[a-z0-9-]+\.s3(-accelerate|[.-][a-z0-9-]+)?\.amazonaws\.com$/,
]
const LOOPBACK = /^(127(\.\d+){3}|\[::1\]|localhost)$/

/**
 * Whether the address that came in an answer may be given the images: only the provider's own, or, where the provider itself is on
 * this machine, another address of this machine.
 */
export function isUploadUrl(text: unknown, provider: URL): text is string {
  if (typeof text !== 'string' || text.length > 4_096) return false
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '' || /[^\x21-\x7e]/.test(text)) return false
  if (LOOPBACK.test(provider.hostname)) return url.protocol === 'http:' && LOOPBACK.test(url.hostname)
  return url.protocol === 'https:' && url.port === '' && HOSTS.some((host) => host.test(url.hostname))
}
