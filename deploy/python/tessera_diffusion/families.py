"""What lies in the folder of models: a family is a folder with a `manifest.json`, the same file that Tessera's services read."""

import json
import os
import threading
from dataclasses import dataclass

from .refusals import refused


@dataclass(frozen=True)
class Family:
    name: str
    folder: str
    manifest: dict

    def file(self, relative: str) -> str:
        return os.path.normpath(os.path.join(self.folder, relative))

    def graph(self, name: str) -> dict:
        """A graph as `Graphs.run` takes it. `superResolution/<k>` is the k-th that enlarges, which a family of any pipeline may have."""
        kind, _, number = name.partition("/")
        if kind != "superResolution":
            return self.manifest["graphs"][name]
        entry = self.manifest["superResolution"][int(number)]
        return {"file": entry["file"], "inputs": {"picture": entry["input"]}, "outputs": {"enlarged": entry["output"]}}


class Families:
    """Read again when a manifest has changed, so that a model can be added while Triton runs."""

    def __init__(self, folder: str):
        self.folder = folder
        self.lock = threading.Lock()
        self.known: dict[str, tuple[float, Family]] = {}

    def list(self) -> list[Family]:
        names = sorted(entry.name for entry in os.scandir(self.folder) if os.path.isfile(os.path.join(entry.path, "manifest.json")))
        return [self._read(name) for name in names]

    def named(self, name: str, version: str) -> Family:
        if os.path.basename(name) != name or not os.path.isfile(os.path.join(self.folder, name, "manifest.json")):
            raise refused("InvalidArgument", "unknown_model", f'Triton has no model family "{name}" in {self.folder}: mount the folder of models that the worker reads.')
        family = self._read(name)
        held = family.manifest["version"]
        if held != version:
            raise refused("Unavailable", "model_version_mismatch", f"Triton holds version {held} of {name}, the worker asks for {version}: mount the same folder of models in both.")
        return family

    def _read(self, name: str) -> Family:
        folder = os.path.join(self.folder, name)
        file = os.path.join(folder, "manifest.json")
        changed = os.stat(file).st_mtime
        with self.lock:
            known = self.known.get(name)
            if known and known[0] == changed:
                return known[1]
            with open(file, encoding="utf-8") as text:
                family = Family(name, folder, json.load(text))
            self.known[name] = (changed, family)
            return family
