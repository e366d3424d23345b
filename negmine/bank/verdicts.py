"""What people decide about negatives, and taking it back.

A verdict is stored at once, in a transaction of its own. It needs no lock on the bank: a scan may be writing to the
same bank, and other windows may decide too. Each waits for the other no longer than one write takes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.among import among
from negmine.bank.bank import Bank
from negmine.bank.carried_verdicts import forget_doubts
from negmine.bank.cells import REVIEW, TEXT, WHOLE, checked
from negmine.bank.filters import ReviewState
from negmine.bank.gaps import Gap, judge, likely_misses, require_same
from negmine.bank.identity import sha256s_of
from negmine.bank.shared import SharedBank
from negmine.errors import BankError
from negmine.paths import printable
from negmine.words import counted

_KNOWN = "SELECT id FROM negatives WHERE id {}"
_CHANGED = """
INSERT INTO act_negatives (act_id, negative_id, before)
SELECT ?, n.id, coalesce(r.state, 'unreviewed') FROM negatives n LEFT JOIN reviews r ON r.negative_id = n.id
WHERE n.id {} AND coalesce(r.state, 'unreviewed') != ?
"""
_STATES = "SELECT a.negative_id, {} FROM act_negatives a JOIN acts ON acts.id = a.act_id WHERE a.act_id = ?1"
# The state that the last act before it that holds gave a negative, or that before all of them.
_BEFORE = """
coalesce((SELECT l.state FROM act_negatives b JOIN acts l ON l.id = b.act_id
          WHERE b.negative_id = a.negative_id AND b.act_id < a.act_id AND NOT l.undone ORDER BY b.act_id DESC LIMIT 1),
         (SELECT b.before FROM act_negatives b WHERE b.negative_id = a.negative_id ORDER BY b.act_id LIMIT 1))
"""
# Of an act, what no later act has decided again, with that state.
_LATEST = f"""
{_STATES.format(_BEFORE)} AND NOT EXISTS (
    SELECT 1 FROM act_negatives b JOIN acts l ON l.id = b.act_id
    WHERE b.negative_id = a.negative_id AND b.act_id > a.act_id AND NOT l.undone)
