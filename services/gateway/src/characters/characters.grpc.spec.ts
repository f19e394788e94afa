import { credentials, makeGenericClientConstructor, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  CharacterService,
  type CreateCharacterResponse,
  type ListCharactersResponse,
} from '@tessera/contracts/tessera/gateway/v1/characters_pb.js';
import { newId } from '@tessera/platform/ids.js';
import { packageDefinition } from '@tessera/rpc/package-definition.js';
import { openGateway, type OpenGateway } from '../gateway.fixture.js';

type Call = (request: object, metadata: Metadata, done: (error: ServiceError | null, reply: never) => void) => void;

describe('characters by gRPC', () => {
  let gateway: OpenGateway;
  let client: InstanceType<ReturnType<typeof makeGenericClientConstructor>>;
  beforeAll(async () => {
    gateway = await openGateway();
    const Client = makeGenericClientConstructor(packageDefinition([CharacterService])[CharacterService.typeName] as never, 'Characters');
    client = new Client(gateway.grpcAddress, credentials.createInsecure());
  });
  afterAll(async () => {
    client.close();
    await gateway.close();
  });

  const call = <T>(method: string, request: object, key: string | undefined = gateway.key) =>
    new Promise<T>((resolve, reject) => {
      const metadata = new Metadata();
      if (key) metadata.set('authorization', `Bearer ${key}`);
      (client[method] as unknown as Call).call(client, request, metadata, (error, reply) => (error ? reject(error) : resolve(reply)));
    });

  it('are created, listed, read and deleted for the account of the key', async () => {
    const imageIds = [newId(), newId()];
    const { character } = await call<CreateCharacterResponse>('CreateCharacter', { name: 'Rex', imageIds });
    expect(character).toMatchObject({ name: 'Rex', assetIds: imageIds });
    const characterId = character?.characterId ?? '';
    expect((await call<ListCharactersResponse>('ListCharacters', {})).characters).toEqual([character]);
    expect(await call('GetCharacter', { characterId })).toMatchObject({ character });
    await call('DeleteCharacter', { characterId });
    await expect(call('GetCharacter', { characterId })).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it.each(['CreateCharacter', 'ListCharacters', 'GetCharacter', 'DeleteCharacter'])('are for nobody without a key: %s', async (method) => {
    await expect(call(method, {}, '')).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  });
});
