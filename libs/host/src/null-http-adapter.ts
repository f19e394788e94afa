import { createServer } from 'node:http';
import { AbstractHttpAdapter } from '@nestjs/core';

const nothing = (): undefined => undefined;
const never = () => (): never => {
  throw new Error('A service that serves no HTTP was given a route');
};

/** For services with gRPC and events only: a Nest application requires an HTTP adapter, and this one never listens. */
export class NullHttpAdapter extends AbstractHttpAdapter {
  initHttpServer(): void {
    this.setHttpServer(createServer());
  }

  getType = (): string => 'none';
  close = nothing;
  useStaticAssets = nothing;
  setViewEngine = nothing;
  getRequestHostname = nothing;
  getRequestMethod = nothing;
  getRequestUrl = nothing;
  status = nothing;
  reply = nothing;
  end = nothing;
  render = nothing;
  redirect = nothing;
  setErrorHandler = nothing;
  setNotFoundHandler = nothing;
  isHeadersSent = nothing;
  getHeader = nothing;
  setHeader = nothing;
  appendHeader = nothing;
  registerParserMiddleware = nothing;
  enableCors = nothing;
  createMiddlewareFactory = never;
  applyVersionFilter = never;
}
