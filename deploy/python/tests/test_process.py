"""The package as a child process, spoken to as a worker does: frames on its pipes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tessera_diffusion.frames import LENGTHS, frames_of
from tessera_diffusion.open_tasks import OPEN_MAX

MODELS = Path(__file__).parents[3] / "models"
PACKAGE = Path(__file__).parents[1]


class Child:
    def __init__(self, program: str = "from tessera_diffusion import __main__", **env: str):
        paths = os.pathsep.join([str(PACKAGE), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths, "TESSERA_MODELS": str(MODELS), **env}
        )
        self.frames = frames_of(self.process.stdout)

    def send(self, message: dict) -> None:
        text = json.dumps(message).encode()
        self.process.stdin.write(LENGTHS.pack(len(text), 0) + text)
        self.process.stdin.flush()

    def answer(self) -> dict:
        return next(self.frames)[0]

    def answers_to(self, call: int) -> Iterator[dict]:
        while True:
            message = self.answer()
            if message.get("id") == call:
                yield message
                if message.get("end"):
                    return


# Tasks that last until they are cancelled, in place of the real ones: what is tested is the process around them.
WAITING = """
import tessera_diffusion.tasks as tasks
def serve(self, task, tensors, emit, is_cancelled):
    print("a library prints this")
    emit({"type": "step", "step": 1, "steps": 2})
    if task["task"] == "break":
        raise RuntimeError("as it is")
    while not is_cancelled():
        tasks.threading.Event().wait(0.01)
    raise tasks.cancelled()
tasks.Tasks.serve = serve
from tessera_diffusion import __main__
"""


@pytest.fixture
def waiting() -> Iterator[Child]:
    child = Child(WAITING)
    assert child.answer()["ready"]
    yield child
    child.process.kill()
    child.process.wait()


def test_describes_what_it_holds_and_ends_with_stdin() -> None:
    child = Child()
    assert child.answer() == {"ready": True, "contract": child_contract(), "device": "cpu", "python": sys.version.split()[0]}
    child.send({"id": 7, "task": {"task": "describe"}})
    described, end = child.answers_to(7)
    assert [family["family"] for family in described["event"]["families"]] == ["mosaic"]
    assert end == {"id": 7, "end": True}
    child.process.stdin.close()
    assert child.process.wait(timeout=30) == 0


def child_contract() -> int:
    from tessera_diffusion.tasks import CONTRACT

    return CONTRACT


def test_refuses_with_kind_reason_and_sentence() -> None:
    child = Child()
    child.answer()
    child.send({"id": 1, "task": {"task": "paint", "family": "nobody", "version": "1"}})
    (end,) = child.answers_to(1)
    assert end["refusal"]["kind"] == "InvalidArgument" and end["refusal"]["reason"] == "unknown_model" and "nobody" in end["refusal"]["sentence"]
    child.process.kill()


def test_device_may_be_named() -> None:
    child = Child(TESSERA_ENGINE_DEVICE="cuda")
    assert child.answer()["device"] == "cuda:0"
    child.process.kill()


def test_cancels_one_task_and_not_another(waiting: Child) -> None:
    for call in (1, 2):
        waiting.send({"id": call, "task": {"task": "wait"}})
    waiting.send({"id": 1, "cancel": True})
    *_, end = waiting.answers_to(1)
    assert end["refusal"]["kind"] == "Cancelled"
    waiting.send({"id": 2, "cancel": True})
    *_, end = waiting.answers_to(2)
    assert end["refusal"]["kind"] == "Cancelled"


def test_holds_no_more_tasks_than_it_has_threads_and_takes_more_when_they_are_done(waiting: Child) -> None:
    for call in range(OPEN_MAX + 1):
        waiting.send({"id": call, "task": {"task": "wait"}})
    (end,) = waiting.answers_to(OPEN_MAX)
    assert end["refusal"]["reason"] == "engine_busy"
    waiting.send({"id": 3, "cancel": True})
    assert [*waiting.answers_to(3)][-1]["end"]
    waiting.send({"id": 99, "task": {"task": "wait"}})
    assert next(waiting.answers_to(99))["event"]["type"] == "step"


def test_fault_ends_the_task_with_its_traceback_on_stderr(waiting: Child) -> None:
    waiting.send({"id": 1, "task": {"task": "break"}})
    *_, end = waiting.answers_to(1)
    assert (end["refusal"]["kind"], end["refusal"]["reason"]) == ("Internal", "painting_failed") and "as it is" not in end["refusal"]["sentence"]
    waiting.process.stdin.close()
    log = waiting.process.stderr.read().decode()
    assert "ERROR: RuntimeError: as it is" in log.splitlines()
    assert "a library prints this" in log.splitlines()


@pytest.mark.parametrize("end", ["stdin", "SIGTERM"])
def test_ends_at_once_whatever_it_is_doing(waiting: Child, end: str) -> None:
    waiting.send({"id": 1, "task": {"task": "wait"}})
    assert next(waiting.answers_to(1))["event"]["type"] == "step"
    if end == "stdin":
        waiting.process.stdin.close()
    else:
        waiting.process.send_signal(signal.SIGTERM)
    assert waiting.process.wait(timeout=30) == 0


def test_leaves_ctrl_c_to_the_worker(waiting: Child) -> None:
    waiting.process.send_signal(signal.SIGINT)
    waiting.send({"id": 1, "task": {"task": "wait"}})
    assert next(waiting.answers_to(1))["event"]["type"] == "step"


def test_ends_with_a_worker_that_is_killed() -> None:
    parent = f"import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-m', 'tessera_diffusion'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL); print(child.pid, flush=True); time.sleep(600)"
    paths = os.pathsep.join([str(PACKAGE), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths, "TESSERA_MODELS": str(MODELS)})
    child = int(process.stdout.readline())
    process.kill()
    process.wait()
    deadline = time.monotonic() + 30
    while is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """A zombie does not run: nothing in a container may be waiting for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_says_which_package_is_missing() -> None:
    child = Child("import sys; sys.modules['onnxruntime'] = None; from tessera_diffusion import __main__")
    assert child.answer() == {"ready": False, "missing": "onnxruntime"}
    assert child.process.wait(timeout=30) == 1
