"""Commands that are killed at any moment and run again: each must end with what one leaves that nobody disturbed.

Each case runs in a small world that is drawn once, with a detector and a trainer that cost nothing. Processes are
forked from one that has imported everything, so a kill may hit any line of the work.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from banks import contents, facts
from blobs import draw, square_detector
from data_sets import Splits, write_voc, write_yolo
from killing import Killed
from toy import ToyTrainer, World, copy_tree, make_world, open_toy, toy_config

from negmine.augmenting.augment import augment
from negmine.augmenting.config import AugmentConfig
from negmine.augmenting.removing import remove_variants
from negmine.bank.bank import Bank
from negmine.bank.content_files import content_name
from negmine.bank.filters import ReviewState
from negmine.bank.merging import merge_banks
from negmine.bank.pruning import prune
from negmine.bank.vacuuming import vacuum
from negmine.bank.verdicts import Verdicts
from negmine.bank.verify import verify
from negmine.comparing.compare import compare
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export
from negmine.exporting.in_place.add import add_to
from negmine.exporting.in_place.manifest import MANIFEST
from negmine.exporting.in_place.take_out import take_out
from negmine.files import sha256_of
from negmine.importing.import_file import import_file
from negmine.mining.scan import scan
from negmine.retraining.retrain import retrain

Left = Mapping[str, object]  # what a run leaves, by the name of each part of it
_PRELOADED = [__name__, "kill_server"]
_PATIENCE = 120  # seconds for a run that nobody disturbs
_SECONDS = re.compile(r'"seconds": [\d.e+-]+')


@dataclass(frozen=True)
class Case:
    """A command.

    Attributes:
        begin: puts into a new folder what a run finds there, from the inputs.
        run: runs the command, for the first time or again.
        left: what it leaves in the folder.
    """

    begin: Callable[[Path, Path], object]
    run: Callable[[Path, Path], object]
    left: Callable[[Path], Left]


@dataclass(frozen=True)
class Trial:
    """What became of a run that was killed, and run again.

    Attributes:
        was_killed: whether it had not ended before.
        difference: what differs from an undisturbed run; None where nothing does.
        seconds: for all of it.
    """

    was_killed: bool
    difference: str | None
    seconds: float


def files_left(folder: Path) -> dict[str, bytes]:
    """Every file with its bytes."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if not p.is_dir()}


def bank_left(folder: Path) -> Left:
    """Every row and file of a bank, whether it is sound, and what else is there."""
    bank = folder / "bank"
    return {**contents(bank), "ok": verify(bank).ok, "names": sorted(path.name for path in bank.iterdir())}


def retraining_left(out: Path) -> Left:
    """All that a retraining leaves, but for the seconds and where it is."""
    found: dict[str, object] = {name: (out / name).read_bytes() for name in ("held-out.txt", "best.pt")}
    for name in ("negatives.txt", "mix.json", "data.yaml", "weights.pt"):
        found |= {str(path.relative_to(out)): path.read_bytes() for path in out.glob(f"round-*/{name}")}
    found["rounds"] = [json.loads(line) | {"seconds": 0} for line in (out / "rounds.jsonl").read_text().splitlines()]
    for path in out.glob("round-*/metrics.json"):
        found[str(path.relative_to(out))] = json.loads(path.read_text()) | {"seconds": 0}
    for path in (*out.glob("round-*/detections.json"), *out.glob("round-*/scores.json")):
        found[str(path.relative_to(out))] = _SECONDS.sub("", path.read_text())
    result = (out / "result.json").read_text()
    found["result.json"] = _SECONDS.sub("", result.replace(json.loads(result)["out"], "out"))  # a copy names its origin
    found["data"] = sorted(str(path.relative_to(out)) for path in (out / "data").rglob("*"))
    return found | contents(out / "bank")


def make_inputs(folder: Path) -> Path:
    """Draw what the cases start from."""
    for i in range(24):
        draw(folder / "pictures" / f"{i:02d}.png", [(20 + i, 40, 40 + i, 60, 40 + i)] if i % 3 else [], seed=i % 20)
    (folder / "pictures" / "20.png").write_bytes(b"no picture")
    scan(folder / "pictures", square_detector(), bank=folder / "bank")
    for i in range(12, 36):
        draw(folder / "more" / f"{i:02d}.png", [(20 + i, 40, 40 + i, 60, 40 + i)] if i % 3 else [], seed=i % 20)
    scan(folder / "more", square_detector(), bank=folder / "other-bank")
    _decide(folder / "other-bank", "target")
    splits: Splits = {
        "train": {f"{i:03}.png": [("car", i % 90, 5, 100 + i % 90, 90)] for i in range(24)},
        "val": {f"v{i:03}.png": [("van", 5, 5, 50, 60)] for i in range(4)},
    }
    write_yolo(folder / "data", splits)
    write_voc(folder / "voc", splits)
    objects = {f"o{i}.png": [("car", 1, 1, 9, 9)] for i in range(12)}
    other = write_yolo(folder / "other", {"train": objects, "val": {"v.png": []}})
    export(folder / "bank", folder / "old", merge=other, config=ExportConfig(format="yolo"))
    _write_samples(folder)
    world = make_world(folder / "world", backgrounds=16)
    with suppress(Killed):
        _retrain(world, folder / "half", _die_in_round_1)
    assert (folder / "half" / "round-1" / "negatives.txt").is_file()
    assert not (folder / "half" / "round-1" / "metrics.json").is_file()
    return folder