ORDER BY a.negative_id
"""


@dataclass(frozen=True, slots=True)
class Act:
    """One decision.

    Attributes:
        id: its number, by which it is undone.
        state: what was decided.
        negatives: the numbers of the negatives that it changed.
    """

    id: int
    state: ReviewState
    negatives: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ActSummary:
    """One decision, without the negatives that it is about: its number, what was decided, and about how many."""

    id: int
    state: ReviewState
    count: int


class Verdicts(SharedBank):
    """A bank, opened to decide about its negatives, by any number of processes at a time."""

    def decide(
        self,
        negative_ids: Sequence[int],
        state: ReviewState,
        *,
        origin: str,
        sha256s: Mapping[int, str] | None = None,
    ) -> Act | None:
        """Store a verdict on negatives, as one act.

        Args:
            negative_ids: which.
            state: the verdict; `unreviewed` takes one back.
            origin: where it was decided, for the record: `review`, `bank`, ...
            sha256s: how the hash of each began when it was looked at, by its number, which may be another's since.

        Returns:
            The act; None where all of them were in that state before.

        Raises:
            BankError: where the bank lacks one of them, or it is another by now; then nothing is stored.
        """
        with self._write() as connection:
            self._require_same(sha256s or {})
            return decide(connection, self.folder, negative_ids, state, origin=origin)

    def _require_same(self, sha256s: Mapping[int, str]) -> None:
        """Raise BankError unless each number is that of the negative that was looked at."""
        now = sha256s_of(self, list(sha256s))
        changed = [number for number, prefix in sha256s.items() if not now.get(number, prefix).startswith(prefix)]
        if changed:
            raise BankError(f"{counted(len(changed), 'negative')} changed since the page was drawn; look again")

    def undo(self, act_id: int | None = None) -> Act | None:
        """Take an act back, and give each negative the state that it had before. What was decided later stays.

        Args:
            act_id: which; None for the last that was not taken back.

        Returns:
            The act, with the negatives that were changed back; None where there is no such act, or it was taken back.
        """
        with self._write() as connection:
            question = (
                "SELECT id, state FROM acts WHERE NOT undone AND (?1 IS NULL OR id = ?1) ORDER BY id DESC LIMIT 1"
            )
            row = next(checked(connection.execute(question, (act_id,)), {"id": WHOLE, "state": REVIEW}), None)
            if row is None:
                return None
            number, state = row
            before = list(checked(connection.execute(_LATEST, (number,)), {"negative_id": WHOLE, "before": REVIEW}))
            _set(connection, before)
            connection.execute("UPDATE acts SET undone = 1 WHERE id = ?", (number,))
            return Act(number, state, tuple(negative_id for negative_id, _ in before))

    def judge_gaps(self, prefixes: Mapping[int, str], state: ReviewState) -> tuple[Gap, ...]:
        """Store a verdict on likely misses.

        Args:
            prefixes: how the hash of each begins, by its number.
            state: `target`, `rejected` (nothing was missed there), or `unreviewed`, which takes one back.

        Returns:
            Those that had another state, as they were before.

        Raises:
            BankError: where the bank lacks one of them, or it is another by now; then nothing is stored.
        """
        with self._write() as connection:
            now = {gap.id: gap for gap in likely_misses(self)}
            return judge(connection, require_same(now, prefixes), state)

    def require_writable(self) -> None:
        """Raise BankError unless verdicts can be stored."""
        with self._write():
            pass

    def acts(self, origin: str | None = None) -> list[int]:
        """The numbers of the acts that were not taken back, oldest first; of one origin, where it is given."""
        question = "SELECT id FROM acts WHERE NOT undone AND (?1 IS NULL OR origin = ?1) ORDER BY id"
        return [number for (number,) in self.rows(question, {"id": WHOLE}, (origin,))]


def last_act(bank: Bank) -> int:
    """The number of the last act, undone or not; 0 where there is none."""
    return int(bank.scalar("SELECT max(id) FROM acts") or 0)


def last_undoable(bank: Bank, origin: str) -> ActSummary | None:
    """The last act of an origin that was not taken back; None where there is none."""
    question = (
        "SELECT id, state, (SELECT count(*) FROM act_negatives WHERE act_id = acts.id) FROM acts"
        " WHERE NOT undone AND origin = ? ORDER BY id DESC LIMIT 1"
    )
    row = next(bank.rows(question, {"id": WHOLE, "state": REVIEW, "count": WHOLE}, (origin,)), None)
    return None if row is None else ActSummary(*row)


def decided_since(bank: Bank, act_id: int) -> list[int]:
    """The numbers of the negatives that acts after this one were about, whether or not they were undone."""
    question = "SELECT DISTINCT negative_id FROM act_negatives WHERE act_id > ? ORDER BY negative_id"
    return [number for (number,) in bank.rows(question, {"negative_id": WHOLE}, (act_id,))]


def decide(
    connection: sqlite3.Connection, folder: Path, negative_ids: Sequence[int], state: ReviewState, *, origin: str
) -> Act | None:
    """`Verdicts.decide`, inside a transaction of the caller."""
    within, asked = among(connection, negative_ids)
    known = {number for (number,) in checked(connection.execute(_KNOWN.format(within), asked), {"id": WHOLE})}
    unknown = sorted(set(negative_ids) - known)
    if unknown:
        names = ", ".join(map(str, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
        raise BankError(
            f"bank {printable(folder)} has no {counted(len(unknown), 'negative').partition(' ')[2]} {names}"
        )
    return record(connection, negative_ids, state, origin=origin)


def record(
    connection: sqlite3.Connection, negative_ids: Sequence[int], state: ReviewState, *, origin: str
) -> Act | None:
    """Store a verdict on negatives that are there, inside a transaction of the caller; see `Verdicts.decide`."""
    within, asked = among(connection, negative_ids)
    cursor = connection.execute("INSERT INTO acts (state, origin, undone) VALUES (?, ?, 0)", (state, origin))
    number = int(cursor.lastrowid or 0)
    connection.execute(_CHANGED.format(within), (number, *asked, state))
    question = _STATES.format("acts.state")
    rows = list(checked(connection.execute(question, (number,)), {"negative_id": WHOLE, "state": TEXT}))
    if not rows:
        connection.execute("DELETE FROM acts WHERE id = ?", (number,))
        return None
    _set(connection, rows)
    return Act(number, state, tuple(negative_id for negative_id, _ in rows))


def _set(connection: sqlite3.Connection, states: Sequence[tuple[int, str]]) -> None:
    """Give negatives their states."""
    connection.executemany("DELETE FROM reviews WHERE negative_id = ?", [(number,) for number, _ in states])
    decided = [(number, state) for number, state in states if state != "unreviewed"]
    forget_doubts(connection, [number for number, state in states if state in ("unreviewed", "accepted")])
    connection.executemany("INSERT INTO reviews (negative_id, state) VALUES (?, ?)", decided)
