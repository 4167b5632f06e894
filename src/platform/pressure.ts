import { performance } from 'node:perf_hooks'

/** Whether this process has no time to spare for anything but what it has accepted. */
export type Pressure = {
  readonly isHigh: () => boolean
  /** From then on it is never high. */
  readonly close: () => void
}

const LOOK_MS = 250
/** Of the time, so much was work and not waiting: what is asked next would be done at the cost of what is under way. */
const HIGH = 0.9

/**
 * Watches how busy the event loop is. Where one process both takes orders and pays them, paying goes first: who takes new
 * work asks here how much of it may be done at once. While there is nothing to pay, nobody has to give way to it: five
 * thousand clients that all come back at once are served as fast as can be.
 */
export function openPressure(isPaying: () => boolean): Pressure {
  let before = performance.eventLoopUtilization()
  let high = false
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization()
    high = performance.eventLoopUtilization(now, before).utilization >= HIGH && isPaying()
    before = now
  }, LOOK_MS)
  timer.unref()
  const close = (): void => {
    clearInterval(timer)
    high = false
  }
  return { isHigh: () => high, close }
}

/** A process that does not pay gives all its time to whoever asks. */
export const noPressure: Pressure = { isHigh: () => false, close: () => undefined }
