"""`Running`: the pipeline under way, its events as an iterator."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import TracebackType

from remediate.api.assembling import Result, begun, ended
from remediate.errors import BusyError, Error, InterruptedRunError, unforeseen
from remediate.incident.events import Event, Listener

_ONE_AT_A_TIME = threading.Lock()
"""The log of a run takes what the whole process logs, and takes that run's values out of it, no other's."""
_PATIENCE = 30.0
"""Seconds that a process which ends waits for a run to come to a stop; after that it is as after a crash."""


class Running(Iterator[Event]):
    """One run of the pipeline. It begins with the first event that is asked for, or with `result`.

    The events are those of ``--json``, from ``version`` to ``finished``; no secret is in any. The pipeline does not
    wait for whoever reads them. Leaving the loop does not stop it; `stop` does, and so does the end of a ``with``, and
    Ctrl-C: nothing is lost then, and `remediate.api.Repository.resume` goes on.
    """

    def __init__(self, work: Callable[[Listener], Result]) -> None:
        self._work = _Work(work)
        _ALIVE.add(self._work)

    def __iter__(self) -> Running:
        return self

    def __next__(self) -> Event:
        """The next event. Raises what stopped the run: a `remediate.errors.Error`."""
        self._work.begin()
        try:
            event = self._work.events.get()
        except BaseException:  # Ctrl-C, most likely
            self.stop()
            raise
        if event is not None:
            return event
        self._work.events.put(None)  # asked once more, the end is still the end
        if self._work.error is not None:
            raise self._work.error
        raise StopIteration

    def result(self) -> Result:
        """Wait for the end. Events that nobody has read are gone then.

        Raises what stopped the run before it came to a conclusion: a `remediate.errors.Error`.
        """
        for _ in self:
            pass
        assert self._work.result is not None
        return self._work.result

    def stop(self) -> None:
        """Have it stop at its next step, as Ctrl-C would, and wait until it has."""
        self._work.stop(None)

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __del__(self) -> None:
        work = getattr(self, "_work", None)
        if work is not None:
            work.stopping.set()


class _Work:
    """What the thread and the reader share. It knows no `Running`, so that one nobody holds can go."""

    def __init__(self, work: Callable[[Listener], Result]) -> None:
        self.events: SimpleQueue[Event | None] = SimpleQueue()
        self.stopping = threading.Event()
        self.result: Result | None = None
        self.error: Error | None = None
        self._work = work
        self._stopped = False
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start the thread, once."""
        if self._thread is None:
            # A daemon: one that hangs must not keep a process from ending, which is no worse than a crash.
            self._thread = threading.Thread(target=self._run, name="remediate", daemon=True)
            self._thread.start()

    def stop(self, patience: float | None) -> None:
        """Ask it to stop and wait, *patience* seconds at most."""
        self.stopping.set()
        if self._thread is not None:
            self._thread.join(patience)

    def _listen(self, event: Event) -> None:
        self.events.put(event)
        if self.stopping.is_set() and not self._stopped:
            # Once: the runner then writes down how far it came, and tells us.
            self._stopped = True
            raise KeyboardInterrupt

    def _run(self) -> None:
        try:
            if not _ONE_AT_A_TIME.acquire(blocking=False):
                raise BusyError(
                    "Another run is under way in this process.",
                    hint="Wait for its result, or use a process for each repository.",
                )
            try:
                self._listen(begun())
                self.result = self._work(self._listen)
                self.events.put(ended(self.result, self.result.incident, self.result.record))
            finally:
                _ONE_AT_A_TIME.release()
        except Error as error:
            self.error = error
        except KeyboardInterrupt:
            self.error = InterruptedRunError(
                "Stopped before the incident was opened. Nothing was done.", hint="Run it again."
            )
        except BaseException as error:  # another exception's text may hold what it was about
            self.error = unforeseen(error)
        finally:
            self.events.put(None)


_ALIVE: weakref.WeakSet[_Work] = weakref.WeakSet()


@atexit.register
def _leave() -> None:
    """A process that ends stops its runs as Ctrl-C would."""
    for work in list(_ALIVE):
        work.stop(_PATIENCE)
