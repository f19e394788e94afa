import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AssetMarkedSchema, type AssetMarked } from '@tessera/contracts/tessera/storage/v1/events_pb.js';
import { Documents, retryOnConflict, type Collection, type Page } from '@tessera/documents/documents.js';
import { EventBus } from '@tessera/events/event-bus.js';

type MarkedPicture = { readonly accountId: string; readonly jobId: string; readonly isAccepted: boolean; readonly markedMs: number };

/** A page of the document store. */
const pageMax = 1_000;

/** Which painted pictures somebody has taken: an accepted picture is one that a person or a program has marked so. It stays accepted when it is deleted later; what it cost was not in vain. */
@Injectable()
export class AcceptedPictures implements OnModuleInit {
  private readonly pictures: Collection<MarkedPicture>;

  constructor(
    private readonly documents: Documents,
    private readonly bus: EventBus,
  ) {
    this.pictures = documents.collection<MarkedPicture>({
      name: 'billing.acceptedPictures',
      version: 1,
      indexes: [{ name: 'byJob', fields: ['jobId'] }],
    });
  }

  onModuleInit(): void {
    this.bus.subscribe(AssetMarkedSchema, 'billing', (event) => this.note(event));
  }

  /** The accepted pictures of jobs, by job. */
  async ofJobs(jobIds: readonly string[]): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    const accepted = new Map<string, Set<string>>();
    for (let after: string | undefined; jobIds.length > 0;) {
      const page: Page<MarkedPicture> = await this.pictures.find({
        where: { jobId: { in: jobIds } },
        limit: pageMax,
        ...(after ? { after } : {}),
      });
      for (const { id, value } of page.items)
        if (value.isAccepted) accepted.set(value.jobId, (accepted.get(value.jobId) ?? new Set()).add(id));
      if (!page.next) break;
      after = page.next;
    }
    return accepted;
  }

  /** An event may come twice. */
  private async note({ assetId, accountId, jobId, isAccepted, markedMs }: AssetMarked): Promise<void> {
    const marked = { accountId, jobId, isAccepted, markedMs: Number(markedMs) };
    await retryOnConflict(async () => {
      const known = await this.pictures.get(assetId);
      if (known && known.value.markedMs > marked.markedMs) return;
      await this.documents.commit([known ? this.pictures.replace(known, marked) : this.pictures.insert(assetId, marked)]);
    });
  }
}
