"""Pickles that run code: refused before they are opened. torch.load shows that each really would have run it."""

from __future__ import annotations

import builtins
import contextlib
import copyreg
import io
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector
from negmine.detectors.ultralytics.archive import Archive
from negmine.detectors.ultralytics.records import Record
from negmine.detectors.ultralytics.weights_safety import read_pickle
from negmine.errors import UnsafeWeightsError, WeightsError


def read(path: Path) -> object:
    """As the reader of checkpoints does."""
    with Archive(path) as archive:
        return read_pickle(archive, path)


class Calls:
    """Calls a function while it is unpickled."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def text(value: str) -> bytes:
    """The opcode that pushes a short text (SHORT_BINUNICODE)."""
    encoded = value.encode()
    return b"\x8c" + struct.pack("<B", len(encoded)) + encoded


def archive(path: Path, pickled: bytes) -> None:
    """A zip as torch writes it, around any pickle."""
    writer = torch._C.PyTorchFileWriter(str(path))
    writer.write_record("data.pkl", pickled, len(pickled))
    writer.write_record("version", b"3\n", 2)
    writer.write_record("byteorder", b"little", 6)
    writer.write_end_of_file()


def by_reduce(path: Path, marker: Path) -> None:
    torch.save({"model": Calls(os.mkdir, str(marker))}, path)


def by_eval(path: Path, marker: Path) -> None:
    torch.save(Calls(builtins.eval, f"__import__('os').mkdir({str(marker)!r})"), path)


def by_exec_in_protocol_4(path: Path, marker: Path) -> None:
    torch.save(Calls(builtins.exec, f"import os; os.mkdir({str(marker)!r})"), path, pickle_protocol=4)


def by_a_pickle_in_the_pickle(path: Path, marker: Path) -> None:
    inner = io.BytesIO()
    torch.save(Calls(os.mkdir, str(marker)), inner)
    torch.save(Calls(torch.storage._load_from_bytes, inner.getvalue()), path)


def by_dotted_name_in_an_allowed_module(path: Path, marker: Path) -> None:
    import ultralytics.nn.tasks  # noqa: F401  # loaded, so that the name resolves

    call = text("torch.nn.modules.module") + text("torch.os.mkdir") + b"\x93" + text(str(marker)) + b"\x85R."
    archive(path, b"\x80\x04" + call)


def by_memoised_names(path: Path, marker: Path) -> None:
    # both names are memoised (\x94), popped (0), and fetched again (h\x00, h\x01) for STACK_GLOBAL (\x93)
    names = text("posix") + b"\x94" + text("mkdir") + b"\x94" + b"00" + b"h\x00h\x01\x93"
    archive(path, b"\x80\x04" + names + text(str(marker)) + b"\x85R.")


def by_a_misleading_memo(path: Path, marker: Path) -> None:
    # the memo takes the top of the stack after POP (0), not the text just before it
    names = text("posix") + b"\x94" + text("mkdir") + text("Linear") + b"0\x94" + b"00" + b"h\x00h\x01\x93"
    archive(path, b"\x80\x04" + names + text(str(marker)) + b"\x85R.")


def by_a_pickle_that_breaks_afterwards(path: Path, marker: Path) -> None:
    archive(
        path,
        b"\x80\x02cposix\nmkdir\n" + b"X" + struct.pack("<I", len(str(marker))) + str(marker).encode() + b"\x85R\xff",
    )


def by_protocol_0(path: Path, marker: Path) -> None:
    archive(path, pickle.dumps(Calls(os.mkdir, str(marker)), protocol=0))


def by_extension_registry(path: Path, marker: Path) -> None:
    copyreg.add_extension("posix", "mkdir", 240)
    archive(path, b"\x80\x02\x82\xf0" + b"X" + struct.pack("<I", len(str(marker))) + str(marker).encode() + b"\x85R.")


def by_legacy_format(path: Path, marker: Path) -> None:
    torch.save({"model": Calls(os.mkdir, str(marker))}, path, _use_new_zipfile_serialization=False)


def by_reading_a_file(path: Path, marker: Path) -> None:
    torch.save([Calls(builtins.open, str(marker), "w")], path)


ATTACKS = [
    by_reduce,
    by_eval,
    by_exec_in_protocol_4,
    by_a_pickle_in_the_pickle,
    by_dotted_name_in_an_allowed_module,
    by_memoised_names,
    by_a_misleading_memo,
    by_a_pickle_that_breaks_afterwards,
    by_protocol_0,
    by_extension_registry,
    by_legacy_format,
    by_reading_a_file,
]


@pytest.fixture
def _clean_registry() -> object:
    yield
    if ("posix", "mkdir") in copyreg._extension_registry:  # type: ignore[attr-defined]
        copyreg.remove_extension("posix", "mkdir", 240)


@pytest.mark.usefixtures("_clean_registry")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", [".pt", ".PT"])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_is_refused_before_it_runs(attack: Callable[[Path, Path], None], ending: str, tmp_path: Path) -> None:
    path, marker = tmp_path / f"weights{ending}", tmp_path / "ran"
    attack(path, marker)
    with pytest.raises(WeightsError):
        read(path)
    with pytest.raises(WeightsError):
        open_detector(DetectorConfig(str(path)))
    assert not marker.exists()
    with contextlib.suppress(Exception):
        torch.load(path, weights_only=False)
    assert marker.exists(), "the attack does nothing, so that the test could not fail"


def test_what_it_would_run_is_named_with_the_way_out(tmp_path: Path) -> None:
    by_reduce(tmp_path / "w.pt", tmp_path / "ran")
    with pytest.raises(UnsafeWeightsError, match=r"would run (posix|nt)\.mkdir when opened.*--trust-weights"):
        read(tmp_path / "w.pt")


def test_harmless_names_put_to_harm_are_never_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ultralytics.nn.modules import Conv
    from ultralytics.nn.tasks import DetectionModel

    monkeypatch.setattr(Conv, "default_act", Conv.default_act)  # the attack sets it for the process
    path, marker = tmp_path / "w.pt", tmp_path / "ran"
    description = {
        "nc": 1,
        "backbone": [[-1, 1, "Conv", [8]]],
        "head": [],
        "activation": f"__import__('os').mkdir({str(marker)!r})",
    }
    torch.save({"model": Calls(DetectionModel, description)}, path)
    with pytest.raises(WeightsError):
        open_detector(DetectorConfig(str(path)))
    assert not marker.exists()
    with pytest.raises(WeightsError):  # no model in it, but this time it ran
        open_detector(DetectorConfig(str(path), trust_weights=True))
    assert marker.exists()


def test_trusted_weights_are_opened_unread(tmp_path: Path) -> None:
    by_reduce(tmp_path / "w.pt", tmp_path / "ran")
    with pytest.raises(WeightsError, match="cannot be opened"):
        open_detector(DetectorConfig(str(tmp_path / "w.pt"), trust_weights=True))
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("evil_first", [True, False])
def test_two_pickles_in_one_archive_cannot_show_the_scanner_the_other_one(evil_first: bool, tmp_path: Path) -> None:
    by_reduce(tmp_path / "evil.pt", tmp_path / "ran")
    torch.save({"model": torch.zeros(1)}, tmp_path / "good.pt")
    pickles = {}
    for name in ("evil", "good"):
        with zipfile.ZipFile(tmp_path / f"{name}.pt") as source:
            pickles[name] = source.read(f"{name}/data.pkl")
    path = tmp_path / "both.pt"
    with zipfile.ZipFile(path, "w") as target, pytest.warns(UserWarning, match="Duplicate name"):
        for name in ("evil", "good") if evil_first else ("good", "evil"):
            target.writestr("both/data.pkl", pickles[name])
        target.writestr("both/version", "3\n")
        target.writestr("both/byteorder", "little")
    with contextlib.suppress(Exception):
        read(path)
        with contextlib.suppress(Exception):
            torch.load(path, weights_only=False)
    assert not (tmp_path / "ran").exists(), "what passed the check ran"


def test_a_member_with_a_wrong_checksum_is_no_way_round(tmp_path: Path) -> None:
    path, marker = tmp_path / "w.pt", tmp_path / "ran"
    by_reduce(path, marker)
    with zipfile.ZipFile(path) as source:
        crc = struct.pack("<I", source.getinfo("w/data.pkl").CRC)
    path.write_bytes(path.read_bytes().replace(crc, b"\0\0\0\0"))
    with pytest.raises(zipfile.BadZipFile), zipfile.ZipFile(path) as source:  # what Python's reader stumbles over
        source.read("w/data.pkl")
    with pytest.raises(WeightsError):
        read(path)


def test_a_getattr_is_read_and_never_made(tmp_path: Path) -> None:
    layer = torch.nn.Linear(1, 1)
    torch.save({"model": layer, "forward": layer.forward}, tmp_path / "w.pt")  # as official -seg checkpoints do
    document = read(tmp_path / "w.pt")
    assert isinstance(document, dict)
    assert isinstance(document["forward"], Record) and document["forward"].name.endswith(".getattr")


def test_a_getattr_that_reaches_further_is_no_network(tmp_path: Path) -> None:
    # getattr(Linear, '__init__') leads to its globals, and from there to everything
    torch.save({"model": Calls(getattr, torch.nn.Linear, "__init__")}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="it is a getattr, which is none of"):
        open_detector(DetectorConfig(str(tmp_path / "w.pt")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"\n<!DOCTYPE html><html>404", "it is a web page"),
        (b"PK\x03\x04 and then nothing", "damaged or truncated"),
        (b"\x89PNG\r\n\x1a\n....", r"starts with b'\\x89PNG"),
        (pickle.dumps({"model": 1}), "the zip format of torch.save"),
    ],
)
def test_what_is_no_checkpoint_is_called_so(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        read(tmp_path / "w.pt")


def test_a_tar_is_refused_unread(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "w.pt", "w") as tar:
        tar.addfile(tarfile.TarInfo("pickle"))
    with pytest.raises(WeightsError, match="not a PyTorch checkpoint"):
        read(tmp_path / "w.pt")


def test_another_zip_is_called_so(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as target:
        target.writestr("w/readme.txt", "hello")
    with pytest.raises(WeightsError, match=r"no data\.pkl|damaged"):
        read(tmp_path / "w.pt")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_torchscript_is_called_so(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="TorchScript"):
        read(tmp_path / "w.pt")


def test_a_missing_file_is_a_weights_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        read(tmp_path / "nothing.pt")


def test_a_checkpoint_of_the_yolov5_repository_is_called_so(tmp_path: Path) -> None:
    archive(tmp_path / "w.pt", b"\x80\x02cmodels.yolo\nDetectionModel\n)\x81.")
    with pytest.raises(WeightsError, match="YOLOv5 repository"):
        read(tmp_path / "w.pt")


def test_more_than_five_names_are_counted(tmp_path: Path) -> None:
    globals_ = b"".join(f"cevil\nf{i}\n0".encode() for i in range(7))
    archive(tmp_path / "w.pt", b"\x80\x02" + globals_ + b"N.")
    with pytest.raises(UnsafeWeightsError, match=r"evil\.f4 and 2 more"):
        read(tmp_path / "w.pt")


def test_a_second_pickle_behind_the_first_is_refused(tmp_path: Path) -> None:
    archive(tmp_path / "w.pt", b"\x80\x02ctorch\nSize\n." + b"\x80\x02cposix\nmkdir\n.")
    with pytest.raises(UnsafeWeightsError, match="pickle ends at byte 15 of 31"):
        read(tmp_path / "w.pt")
