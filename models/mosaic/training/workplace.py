"""Where data, checkpoints and exported graphs live: outside git, in the folder that MOSAIC_WORK names."""
import os
from pathlib import Path

WORK = Path(os.environ.get('MOSAIC_WORK', 'mosaic-work'))
DATA, CHECKPOINTS, SHEETS, EXPORT = WORK / 'data', WORK / 'checkpoints', WORK / 'sheets', WORK / 'export'
for _folder in (DATA, CHECKPOINTS, SHEETS, EXPORT):
    _folder.mkdir(parents=True, exist_ok=True)


def save_atomically(value, path):
    """A kill in the middle of a write must not cost the last good checkpoint."""
    import torch
    partial = Path(f'{path}.partial')
    torch.save(value, partial)
    os.replace(partial, path)
