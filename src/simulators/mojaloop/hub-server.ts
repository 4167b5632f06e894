import type { Server } from 'node:http'
import { JSON_TYPE, openServer, send } from '../http.ts'
import type { World } from './world.ts'

export function openHubServer(_world: World): Server {
  return openServer(
    ({ res }) => send(res, 200, JSON_TYPE, '{"status":"OK"}'),
    (res, error) => send(res, 500, JSON_TYPE, JSON.stringify({ message: error.message })),
  )
}
