import { DeviceTime } from './device-time.js';
import { Semaphore } from '@tessera/platform/concurrency/semaphore.js';

/** What the batches of a runner share, whichever pool they come from. */
export class Device {
  readonly permits: Semaphore;
  readonly time = new DeviceTime();

  constructor(computingMax: number) {
    this.permits = new Semaphore(computingMax);
  }
}
