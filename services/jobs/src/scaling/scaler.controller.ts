import type { Metadata } from '@grpc/grpc-js';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  ExternalScaler,
  type GetMetricSpecResponseSchema,
  type GetMetricsRequest,
  type GetMetricsResponseSchema,
  type IsActiveResponseSchema,
  type ScaledObjectRef,
} from '@tessera/contracts/externalscaler/externalscaler_pb.js';
import { invalidArgument } from '@tessera/platform/errors.js';
import { streamOf } from '@tessera/rpc/streams.js';
import type { Observable } from 'rxjs';
import { Queue } from '../queue/queue.js';
import { Scaler, scalingMetrics, type ScalingTarget } from './scaler.js';
import { scalingTarget } from './scaling-target.js';

/**
 * KEDA's external push scaler over the queue itself. StreamMetricSpec is left out, as its contract allows: what is aimed at stands in the ScaledObject and never changes
 * without it. The old integer fields are filled, too, for autoscalers that read only those.
 */
@Controller()
export class ScalerController {
  constructor(
    private readonly scaler: Scaler,
    private readonly queue: Queue,
  ) {}

  @GrpcMethod(ExternalScaler.typeName)
  async isActive({ scalerMetadata }: ScaledObjectRef): Promise<MessageInitShape<typeof IsActiveResponseSchema>> {
    return { result: await this.scaler.isActive(this.#target(scalerMetadata).pool) };
  }

  @GrpcMethod(ExternalScaler.typeName)
  streamIsActive({ scalerMetadata }: ScaledObjectRef): Observable<MessageInitShape<typeof IsActiveResponseSchema>> {
    const { pool } = this.#target(scalerMetadata);
    return streamOf((signal) => this.#activity(pool, signal));
  }

  @GrpcMethod(ExternalScaler.typeName)
  getMetricSpec({ scalerMetadata }: ScaledObjectRef): MessageInitShape<typeof GetMetricSpecResponseSchema> {
    const metrics = scalingMetrics(this.#target(scalerMetadata));
    return { metricSpecs: metrics.map(({ name, target }) => ({ metricName: name, targetSize: whole(target), targetSizeFloat: target })) };
  }

  @GrpcMethod(ExternalScaler.typeName)
  async getMetrics(
    { scaledObjectRef, metricName }: GetMetricsRequest,
    _metadata: Metadata,
  ): Promise<MessageInitShape<typeof GetMetricsResponseSchema>> {
    const target = this.#target(scaledObjectRef?.scalerMetadata ?? {});
    const metrics = scalingMetrics(target);
    const metric = metrics.find(({ name }) => name === metricName);
    if (!metric)
      throw invalidArgument(
        'unknown_metric',
        `There is no metric "${metricName.slice(0, 80)}"; there are ${metrics.map(({ name }) => name).join(', ')}.`,
        { param: 'metric_name' },
      );
    const value = metric.value(await this.scaler.measure(target.pool));
    return { metricValues: [{ metricName, metricValue: whole(value), metricValueFloat: value }] };
  }

  #target(metadata: Readonly<Record<string, string>>): ScalingTarget {
    return scalingTarget(metadata, this.queue.pools);
  }

  async *#activity(pool: string, signal: AbortSignal): AsyncGenerator<MessageInitShape<typeof IsActiveResponseSchema>> {
    for await (const result of this.scaler.activity(pool, signal)) yield { result };
  }
}

/** Upwards: a target of nothing would be none, and a backlog below one second is still a backlog. */
const whole = (value: number): bigint => BigInt(Math.ceil(value));
