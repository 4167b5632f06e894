import { afterAll } from 'vitest'
import { strictMode } from '../../src/platform/http/problem.ts'
import { endAll } from './ends.ts'

// A handler that gives a refusal which its route does not list fails the test.
strictMode.on = true

afterAll(endAll)
