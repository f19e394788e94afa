import { notFound } from '@tessera/platform/errors.js';
import { newId } from '@tessera/platform/ids.js';

const unknown = () => {
  throw notFound('unknown_dataset', 'There is no such dataset.', { param: 'dataset_id' });
};

/** Training as the gateway's own specs need it: nobody has a dataset. */
export const datasetHandlers = {
  CreateDataset: ({ accountId, name }: { accountId: string; name: string }) => ({ dataset: { datasetId: newId(), accountId, name } }),
  ListDatasets: () => ({ datasets: [] }),
  GetDataset: unknown,
  UpdateDataset: unknown,
  DeleteDataset: unknown,
  CreatePictureUpload: unknown,
  AddGeneratedPicture: unknown,
  UpdatePicture: unknown,
  DeletePicture: unknown,
  FreezeDataset: unknown,
  ListVersions: unknown,
  GetVersion: unknown,
};
