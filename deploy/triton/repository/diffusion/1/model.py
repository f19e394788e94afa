"""Triton's side: takes requests, runs each in a thread of its own, and streams what comes of it. See deploy/triton/README.md for the contract."""

import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import triton_python_backend_utils as pb

# The package that does the work, deploy/python: below the same root as this repository, if nothing else is said.
sys.path.insert(0, os.environ.get("TESSERA_PYTHON_PACKAGE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), *[".."] * 4, "python"))
# Where torch and diffusers lie when they are not in the backend's own folder.
if os.environ.get("TESSERA_TRITON_PACKAGES"):
    sys.path.append(os.environ["TESSERA_TRITON_PACKAGES"])

from tessera_diffusion.refusals import Refusal, refused
from tessera_diffusion.tasks import Tasks
from tessera_diffusion.tensors import unpack

# Above what the workers of one Triton hold; each waits in a thread.
REQUESTS_MAX = 64
# Loading a large pipeline takes minutes in which nothing is generated; this often the caller is sent `alive`.
ALIVE_EVERY_S = 5
FINAL = pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL
# Names: the codes themselves are there only after this file has been imported.
CODES = {"InvalidArgument": "INVALID_ARG", "Unavailable": "UNAVAILABLE", "Cancelled": "CANCELLED", "Internal": "INTERNAL"}


class TritonPythonModel:
    def initialize(self, args):
        parameters = {key: value["string_value"] for key, value in json.loads(args["model_config"])["parameters"].items()}
        device = f"cuda:{args['model_instance_device_id']}" if args["model_instance_kind"] == "GPU" else "cpu"
        self.tasks = Tasks(
            models_folder=os.environ["TESSERA_MODELS"],
            device=device,
            threads=int(os.environ.get("TESSERA_ENGINE_THREADS") or min(4, os.cpu_count() or 1)),
            paintings_at_once=int(parameters["paintings_at_once"]),
            pipelines_kept=int(parameters["pipelines_kept"]),
        )
        self.threads = ThreadPoolExecutor(max_workers=REQUESTS_MAX, thread_name_prefix="request")
        self.open: set[Answers] = set()
        self.lock = threading.Lock()
        self.is_over = threading.Event()
        threading.Thread(target=self._report_alive, daemon=True, name="alive").start()

    def execute(self, requests):
        """Answers come from threads, so that the next request is taken while this one runs. Inputs lie in shared memory that is gone when this returns: they are copied."""
        for request in requests:
            answers = Answers(request.get_response_sender())
            task = json.loads(pb.get_input_tensor_by_name(request, "task").as_numpy()[0])
            block = pb.get_input_tensor_by_name(request, "tensors").as_numpy().tobytes()
            with self.lock:
                is_full = len(self.open) >= REQUESTS_MAX
                if not is_full:
                    self.open.add(answers)
            if is_full:
                answers.end(refused("Unavailable", "engine_busy", "Triton has too many pictures waiting."))
            else:
                self.threads.submit(self._serve, answers, task, block)
        return None

    def _serve(self, answers, task, block):
        refusal = None
        try:
            self.tasks.serve(task, unpack(block), answers.emit, answers.is_cancelled)
        except Refusal as raised:
            refusal = raised
        except Exception as error:  # whatever it was, the request must be ended
            pb.Logger.log_error(f"{task.get('task')} of {task.get('family')} failed: {type(error).__name__}: {error}")
            refusal = refused("Internal", "painting_failed", "The picture could not be painted; Triton's log says why.")
        with self.lock:
            self.open.discard(answers)
        answers.end(refusal)

    def _report_alive(self):
        while not self.is_over.wait(ALIVE_EVERY_S):
            with self.lock:
                waiting = list(self.open)
            for answers in waiting:
                answers.emit({"type": "alive"})

    def finalize(self):
        self.is_over.set()
        self.tasks.stop()
        self.threads.shutdown(wait=True)


class Answers:
    """The responses to one request, in order, from whichever thread; none after its end."""

    def __init__(self, sender):
        self.sender = sender
        self.lock = threading.Lock()
        self.has_ended = False

    def is_cancelled(self):
        return self.sender.is_cancelled()

    def emit(self, event, payload=None):
        outputs = [pb.Tensor("event", np.array([json.dumps(event).encode()], dtype=np.object_))]
        if payload is not None:
            outputs.append(pb.Tensor("payload", payload))
        with self.lock:
            if not self.has_ended:
                self.sender.send(pb.InferenceResponse(outputs))

    def end(self, refusal):
        with self.lock:
            self.has_ended = True
            if refusal is None:
                self.sender.send(flags=FINAL)
            else:
                self.sender.send(pb.InferenceResponse(error=pb.TritonError(str(refusal), getattr(pb.TritonError, CODES[refusal.kind]))), flags=FINAL)
