"""ONNX graphs, loaded when first run and kept."""

import threading
from collections import OrderedDict

import numpy as np
import onnxruntime as ort

# A model family has seven graphs; a second one may stay warm beside it.
SESSIONS_MAX = 20


class Graphs:
    """Sessions may run in several threads at once; the least recently used one goes when there are too many."""

    def __init__(self, device: str, threads: int):
        self.device = device
        self.threads = threads
        self.lock = threading.Lock()
        self.loaded: OrderedDict[str, ort.InferenceSession] = OrderedDict()

    def run(self, file: str, names: dict, inputs: dict[str, np.ndarray], others: dict[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """`names` maps what the pipeline calls its tensors to what the graph calls them; what the graph does not take is left out. `others` go by the graph's own names."""
        feeds = {**(others or {}), **{name: inputs[role] for role, name in names["inputs"].items() if role in inputs}}
        roles = list(names["outputs"])
        return dict(zip(roles, self.load(file).run([names["outputs"][role] for role in roles], feeds)))

    def load(self, file: str) -> ort.InferenceSession:
        with self.lock:
            session = self.loaded.get(file) or ort.InferenceSession(file, self._options(), providers=self._providers())
            self.loaded[file] = session
            self.loaded.move_to_end(file)
            if len(self.loaded) > SESSIONS_MAX:
                self.loaded.popitem(last=False)
            return session

    def _options(self) -> ort.SessionOptions:
        # As the engine in process has them, and for the same reasons: see libs/inference/src/onnx.
        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return options

    def _providers(self) -> list:
        if self.device == "cpu" or "CUDAExecutionProvider" not in ort.get_available_providers():
            return ["CPUExecutionProvider"]
        return [("CUDAExecutionProvider", {"device_id": int(self.device.split(":")[1])}), "CPUExecutionProvider"]
