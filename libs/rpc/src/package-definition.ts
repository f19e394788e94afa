import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type DescService,
  type MessageInitShape,
} from '@bufbuild/protobuf';
import { noteEmpty } from './end-mark.js';

const codec = (schema: DescMessage) => ({
  serialize: (init: MessageInitShape<DescMessage>) => Buffer.from(toBinary(schema, create(schema, init))),
  deserialize: (wire: Uint8Array) => noteEmpty(fromBinary(schema, wire), wire),
});

const methodDefinition = (service: DescService, method: DescMethod) => {
  const input = codec(method.input);
  const output = codec(method.output);
  return {
    path: `/${service.typeName}/${method.name}`,
    originalName: method.localName,
    requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
    responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
    requestSerialize: input.serialize,
    requestDeserialize: input.deserialize,
    responseSerialize: output.serialize,
    responseDeserialize: output.deserialize,
  };
};

/** What proto-loader would have built, from protobuf-es descriptors: no .proto file is read at run time. */
export function packageDefinition(services: readonly DescService[]) {
  return Object.fromEntries(
    services.map((service) => [
      service.typeName,
      Object.fromEntries(service.methods.map((method) => [method.name, methodDefinition(service, method)])),
    ]),
  );
}
