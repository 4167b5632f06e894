import { strictMode } from '../../src/platform/http/problem.ts'

// A handler that gives a refusal which its route does not list fails the test.
strictMode.on = true
