import { create, toBinary, type DescFile, type DescService } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { Health } from '@tessera/contracts/grpc/health/v1/health_pb.js';
import { HealthImplementation } from 'grpc-health-check';

/** Adds server reflection and the standard health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md) for the given contracts. */
export function addReflectionAndHealth(server: Pick<Server, 'addService'>, services: readonly DescService[]): void {
  const names = services.map((service) => service.typeName);
  const health = new HealthImplementation({ '': 'SERVING', ...Object.fromEntries(names.map((name) => [name, 'SERVING' as const])) });
  health.addToServer(server as Server);
  // The files also hold services that are imported for their messages only; what is not served is not listed.
  new ReflectionService(describedBy([...services, Health]) as never, { services: [...names, Health.typeName] }).addToServer(
    server as Server,
  );
}

/** The part of proto-loader's output that reflection reads: the files. */
function describedBy(services: readonly DescService[]) {
  const fileDescriptorProtos = [...filesOf(services.map((service) => service.file))].map((file) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, create(FileDescriptorProtoSchema, file.proto))),
  );
  return Object.fromEntries(
    services.map((service) => [service.typeName, { format: 'Protocol Buffer 3 ServiceDescriptorProto', type: {}, fileDescriptorProtos }]),
  );
}

/** The files and all that they import, each once. */
function filesOf(files: readonly DescFile[], seen = new Set<DescFile>()): Set<DescFile> {
  for (const file of files) {
    if (seen.has(file)) continue;
    seen.add(file);
    filesOf(file.dependencies, seen);
  }
  return seen;
}
