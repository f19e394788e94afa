"""`python -m tessera_diffusion`: what a worker with TESSERA_ENGINE=python starts."""

import os
import signal
import sys

from .frames import FrameWriter, take_over_stdio

# Ctrl-C in a terminal reaches the whole group; the worker decides when this process ends.
signal.signal(signal.SIGINT, signal.SIG_IGN)


def refuse(outgoing: FrameWriter, missing: str | None) -> None:
    outgoing.write({"ready": False, "missing": missing})
    os._exit(1)


incoming, outgoing = take_over_stdio()
# At once, whatever the threads are doing: what they have begun is of no use to anybody.
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
try:
    from .process import serve, tasks_of_environment
except ImportError as error:
    if error.name is None:
        raise
    print(f"ERROR: {error}", file=sys.stderr, flush=True)
    refuse(outgoing, error.name)
serve(tasks_of_environment(), incoming, outgoing)
os._exit(0)
