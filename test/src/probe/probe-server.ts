import { host } from '@tessera/host/host.js';
import { configFromEnvironment } from '@tessera/platform/config.js';
import { billing } from '@tessera/service-billing/billing.module.js';
import { generation } from '@tessera/service-generation/generation.module.js';
import { jobs } from '@tessera/service-jobs/jobs.module.js';
import { storage } from '@tessera/service-storage/storage.module.js';
import { ImageRunner } from '@tessera/service-worker/runners/image/image-runner.js';
import { workerWith } from '@tessera/service-worker/worker.module.js';
import { ProbeRunner } from './probe-runner.js';

/** The single process with one runner more, and without a gateway: its gRPC port serves the contracts of the services themselves. */
const hosted = await host([billing, storage, jobs, generation, workerWith([ImageRunner, ProbeRunner])], configFromEnvironment(process.env));
process.once('SIGTERM', () => void hosted.close().then(() => process.exit(0)));
process.stdout.write(`${JSON.stringify({ ready: 'probe', grpc: hosted.grpcAddress })}\n`);
