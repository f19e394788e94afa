"""Triton's side: takes requests and streams what comes of them. See deploy/triton/README.md for the contract."""

import json
import os
import sys

import numpy as np
import triton_python_backend_utils as pb

# The package that does the work, deploy/python: below the same root as this repository, if nothing else is said.
sys.path.insert(0, os.environ.get("TESSERA_PYTHON_PACKAGE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), *[".."] * 4, "python"))
# Where torch and diffusers lie when they are not in the backend's own folder.
if os.environ.get("TESSERA_TRITON_PACKAGES"):
    sys.path.append(os.environ["TESSERA_TRITON_PACKAGES"])

from tessera_diffusion.open_tasks import Answers, OpenTasks
from tessera_diffusion.tasks import Tasks

FINAL = pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL
# Names: the codes themselves are there only after this file has been imported.
CODES = {"InvalidArgument": "INVALID_ARG", "Unavailable": "UNAVAILABLE", "Cancelled": "CANCELLED", "Internal": "INTERNAL"}


class TritonPythonModel:
    def initialize(self, args):
        parameters = {key: value["string_value"] for key, value in json.loads(args["model_config"])["parameters"].items()}
        device = f"cuda:{args['model_instance_device_id']}" if args["model_instance_kind"] == "GPU" else "cpu"
        tasks = Tasks(
            models_folder=os.environ["TESSERA_MODELS"],
            device=device,
            threads=int(os.environ.get("TESSERA_ENGINE_THREADS") or min(4, os.cpu_count() or 1)),
            paintings_at_once=int(parameters["paintings_at_once"]),
            pipelines_kept=int(parameters["pipelines_kept"]),
        )
        self.open = OpenTasks(tasks, pb.Logger.log_error)

    def execute(self, requests):
        """Answers come from threads, so that the next request is taken while this one runs. Inputs lie in shared memory that is gone when this returns: they are copied."""
        for request in requests:
            task = json.loads(pb.get_input_tensor_by_name(request, "task").as_numpy()[0])
            block = pb.get_input_tensor_by_name(request, "tensors").as_numpy().tobytes()
            self.open.start(TritonAnswers(request.get_response_sender()), task, block)
        return None

    def finalize(self):
        self.open.stop()


class TritonAnswers(Answers):
    """The responses to one request."""

    def __init__(self, sender):
        super().__init__()
        self.sender = sender

    def is_cancelled(self):
        return self.sender.is_cancelled()

    def send(self, event, payload):
        outputs = [pb.Tensor("event", np.array([json.dumps(event).encode()], dtype=np.object_))]
        if payload is not None:
            outputs.append(pb.Tensor("payload", payload))
        self.sender.send(pb.InferenceResponse(outputs))

    def finish(self, refusal):
        if refusal is None:
            self.sender.send(flags=FINAL)
        else:
            self.sender.send(pb.InferenceResponse(error=pb.TritonError(str(refusal), getattr(pb.TritonError, CODES[refusal.kind]))), flags=FINAL)
