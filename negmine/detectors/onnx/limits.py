"""What an ONNX model may take: a loop in it may never end, and an operation of a line may fill the memory.

Networks use each number of their files once for every place of an image, so that both memory and time follow from the
bytes of the file and the pixels of the image. onnxruntime is given an arena that cannot grow beyond the one, and is
told to stop between two operations, or two rounds of a loop, after the other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from negmine.detectors.config import DetectorConfig
from negmine.detectors.onnx.contents import require_moderate
from negmine.detectors.telemetry import import_quietly
from negmine.errors import WeightsError
from negmine.files import reason_of, require_dense
from negmine.paths import printable

BESIDE = (".data", "_data")  # endings of the file beside one that large exports keep their tensors in
_SIDE_PX = 1280  # where no size is asked for
_USUAL_PX = 640 * 640
_MEMORY, _MEMORY_A_BYTE, _MEMORY_A_PLACE = 384 << 20, 4, 16  # bytes; the last for each byte, in an image of usual size
_SECONDS, _SECONDS_A_MIB = 3.0, 1.0  # of CPU time; the second in an image of usual size
_FOLDED = 64 << 20  # bytes of a constant that is computed when the file is opened
_STOPPED, _FULL = "terminate flag", ("bfc_arena", "bad_alloc", "Failed to allocate")  # in onnxruntime's messages


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model may take.

    Attributes:
        where: its file, for messages.
        memory: bytes.
        seconds: of CPU time of the thread that runs it.
    """

    where: str
    memory: int
    seconds: float

    @classmethod
    def of(cls, path: Path, config: DetectorConfig) -> Limits | None:
        """Those of a file; None where its user vouches for it.

        Raises:
            WeightsError: where it cannot be read, or is far larger inside than any detector.
        """
        if config.trust_weights:
            return None
        files = [path, *(path.with_name(f"{path.name}{ending}") for ending in BESIDE)]
        try:
            for file in filter(Path.is_file, files):
                require_dense(file)
            size = sum(file.stat().st_size for file in files if file.is_file())
        except OSError as error:
            raise WeightsError(f"cannot read weights {printable(path)}: {reason_of(error)}") from error
        require_moderate(path)
        places = (config.imgsz or _SIDE_PX) ** 2 / _USUAL_PX * (config.batch or 1)
        memory = _MEMORY + _MEMORY_A_BYTE * size + int(_MEMORY_A_PLACE * size * places)
        seconds = _SECONDS + _SECONDS_A_MIB * size / (1 << 20) * places
        return cls(printable(path), memory, seconds)


def limited(make: Callable[..., Any], path: str, options: Any, limits: Limits | None, **settings: Any) -> Any:
    """Open a session that keeps to limits.

    Args:
        make: onnxruntime's class of sessions.
        path: of the file.
        options: for the session.
        limits: None for none.
        settings: what else the class takes.
    """
    if limits is None:
        return make(path, options, **settings)
    onnxruntime: Any = import_quietly("onnxruntime")
    place = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    growth = onnxruntime.OrtArenaCfg({"max_mem": limits.memory, "arena_extend_strategy": 1})  # by what is asked for
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("optimization.constant_folding_max_output_size_in_bytes", str(_FOLDED))
    with _registering:  # a session keeps the arena that is registered when it is made
        onnxruntime.create_and_register_allocator(place, growth)
        session = make(path, options, **settings)
    run = session.run

    def stopped(names: Any, feeds: Any, run_options: Any = None) -> Any:
        how = run_options or onnxruntime.RunOptions()
        how.log_severity_level = 4  # errors are raised anyway
        with _explained(limits), _watched(how, limits.seconds):
            return run(names, feeds, how)

    session.run = stopped
    return session


@contextmanager
def limited_sessions(limits: Limits | None) -> Iterator[None]:
    """Have every session that this thread opens in the block, by whatever library, keep to limits.

    Another thread that asks for the same waits, and those of other threads have none.
    """
    if limits is None:
        yield
        return
    onnxruntime: Any = import_quietly("onnxruntime")
    opener = threading.get_ident()
    with _replacing:
        make = onnxruntime.InferenceSession

        class Session(make):  # type: ignore[misc,valid-type]  # a class, since others may ask what a session is
            def __new__(cls, path: Any, sess_options: Any = None, *others: Any, **settings: Any) -> Any:
                if threading.get_ident() != opener:
                    return make(path, sess_options, *others, **settings)
                options = sess_options or onnxruntime.SessionOptions()
                options.log_severity_level = 4
                return limited(make, str(path), options, limits, **settings)

        onnxruntime.InferenceSession = Session
        try:
            yield
        finally:
            onnxruntime.InferenceSession = make


_replacing = threading.Lock()
_registering = threading.Lock()


@contextmanager
def _explained(limits: Limits) -> Iterator[None]:
    """Say of a limit that was reached what it is, and what to do."""
    try:
        yield
    except Exception as error:  # onnxruntime's errors have no common root
        text = str(error)
        if _STOPPED in text:
            what = f"takes over {limits.seconds:.0f} s for an image"
        elif any(each in text for each in _FULL):
            what = f"takes over {limits.memory >> 20} MiB of memory"
        else:
            raise
        raise WeightsError(
            f"{limits.where} {what}, which its size does not explain; pass --trust-weights (trust_weights=True) if you "
            "know who made it"
        ) from error


@contextmanager
def _watched(options: Any, seconds: float) -> Iterator[None]:
    """Stop a run of this thread once it has taken so much CPU time, as a busy machine is no reason."""
    spent_s, is_over = _clock(), threading.Event()
    began = spent_s()

    def watch() -> None:
        while (left := began + seconds - spent_s()) > 0:
            if is_over.wait(max(left, 0.05)):
                return
        options.terminate = True

    thread = threading.Thread(target=watch, name="negmine-onnx-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _clock() -> Callable[[], float]:
    """The CPU time of this thread, as seen from any other; the time of day where the system does not tell."""
    clock_of = getattr(time, "pthread_getcpuclockid", None)
    if clock_of is None:
        return time.monotonic
    clock = clock_of(threading.get_ident())
    return lambda: time.clock_gettime(clock)
