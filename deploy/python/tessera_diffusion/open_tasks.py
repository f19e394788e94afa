"""Tasks that are being served, each in a thread of its own: what every way in (Triton's model, the child process) has in common."""

import json
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .refusals import Refusal, refused
from .tasks import Tasks
from .tensors import unpack

# Above what the workers of one engine hold; each waits in a thread.
OPEN_MAX = 64
# Loading a large pipeline takes minutes in which nothing is generated; this often the caller is sent `alive`.
ALIVE_EVERY_S = 5


class Answers(ABC):
    """What is answered to one task, in order, from whichever thread; nothing after its end."""

    def __init__(self):
        self.lock = threading.Lock()
        self.has_ended = False

    @abstractmethod
    def is_cancelled(self) -> bool: ...

    @abstractmethod
    def send(self, event: dict, payload: np.ndarray | None) -> None: ...

    @abstractmethod
    def finish(self, refusal: Refusal | None) -> None: ...

    def emit(self, event: dict, payload: np.ndarray | None = None) -> None:
        with self.lock:
            if not self.has_ended:
                self.send(event, payload)

    def end(self, refusal: Refusal | None) -> None:
        with self.lock:
            self.has_ended = True
            self.finish(refusal)


class OpenTasks:
    def __init__(self, tasks: Tasks, log_error: Callable[[str], None]):
        self.tasks, self.log_error = tasks, log_error
        self.threads = ThreadPoolExecutor(max_workers=OPEN_MAX, thread_name_prefix="task")
        self.open: set[Answers] = set()
        self.lock = threading.Lock()
        self.is_over = threading.Event()
        threading.Thread(target=self._report_alive, daemon=True, name="alive").start()

    def start(self, answers: Answers, task: dict, block: bytes) -> None:
        """Returns at once, so that the next task is taken while this one runs."""
        with self.lock:
            is_full = len(self.open) >= OPEN_MAX
            if not is_full:
                self.open.add(answers)
        if is_full:
            answers.end(refused("Unavailable", "engine_busy", "The engine has too many pictures waiting."))
        else:
            self.threads.submit(self._serve, answers, task, block)

    def stop(self) -> None:
        """Those that wait are refused, those that run are waited for."""
        self.is_over.set()
        self.tasks.stop()
        self.threads.shutdown(wait=True)

    def _serve(self, answers: Answers, task: dict, block: bytes) -> None:
        refusal = None
        try:
            self.tasks.serve(task, unpack(block), answers.emit, answers.is_cancelled)
        except Refusal as raised:
            refusal = raised
        except Exception:  # whatever it was, the task must be ended
            self.log_error(f"{task.get('task')} of {json.dumps(task.get('family'))} failed\n{traceback.format_exc()}")
            refusal = refused("Internal", "painting_failed", "The picture could not be painted; the engine's log says why.")
        with self.lock:
            self.open.discard(answers)
        answers.end(refusal)

    def _report_alive(self) -> None:
        while not self.is_over.wait(ALIVE_EVERY_S):
            with self.lock:
                waiting = list(self.open)
            for answers in waiting:
                answers.emit({"type": "alive"})
