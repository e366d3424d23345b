"""The half of the bank that writes. Whatever happens, a negative's row and file appear together or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from negmine.bank.bank import as_json
from negmine.bank.catalogue import Catalogue
from negmine.bank.cells import FILE, WHOLE_OR_NULL, checked
from negmine.bank.connection import DATABASE, LOCK, bank_errors, connect, database_files
from negmine.bank.content_files import FRAMES, VARIANTS, ContentFiles, StagedFile, content_name
from negmine.bank.filters import ReviewState
from negmine.bank.identity import sha256s_of
from negmine.bank.merge_store import MergeStore
from negmine.bank.records import CameraFrame, ItemRecord, NewNegative, Parameters, RunRecord, ScannedImage, Stored
from negmine.bank.store import ImageStore, delete_negatives
from negmine.bank.verdicts import decide
from negmine.errors import BankError
from negmine.paths import printable
from negmine.structures import GroundTruth

# Runs that found a negative are to look at its images again.
_FORGET = """
DELETE FROM scans WHERE (run_id, source_id) IN (SELECT run_id, source_id FROM detections WHERE negative_id = ?)
"""
_FORGET_REPEATS = "DELETE FROM repeats WHERE negative_id = (SELECT negative_id FROM variants WHERE id = ?)"
_OURS = {*LOCK.files, *database_files()}  # what a killed beginning leaves


class BankWriter(Catalogue):
    """A bank, opened for writing by this process alone; made where there is none.

    Args:
        folder: where the bank is, or shall be.
        purpose: named to another process that finds the bank locked.

    Raises:
        BankLockedError: where another process is writing.
        BankError: where the folder holds something else, or cannot be written.
        BankVersionError: where a newer negmine wrote it.
    """

    def __init__(self, folder: str | Path, *, purpose: str) -> None:
        self.folder = Path(folder)
        self._files = ContentFiles(self.folder)
        self._new_files: list[str] = []
        with ExitStack() as stack, bank_errors(self.folder):
            _make_folder(self.folder)
            self._files.check()
            stack.enter_context(LOCK.hold(self.folder, purpose=purpose))
            self._connection = connect(self.folder, write=True)
            stack.callback(self._connection.close)
            self._files.clear_temporary()
            self._finish_removals()
            self._resources = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database and the lock."""
        with self._resources, bank_errors(self.folder):
            self._files.clear_temporary()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything stored inside becomes visible together, or is gone with its files."""
        with bank_errors(self.folder):
            self._new_files.clear()
            try:
                self._connection.execute("BEGIN IMMEDIATE")  # in here: an interrupt may come right behind it
                yield
                self._files.flush()
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                # Not all of them: it may have been committed before the interrupt came.
                self._files.remove([name for name in self._new_files if not self._has_row(name)])
                raise
            self._finish_removals()

    def begin_run(self, run: RunRecord) -> int:
        """The number of the run with these settings, new or known."""
        parts = (run.class_names, run.detector_settings, run.scan_settings)
        names, detector, scan = (
            json.dumps(dict(part), sort_keys=True, default=str) for part in parts
        )  # dict: views of one are none for json
        key = hashlib.sha256("\n".join([run.weights_sha256, names, detector, scan]).encode()).hexdigest()
        with self.transaction():
            self._connection.execute(
                "INSERT INTO runs (key, weights, weights_sha256, class_names, detector_settings, scan_settings,"
                " versions) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
                (key, run.weights, run.weights_sha256, names, detector, scan, json.dumps(run.versions, sort_keys=True)),
            )
        return int(self.scalar("SELECT id FROM runs WHERE key = ?", (key,)) or 0)

    def store(self, run_id: int, image: ScannedImage) -> Stored:
        """Store what a run found in one image, in place of what it found there before. Call it in a transaction."""
        return ImageStore(self._connection, self._put).store(run_id, image)

    def register(
        self, item: ItemRecord, sha256: str, size_wh: tuple[int, int] | None, truth: GroundTruth | None
    ) -> int:
        """Store where an image was found and what labels it has there. Call it in a transaction.

        Args:
            item: what the catalogue remembers of it.
            sha256: of its bytes.
            size_wh: of the upright image, pixels; None where the bank knows the content.
            truth: its labels; None to leave those that the bank has, if any.

        Returns:
            How many negatives were withdrawn, because the labels show a target in them.
        """
        return ImageStore(self._connection, self._put).register(item, sha256, size_wh, truth)

    def import_labels(self, sha256: str, scope: str, truth_hash: str, truth: GroundTruth) -> dict[int, str] | None:
        """Store labels of a source from another tool, and withdraw the negatives that show one of the objects.

        See `ImageStore.import_labels`. Call it in a transaction.

        Returns:
            The hashes of the negatives that are gone, by their numbers; None where nothing changed.
        """
        touching = ImageStore(self._connection, self._put).import_labels(sha256, scope, truth_hash, truth)
        if touching is None:
            return None
        withdrawn = sha256s_of(self, sorted(touching))
        delete_negatives(self._connection, sorted(withdrawn))
        return withdrawn

    def keep_frame(self, frame: CameraFrame) -> None:
        """Keep a frame of a camera, in the transaction that stores what was found in it, which comes first."""
        name = content_name(FRAMES, frame.sha256)
        if not self._has_row(name):
            self._place(name, self._files.stage(frame.data, frame.sha256))
        self._connection.execute(
            "INSERT INTO frames (source_id, file, camera, taken_ms)"
            " SELECT id, ?, ?, ? FROM sources WHERE sha256 = ? ON CONFLICT DO NOTHING",
            (name, frame.camera, frame.taken_ms, frame.sha256),
        )

    def decide(self, negative_ids: Sequence[int], state: ReviewState, *, origin: str) -> None:
        """Store a verdict on negatives, as one act. In a transaction.

        Raises:
            BankError: where there is no such negative.
        """
        decide(self._connection, self.folder, negative_ids, state, origin=origin)

    def stage(self, data: bytes) -> StagedFile:
        """Write a file that a later transaction may take up; any thread may. What none takes up is gone when the bank
        is closed.

        Raises:
            BankError: where it cannot be written.
        """
        with bank_errors(self.folder):
            return self._files.stage(data)

    def settle(self) -> None:
        """Bring what is staged to disk before the transaction that takes it up, so that this one is short."""
        with bank_errors(self.folder):
            self._files.settle()

    def add_variant(
        self, negative_id: int, staged: StagedFile, size_wh: tuple[int, int], operation: str, parameters: Parameters
    ) -> bool:
        """Store an augmented copy of a negative; False where the bank has a file of the same bytes. In a transaction.

        Where that is another variant of this negative, the operation is noted as a repeat. Where it belongs to another
        negative it is not: that one may be rejected or withdrawn.
        """
        both = (
            "SELECT negative_id FROM variants WHERE sha256 = ?1 UNION ALL SELECT NULL FROM negatives WHERE sha256 = ?1"
        )
        same = next(self.rows(both, {"negative_id": WHOLE_OR_NULL}, (staged.sha256,)), None)
        if same is not None:
            staged.path.unlink()
            if same[0] == negative_id:
                self.add_repeat(negative_id, operation, parameters)
            return False
        name = content_name(VARIANTS, staged.sha256)
        self._place(name, staged)
        self._connection.execute(
            "INSERT INTO variants (negative_id, sha256, file, width, height, operation, parameters)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (negative_id, staged.sha256, name, *size_wh, operation, as_json(parameters)),
        )
        return True

    def add_repeat(self, negative_id: int, operation: str, parameters: Parameters) -> None:
        """Note that an operation gives the negative itself, or another variant. In a transaction."""
        self._connection.execute(
            "INSERT OR IGNORE INTO repeats (negative_id, operation, parameters) VALUES (?, ?, ?)",
            (negative_id, operation, as_json(parameters)),
        )

    def merge_store(self) -> MergeStore:
        """What takes up the rows of another bank; use it in a transaction."""
        return MergeStore(self._connection, self._place)

    def drop(self, negative_ids: Sequence[int], variant_ids: Sequence[int] = ()) -> None:
        """Delete negatives with their variants, and variants alone. In a transaction.

        The images that the negatives were cut from count as not scanned, so that the next scan finds them again. What
        repeated a variant is tried again, since nothing may stand for it now.
        """
        self._connection.executemany(_FORGET, [(number,) for number in negative_ids])
        delete_negatives(self._connection, negative_ids)
        for number in variant_ids:
            file = self._connection.execute("SELECT file FROM variants WHERE id = ?", (number,))
            names = list(checked(file, {"file": FILE}))
            self._connection.executemany("INSERT OR IGNORE INTO removals (file) VALUES (?)", names)
            self._connection.execute(_FORGET_REPEATS, (number,))
            self._connection.execute("DELETE FROM variants WHERE id = ?", (number,))

    def vacuum(self) -> None:
        """Rewrite the database without unused space."""
        with bank_errors(self.folder):
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def remove_leftovers(self, names: Iterable[str]) -> None:
        """Remove files that have no row; the caller has made sure of that."""
        with bank_errors(self.folder):
            self._files.remove(names)

    def _put(self, name: str, negative: NewNegative) -> None:
        self._place(name, self._files.stage(negative.data, negative.sha256))

    def _place(self, name: str, staged: StagedFile) -> None:
        self._new_files.append(name)
        self._files.place(name, staged)

    def _has_row(self, name: str) -> bool:
        """Whether a file belongs to a row; found by the hash in its name, which has an index."""
        sha256 = Path(name).stem
        return any(
            self._connection.execute(f"SELECT 1 FROM {table} WHERE sha256 = ? AND file = ?", (sha256, name)).fetchone()
            for table in ("negatives", "variants", "frames JOIN sources ON sources.id = frames.source_id")
        )

    def _finish_removals(self) -> None:
        """Remove the files whose rows are gone; those that came back meanwhile stay."""
        rows = self._connection.execute("SELECT file FROM removals").fetchall()
        names = [name for (name,) in checked(rows, {"file": FILE})]
        if names:
            self._files.remove(name for name in names if not self._has_row(name))
            self._connection.execute("DELETE FROM removals")


def _make_folder(folder: Path) -> None:
    """Make the bank's folder; refuse one that holds something else."""
    if folder.exists() and not folder.is_dir():
        raise BankError(f"bank {printable(folder)} is a file, and a bank is a folder; name another with --bank")
    folder.mkdir(parents=True, exist_ok=True)
    others = [] if (folder / DATABASE).exists() else [p.name for p in folder.iterdir() if p.name not in _OURS]
    if others:
        raise BankError(
            f"{printable(folder)} is not a bank and holds other things ({printable(min(others))}"
            f"{', ...' if len(others) > 1 else ''}); name an empty or new folder with --bank"
        )
