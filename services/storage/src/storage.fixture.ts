import { Documents } from '@tessera/documents/documents.js';
import { EventBus } from '@tessera/events/event-bus.js';
import { AssetMarkedSchema, type AssetMarked } from '@tessera/contracts/tessera/storage/v1/events_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { listenerTo } from '@tessera/host/testing/event-listener.js';
import { objectLinksHttp } from '@tessera/host/testing/object-links-http.js';
import { startTestHost } from '@tessera/host/testing/test-host.js';
import { ManualClock } from '@tessera/platform/clock.js';
import sharp from 'sharp';
import { storage } from './storage.module.js';

export type RunningStorage = Awaited<ReturnType<typeof runStorage>>;

/** The service as its host runs it, reached as other services reach it, with a clock that tests move and a listener to its marks. */
export async function runStorage() {
  const clock = new ManualClock();
  const marked: AssetMarked[] = [];
  const hosted = await startTestHost([storage, objectLinksHttp, listenerTo(AssetMarkedSchema, marked)], { replace: { clock } });
  const { bareObjects: objects } = hosted.ports;
  if (!objects) throw new Error('Storage uses objects.');
  return {
    marked,
    clock,
    bus: hosted.get(EventBus),
    objects,
    documents: hosted.get(Documents),
    app: hosted.app,
    storage: hosted.client(StorageService),
    close: () => hosted.close(),
  };
}

export const accountId = 'account-1';

/** A small picture with noise in it, so that cutting it off shows. */
export function encodedPicture(format: 'png' | 'jpeg' | 'webp' | 'gif', sidePx = 64): Promise<Buffer> {
  return sharp({
    create: { width: sidePx, height: sidePx, channels: 3, background: 'red', noise: { type: 'gaussian', mean: 128, sigma: 30 } },
  })
    .toFormat(format)
    .toBuffer();
}

export const newAsset = (assetId: string, index: number, data: Uint8Array, contentType = 'image/png') => ({
  assetId,
  index,
  contentType,
  widthPx: 64,
  heightPx: 64,
  data,
});
