import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import { Refusal } from '../errors.ts'
import { hostName, isLoopbackOrigin } from './sandbox-trust.ts'
import { nulInside } from './validation.ts'

/** Headers, origins and host names: what is decided for every request before any route. */
export async function guardEdge(app: FastifyInstance, config: Config): Promise<void> {
  const production = config.CAURI_MODE === 'production'
  await app.register(helmet, {
    global: true,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        // Swagger UI and the console's component library set styles on elements.
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        connectSrc: ["'self'"],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    hsts: production ? { maxAge: 63_072_000, includeSubDomains: true } : false,
  })
  await app.register(cors, {
    origin: production
      ? (config.CORS_ORIGINS ?? false)
      : (origin: string | undefined) =>
          Promise.resolve(origin !== undefined && isLoopbackOrigin(origin) ? origin : false),
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: [
      'Authorization',
      'Cauri-Organization',
      'Content-Type',
      'Idempotency-Key',
      'Last-Event-ID',
      'X-Request-Id',
    ],
    exposedHeaders: ['Location', 'Link', 'Retry-After', 'Idempotency-Replayed', 'X-Request-Id'],
    maxAge: 600,
    strictPreflight: false,
  })
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('cache-control', 'no-store')
    done(edgeRefusal(request, config.ALLOWED_HOSTS))
  })
}

function edgeRefusal(request: FastifyRequest, allowed: readonly string[] | undefined): Refusal | undefined {
  if (!isAllowedHost(hostName(request.headers.host), allowed)) return new Refusal('HOST_NOT_ALLOWED')
  return /%00/.test(request.url) ? nulInside() : undefined
}

/** ALLOWED_HOSTS as Django reads it: `*` is any, `.example.com` is the domain and what is under it. */
export function isAllowedHost(host: string, allowed: readonly string[] | undefined): boolean {
  if (allowed === undefined || allowed.length === 0) return true
  return allowed.some((entry) => {
    const name = entry.toLowerCase()
    if (name === '*') return true
    return name.startsWith('.') ? host === name.slice(1) || host.endsWith(name) : host === name
  })
}
