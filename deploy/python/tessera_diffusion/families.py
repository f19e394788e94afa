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
    """Read again when a manifest has changed, so that a model can be added while the engine runs."""

    def __init__(self, folders: str):
        """One folder of models or several, as in PATH."""
        self.folders = folders.split(os.pathsep)
        self.lock = threading.Lock()
        self.known: dict[str, tuple[float, Family]] = {}

    def list(self) -> list[Family]:
        found = {entry.name: entry.path for folder in reversed(self.folders) for entry in os.scandir(folder) if self._is_family(entry.path)}
        return [self._read(found[name]) for name in sorted(found)]

    def named(self, name: str, version: str) -> Family:
        here = [os.path.join(folder, name) for folder in self.folders if os.path.basename(name) == name and self._is_family(os.path.join(folder, name))]
        if not here:
            raise refused("InvalidArgument", "unknown_model", f'There is no model family "{name}" in {", ".join(self.folders)}: mount the folder of models that the worker reads.')
        family = self._read(here[0])
        held = family.manifest["version"]
        if held != version:
            raise refused("Unavailable", "model_version_mismatch", f"The engine holds version {held} of {name}, the worker asks for {version}: mount the same folder of models in both.")
        return family

    @staticmethod
    def _is_family(folder: str) -> bool:
        # A hidden folder is a model that is just being added, or removed.
        return not os.path.basename(folder).startswith(".") and os.path.isfile(os.path.join(folder, "manifest.json"))

    def _read(self, folder: str) -> Family:
        file = os.path.join(folder, "manifest.json")
        changed = os.stat(file).st_mtime
        with self.lock:
            known = self.known.get(folder)
            if known and known[0] == changed:
                return known[1]
            with open(file, encoding="utf-8") as text:
                family = Family(os.path.basename(folder), folder, json.load(text))
            self.known[folder] = (changed, family)
            return family
