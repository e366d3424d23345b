"""A bank behind a server of many threads: one thread reads, one decides, one keeps the index up to date.

SQLite's connections belong to the thread that opened them. Reading never waits for writing; a verdict waits for another
writer, such as a scan, no longer than that takes to store one batch.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np

from negmine.bank.bank import Bank
from negmine.bank.filters import NegativeFilter, ReviewState, Sort
from negmine.bank.gaps import Gap, gap_stamp, likely_misses
from negmine.bank.identity import database_key, origin_of
from negmine.bank.index import Index, Stamp, content_stamp, decided_states, decision_stamp
from negmine.bank.verdicts import Act, ActSummary, Verdicts, decided_since, last_act, last_undoable
from negmine.errors import BankError, BankLockedError, BankVersionError
from negmine.structures import IntArray

_T = TypeVar("_T")
_ORIGIN = "review"
_SHARE = 5  # a new index is begun after this many times as long as the last took, so that a scan has the processor


class ReviewedBank:
    """A bank that is looked at and decided about. Call `close`.

    Args:
        folder: of the bank.

    Attributes:
        key: of the database: another one at the same path has another.
        read_only: why nothing can be decided; None where it can.

    Raises:
        BankError: where the folder is not a bank, or its database is damaged.
        BankLockedError: where an older negmine's bank is to be brought up to date and another process is writing.
        BankVersionError: where a newer negmine wrote it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read_only: str | None = None
        self._threads = [ThreadPoolExecutor(1, f"negmine-{name}") for name in ("read", "decide", "index")]
        self._reading, self._deciding, self._indexing = self._threads
        self._verdicts: Verdicts | None = None
        self._opened: list[tuple[ThreadPoolExecutor, Bank]] = []
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        try:
            self._verdicts = self._connect(self._deciding, Verdicts)
            self._deciding.submit(self._verdicts.require_writable).result()
        except (BankLockedError, BankVersionError):
            raise
        except BankError as error:
            self.read_only = str(error)
        self._bank = self._connect(self._reading, Bank)
        self.key = self._reading.submit(database_key, self._bank).result()
        self._index_bank = self._connect(self._indexing, Bank)
        self._version = 1
        # SQLite's versions of the data when content and decisions were compared
        self._compared = self._noticed = self._reading.submit(self._bank.data_version).result()
        self._content = self._reading.submit(content_stamp, self._bank).result()
        self._decisions = self._reading.submit(decision_stamp, self._bank).result()
        self._first = self._indexing.submit(Index.read, self._index_bank)  # the page is there before it is
        self._renewed: Index | None = None
        self._gaps: dict[int, Gap] = {}
        self._gap_stamp: tuple[object, ...] = ()
        self._gaps_noticed = -1
        self._renewal: Future[tuple[Index, Stamp, float] | None] | None = None
        self._rested = 0.0  # moment from which the index may be renewed

    def _connect(self, thread: ThreadPoolExecutor, kind: Callable[[Path], _T]) -> _T:
        opened = thread.submit(kind, self.folder).result()
        assert isinstance(opened, Bank)
        self._opened.append((thread, opened))
        return opened

    def close(self) -> None:
        """Let go of the bank."""
        for thread, bank in self._opened:
            with suppress(RuntimeError):  # it was closed before
                thread.submit(bank.close).result()
        for each in self._threads:
            each.shutdown()

    async def read(self, question: Callable[[Bank], _T]) -> _T:
        """What a question about the bank gives."""
        return await asyncio.wrap_future(self._reading.submit(question, self._bank))

    async def read_long(self, question: Callable[[Bank], _T]) -> _T:
        """The same for a question that takes longer, and keeps no other waiting."""
        return await asyncio.wrap_future(self._indexing.submit(question, self._index_bank))

    async def look(self) -> None:
        """Notice what a scan and other commands changed; what there is anew is in the index a moment later."""
        await asyncio.shield(asyncio.wrap_future(self._first))
        await asyncio.wrap_future(self._reading.submit(self._look))

    async def index(self) -> Index:
        """All negatives, as they were a moment ago, with the verdicts of now."""
        await asyncio.shield(asyncio.wrap_future(self._first))
        await asyncio.wrap_future(self._reading.submit(self._notice_decisions))
        return self._index

    @property
    def _index(self) -> Index:
        """The present one."""
        return self._renewed or self._first.result()

    async def gaps(self) -> Mapping[int, Gap]:
        """All likely misses of now by their numbers, highest score first."""
        return await self.read(self._gaps_of)

    def _gaps_of(self, bank: Bank) -> Mapping[int, Gap]:
        """In the thread that reads."""
        if (now := bank.data_version()) != self._gaps_noticed:
            if (stamp := gap_stamp(bank)) != self._gap_stamp:
                self._gaps, self._gap_stamp = {gap.id: gap for gap in likely_misses(bank)}, stamp
            self._gaps_noticed = now
        return self._gaps

    async def judge_gaps(self, prefixes: Mapping[int, str], state: ReviewState) -> tuple[Gap, ...]:
        """Store a verdict on likely misses; see `Verdicts.judge_gaps`."""
        return await self._change(lambda verdicts: verdicts.judge_gaps(prefixes, state))

    @property
    def version(self) -> str:
        """Changes when negatives come or go, or are compared anew."""
        return str(self._version)

    @property
    def decisions(self) -> str:
        """Changes when somebody decides something."""
        return "-".join(f"{number:.0f}" for number in self._decisions)

    async def select(self, which: NegativeFilter, sort: Sort, since: int) -> IntArray:
        """The numbers, clusters, places and first digits of hashes [N, 4] of the negatives that are meant, in order.

        Args:
            which: of them. What was decided after the act `since` stays, whatever its state is now.
            sort: their order.
            since: number of an act.
        """
        index = await self.index()
        also = await self.read(lambda bank: decided_since(bank, since)) if which.states else ()
        at = await asyncio.to_thread(index.select, which, sort, also=also)
        hashes = index.hashes[at].view(np.int32)
        return np.stack([index.ids[at], index.clusters[at], index.places[at], hashes], axis=1)

    async def decide(self, prefixes: Mapping[int, str], state: ReviewState) -> Act | None:
        """Store a verdict; see `Verdicts.decide`.

        Args:
            prefixes: how the sha256 of each negative begins, by its number.
            state: the verdict.

        Raises:
            BankError: where a number is of no negative, or of another one by now; then nothing is stored.
        """
        return await self._change(
            lambda verdicts: verdicts.decide(list(prefixes), state, origin=_ORIGIN, sha256s=prefixes)
        )

    async def undo(self, act_id: int, bank_key: str) -> Act | None:
        """Take back an act of a review; see `Verdicts.undo`.

        Args:
            act_id: its number.
            bank_key: of the bank that it is in.

        Raises:
            BankError: where that is another bank, or something else than a review decided it.
        """
        if bank_key != self.key:
            raise BankError("this page shows another bank; load it again")
        return await self._change(lambda verdicts: _undo(verdicts, act_id))

    async def last_acts(self) -> tuple[int, ActSummary | None]:
        """The number of the last act, 0 for none; and the last of any review that was not taken back."""
        return await self.read(lambda bank: (last_act(bank), last_undoable(bank, _ORIGIN)))

    async def _change(self, change: Callable[[Verdicts], _T]) -> _T:
        if self._verdicts is None or self.read_only is not None:
            raise BankError(f"nothing was stored: {self.read_only}")
        return await asyncio.wrap_future(self._deciding.submit(change, self._verdicts))

    def _notice_decisions(self) -> None:
        """In the thread that reads."""
        if (now := self._bank.data_version()) == self._noticed:
            return
        if (stamp := decision_stamp(self._bank)) != self._decisions:
            (last, undone, *_), was_undone = self._decisions, stamp[1]
            if undone == was_undone:  # there are new acts alone
                self._index.set_states(decided_states(self._bank, decided_since(self._bank, int(last))))
            else:
                self._index.set_states(decided_states(self._bank), others=True)
            self._decisions = stamp
        self._noticed = now

    def _look(self) -> None:
        """In the thread that reads."""
        self._notice_decisions()
        if self._renewal is not None:
            if not self._renewal.done():
                return
            renewal, self._renewal = self._renewal, None
            self._take(renewal.result())
        if (now := self._bank.data_version()) == self._compared or time.monotonic() < self._rested:
            return
        self._compared = now
        self._renewal = self._indexing.submit(self._renew, self._content)

    def _renew(self, known: Stamp) -> tuple[Index, Stamp, float] | None:
        """The index anew, its stamp, and the seconds that it took; None where the content is as it was.

        In the thread for that.
        """
        began = time.monotonic()
        stamp = content_stamp(self._index_bank)
        return None if stamp == known else (Index.read(self._index_bank), stamp, time.monotonic() - began)

    def _take(self, renewed: tuple[Index, Stamp, float] | None) -> None:
        """In the thread that reads."""
        if renewed is None:
            return
        index, self._content, seconds = renewed
        index.set_states(decided_states(self._bank), others=True)  # some may be newer than the index
        self._renewed, self._version = index, self._version + 1
        self._rested = time.monotonic() + _SHARE * seconds


def _undo(verdicts: Verdicts, act_id: int) -> Act | None:
    if origin_of(verdicts, act_id) not in (None, _ORIGIN):
        raise BankError(f"no review decided act {act_id}; `negmine bank undo --act {act_id}` takes it back")
    return verdicts.undo(act_id)