def _write_samples(folder: Path) -> None:
    """What FiftyOne would say of a bank: an object fills every second image, and all negatives are rejected."""
    with Bank(folder / "bank") as bank:
        sources = sorted({each.source for each in bank.negatives()})
    full = {"detections": [{"label": "car", "bounding_box": [0, 0, 1, 1]}]}
    samples = [
        {"filepath": str(source), "tags": ["rejected"]} | ({"ground_truth": full} if number % 2 else {})
        for number, source in enumerate(sources)
    ]
    (folder / "samples.json").write_text(json.dumps({"samples": samples}))


def _die_in_round_1(*told: object) -> None:
    if str(told[0]).startswith("round 1 of up to 2: training"):
        raise Killed


def _retrain(world: World, out: Path, told: Callable[..., object]) -> object:
    return retrain(
        world.weights, world.data, backgrounds=world.backgrounds, out=out, resume=True,
        config=toy_config(rounds=2, ratio="1:2", variants=True, workers=1), trainer=ToyTrainer(per_round=2),
        open_detector=open_toy, on_step=told, on_progress=told,
    )  # fmt: skip


def _resumed(inputs: Path, work: Path) -> object:
    world = inputs / "world"
    return _retrain(
        World(world / "data" / "data.yaml", world / "backgrounds", world / "start.json"), work / "out", lambda *_: None
    )


def _exported(format_name: str, data: str | None = None) -> Callable[[Path, Path], object]:
    def run(inputs: Path, work: Path) -> object:
        merge = None if data is None else inputs / data
        return export(inputs / "bank", work / "out", merge=merge, config=ExportConfig(format=format_name, workers=2))

    return run


def _copied_data(inputs: Path, work: Path) -> None:
    copy_tree(inputs / "voc", work / "out")


def _added(inputs: Path, work: Path) -> object:
    return add_to(inputs / "bank", work / "out", config=ExportConfig(workers=2))


def _data_with_negatives(inputs: Path, work: Path) -> None:
    _copied_data(inputs, work)
    _added(inputs, work)


def _data_with_others(inputs: Path, work: Path) -> None:
    _copied_data(inputs, work)
    add_to(inputs / "other-bank", work / "out", config=ExportConfig(method="hardlink"))


def _taken_out(inputs: Path, work: Path) -> object:
    return take_out(work / "out") if (work / "out" / MANIFEST).exists() else None


def _bank_with_variants(inputs: Path, work: Path) -> None:
    _copied_bank(inputs, work)
    augment(work / "bank", config=AugmentConfig(per_negative=12, ops=("blur", "smooth")))


def _bank_with_leftovers(inputs: Path, work: Path) -> None:
    """A bank whose writers were killed."""
    shutil.copytree(inputs / "bank", work / "bank")
    for number in range(40):
        data = b"leftover %d" % number
        for path in (work / "bank" / content_name("negatives", sha256_of(data)),
                     work / "bank" / "tmp" / f"{sha256_of(data)}-{number}.part"):  # fmt: skip
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def _decide(bank: Path, state: ReviewState) -> object:
    """A verdict on every second negative."""
    with Verdicts(bank) as verdicts:
        return verdicts.decide([each.id for each in verdicts.negatives()][::2], state, origin="bank")


def _copied_bank(inputs: Path, work: Path) -> object:
    return shutil.copytree(inputs / "bank", work / "bank")


def _bank_with_damage(inputs: Path, work: Path) -> None:
    """Of some negatives the file is gone, of others it is damaged."""
    _copied_bank(inputs, work)
    files = sorted((work / "bank" / "negatives").rglob("*.jpg"))
    for path in files[::3]:
        path.unlink()
    for path in files[1::3]:
        path.write_bytes(b"damaged")


def _merged_left(folder: Path) -> Left:
    """A merge that is run again may number rows otherwise."""
    return {**facts(folder / "bank"), "ok": verify(folder / "bank").ok}


def _nothing(inputs: Path, work: Path) -> None:
    """The command makes all that it needs."""


