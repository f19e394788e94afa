"""LoRA files of one pipeline: those of a variant in the family's folder, and those of a request, which are known by their digest."""

import hashlib
import inspect
import os
import tempfile
import threading
from collections import OrderedDict

import numpy as np

from .families import Family
from .refusals import Refusal, refused

# LoRA files that stay loaded in one pipeline; each is a few hundred megabytes at most.
ADAPTERS_KEPT = 8
# What requests have brought and lies on disk; what was not used for longest goes. A file is sent again when it is asked for again.
FILES_BYTES_MAX = 8 * 1024**3
HEX = set("0123456789abcdef")
# Other ways to change weights, whose files look alike.
LOW_RANK_OF_OTHER_KINDS = {
    "hada_": "LoHa", "lokr_": "LoKr", "oft_": "OFT", "boft_": "BOFT", ".a1.": "GLoRA", "diff_b": "set of full differences", "dora_scale": "DoRA", "lora_magnitude_vector": "DoRA",
}  # fmt: skip


class AdapterFiles:
    """The folder of files that came by digest; several processes may share it."""

    def __init__(self):
        self.folder = os.environ.get("TESSERA_ADAPTERS_CACHE") or os.path.join(tempfile.gettempdir(), "tessera-adapters")
        self.lock = threading.Lock()

    def path(self, digest: str) -> str:
        if len(digest) != 64 or not set(digest) <= HEX:
            raise refused("InvalidArgument", "unreadable_adapter", "An adapter is named by the SHA-256 of its file, in small hexadecimal letters.")
        return os.path.join(self.folder, f"{digest}.safetensors")

    def refuse_if_absent(self, adapters: list[dict]) -> None:
        """The caller reads the digests at the end, sends the files, and asks again."""
        digests = [each["sha256"] for each in adapters if "sha256" in each]
        absent = [digest for digest in dict.fromkeys(digests) if not os.path.isfile(self.path(digest))]
        if absent:
            raise refused("Unavailable", "adapter_absent", f"These adapter files have to be sent first: {' '.join(absent)}")
        for digest in digests:
            os.utime(self.path(digest))

    def keep(self, digest: str, data: np.ndarray) -> None:
        path = self.path(digest)
        if hashlib.sha256(data).hexdigest() != digest:
            raise refused("InvalidArgument", "unreadable_adapter", "The adapter's bytes do not have the digest that was named.")
        os.makedirs(self.folder, exist_ok=True)
        # Whole or not at all, for whoever reads it meanwhile.
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".part", delete=False) as part:
            part.write(data.tobytes())
        os.replace(part.name, path)
        with self.lock:
            self._make_room(path)

    def _make_room(self, newest: str) -> None:
        files = sorted((entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in os.scandir(self.folder) if entry.name.endswith(".safetensors"))
        too_many = sum(size for _, size, _ in files) - FILES_BYTES_MAX
        for _, size, path in files:
            if too_many <= 0:
                return
            if path != newest:
                os.remove(path)
                too_many -= size


class Adapters:
    def __init__(self, pipe, family: Family, files: AdapterFiles):
        self.pipe, self.family, self.files = pipe, family, files
        self.loaded: OrderedDict[str, str] = OrderedDict()

    def use(self, adapters: list[dict]) -> None:
        """Exactly these LoRA files act afterwards, with their weights. One that was used lately is still in memory."""
        names = [self._load(adapter) for adapter in adapters]
        if not names:
            if self.loaded:
                self.pipe.disable_lora()
            return
        self.pipe.enable_lora()
        self.pipe.set_adapters(names, [each["weight"] for each in adapters])
        while len(self.loaded) > max(ADAPTERS_KEPT, len(set(names))):
            _, oldest = self.loaded.popitem(last=False)
            self.pipe.delete_adapters([oldest])

    def _load(self, adapter: dict) -> str:
        key = adapter.get("sha256") or adapter["file"]
        path, name = self._by_digest(key) if "sha256" in adapter else self._by_file(key)
        if self.loaded.get(key) != name:
            if key in self.loaded:
                self.pipe.delete_adapters([self.loaded.pop(key)])
            self._add(path, name)
            self.loaded[key] = name
        self.loaded.move_to_end(key)
        return name

    def _by_digest(self, digest: str) -> tuple[str, str]:
        return self.files.path(digest), f"sha256_{digest}"

    def _by_file(self, file: str) -> tuple[str, str]:
        path = self.family.file(file)
        if not path.startswith(self.family.folder + os.sep) or not os.path.isfile(path):
            raise refused("InvalidArgument", "unknown_adapter", f'{self.family.name} has no adapter "{file}".')
        return path, "".join(letter if letter.isalnum() else "_" for letter in f"{file}_{os.stat(path).st_mtime_ns}")

    def _add(self, path: str, name: str) -> None:
        """All of the file, or nothing: what diffusers had loaded before it failed would act in every later picture."""
        before = self._known()
        try:
            weights = named(readable(path), denoiser_name(self.pipe))
            self.pipe.load_lora_weights(dict(weights), adapter_name=name)
            if name not in self._known():
                raise refused("InvalidArgument", "foreign_adapter", f"The adapter holds no layer of {self.family.name}: it was made for another model.")
            self._refuse_if_partial(weights, name)
        except Exception as error:
            added = self._known() - before
            if added:
                self.pipe.delete_adapters(sorted(added))
            if isinstance(error, Refusal):
                raise
            raise refused_for(error, self.family) from error

    def _refuse_if_partial(self, weights: dict, name: str) -> None:
        """diffusers leaves out layers that it does not find, with a line in its log."""
        convert = self.pipe.lora_state_dict
        unet = {"unet_config": self.pipe.unet.config} if "unet_config" in inspect.signature(convert).parameters else {}
        converted = convert(dict(weights), **unet)
        converted = converted[0] if isinstance(converted, tuple) else converted
        held = sum(key.endswith((".lora_A.weight", ".down.weight")) for key in converted)
        acting = sum(name in getattr(module, "lora_A", ()) for part in self.pipe.components.values() if hasattr(part, "modules") for module in part.modules())
        if acting < held:
            raise refused("InvalidArgument", "foreign_adapter", f"Only {acting} of the adapter's {held} layers are layers of {self.family.name}.")

    def _known(self) -> set[str]:
        return {name for names in self.pipe.get_list_adapters().values() for name in names}


def readable(path: str) -> dict:
    """Its matrices, unless it is something else than a LoRA: half of it would be loaded as one."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise refused("InvalidArgument", "unreadable_adapter", "The adapter is not a whole safetensors file.") from error
    for key in weights:
        other = next((kind for mark, kind in LOW_RANK_OF_OTHER_KINDS.items() if mark in key), None)
        if other:
            raise refused("InvalidArgument", "unreadable_adapter", f"The adapter is a {other}; LoRA files are what is read.")
    return weights


def named(weights: dict, part: str) -> dict:
    """By names that diffusers knows: peft writes them below `base_model.model`, without that of the part."""
    return {key.replace("base_model.model.", f"{part}.", 1) if key.startswith("base_model.model.") else key: value for key, value in weights.items()}


def denoiser_name(pipe) -> str:
    return "unet" if hasattr(pipe, "unet") else "transformer"


def refused_for(error: Exception, family: Family) -> Refusal:
    """diffusers and peft say it in many ways; shapes that do not fit are the sure sign of another model."""
    if "size mismatch" in str(error):
        return refused("InvalidArgument", "foreign_adapter", f"The adapter's matrices do not fit the layers of {family.name}: it was made for another model.")
    return refused("InvalidArgument", "unreadable_adapter", f"The adapter cannot be loaded into {family.name}: its keys are of no format that is known, or some are missing.")
