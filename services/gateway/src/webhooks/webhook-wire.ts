import type { DescribedDelivery, DescribedWebhook } from './webhooks.js';
import { timeOf } from '../http/tessera-wire.js';

export const webhookWire = ({ id, url, events, description, isEnabled, createdMs }: DescribedWebhook) => ({
  id,
  url,
  events,
  ...(description ? { description } : {}),
  isEnabled,
  createdAt: timeOf(createdMs),
});

export const deliveryWire = ({
  id,
  webhookId,
  eventType,
  state,
  attempts,
  createdMs,
  attemptedMs,
  dueMs,
  status,
  error,
  payload,
}: DescribedDelivery) => ({
  id,
  webhookId,
  event: eventType,
  state,
  attempts,
  createdAt: timeOf(createdMs),
  ...(attemptedMs === undefined ? {} : { attemptedAt: timeOf(attemptedMs) }),
  ...(state === 'pending' && dueMs !== undefined ? { nextAttemptAt: timeOf(dueMs) } : {}),
  ...(status === undefined ? {} : { status }),
  ...(error === undefined ? {} : { error }),
  payload: JSON.parse(payload) as unknown,
});