def _out_left(folder: Path) -> Left:
    return files_left(folder / "out")


CASES: Mapping[str, Case] = {
    "scan": Case(
        _nothing,
        lambda inputs, work: scan(inputs / "pictures", square_detector(batch_size=3), bank=work / "bank"),
        bank_left,
    ),
    "augment": Case(
        _copied_bank,
        lambda inputs, work: augment(work / "bank", config=AugmentConfig(per_negative=12, ops=("blur", "smooth"))),
        bank_left,
    ),
    "export-voc": Case(_nothing, _exported("voc"), _out_left),
    "export-yolo": Case(_nothing, _exported("yolo"), _out_left),
    "export-merge": Case(_nothing, _exported("yolo", "data"), _out_left),
    "export-old": Case(
        lambda inputs, work: copy_tree(inputs / "old", work / "out"), _exported("yolo", "data"), _out_left
    ),
    "export-into": Case(_copied_data, _added, _out_left),
    "export-into-again": Case(_data_with_others, _added, _out_left),
    "export-remove": Case(_data_with_negatives, _taken_out, _out_left),
    "augment-remove": Case(
        _bank_with_variants, lambda inputs, work: remove_variants(work / "bank"), lambda work: contents(work / "bank")
    ),
    "verify-repair": Case(_bank_with_leftovers, lambda inputs, work: verify(work / "bank", repair=True), bank_left),
    "bank-merge": Case(
        _copied_bank, lambda inputs, work: merge_banks(work / "bank", [inputs / "other-bank"]), _merged_left
    ),
    "import": Case(_copied_bank, lambda inputs, work: import_file(inputs / "samples.json", work / "bank"), bank_left),
    "bank-prune": Case(_bank_with_damage, lambda inputs, work: prune(work / "bank", remove=True), bank_left),
    "bank-vacuum": Case(_copied_bank, lambda inputs, work: vacuum(work / "bank"), bank_left),
    "bank-compare": Case(_copied_bank, lambda inputs, work: compare(work / "bank"), bank_left),
    "bank-reject": Case(_copied_bank, lambda inputs, work: _decide(work / "bank", "rejected"), bank_left),
    "retrain": Case(_nothing, _resumed, lambda work: retraining_left(work / "out")),
    "resume": Case(
        lambda inputs, work: copy_tree(inputs / "half", work / "out"),
        _resumed,
        lambda work: retraining_left(work / "out"),
    ),
}


class Killer:
    """Kills runs of one command.

    Args:
        name: of the case.
        inputs: from `make_inputs`.
        folder: a new one, for the runs.
        seed: of the moments.
    """

    def __init__(self, name: str, inputs: Path, folder: Path, *, seed: int) -> None:
        self._name, self._inputs, self._folder = name, inputs, folder
        self._moments = random.Random(f"{name} {seed}")
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # the server does not know it otherwise
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(_PRELOADED)
        undisturbed = self._new("undisturbed")
        self._finish(undisturbed)  # the first also starts the server
        self._expected = CASES[name].left(undisturbed)
        self._whole = min(self._timed() for _ in range(3))  # later than the end, nothing is killed

    def trials(self, count: int) -> Iterator[Trial]:
        """Kill so many runs, each once, at a random moment, and finish each."""
        for _ in range(count):
            started = time.perf_counter()
            work = self._new("killed")
            process = self._started(work)
            process.join(self._moments.uniform(0, self._whole))
            process.kill()
            process.join()
            was_killed = process.exitcode == -signal.SIGKILL
            try:
                self._finish(work)
                difference = _first_difference(CASES[self._name].left(work), self._expected)
            except AssertionError as error:
                difference = str(error)
            yield Trial(was_killed, difference, time.perf_counter() - started)

    def _timed(self) -> float:
        work = self._new("timed")
        started = time.perf_counter()
        self._finish(work)
        return time.perf_counter() - started

    def _new(self, name: str) -> Path:
        work = self._folder / name
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        CASES[self._name].begin(self._inputs, work)
        return work

    def _started(self, work: Path) -> multiprocessing.process.BaseProcess:
        process = self._processes.Process(target=run_case, args=(self._name, self._inputs, work))
        process.start()
        return process

    def _finish(self, work: Path) -> None:
        process = self._started(work)
        process.join(_PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join()
        assert process.exitcode == 0, f"the next run ended with {process.exitcode}"


def run_case(name: str, inputs: Path, work: Path) -> None:
    """In a process of its own."""
    CASES[name].run(inputs, work)


def _first_difference(found: Left, expected: Left) -> str | None:
    """The name of the first part that is not as it should be."""
    return next((part for part in sorted({*found, *expected}) if found.get(part, "") != expected.get(part, "")), None)
