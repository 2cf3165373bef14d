"""Who may be sent something, and when: the pending texts in one line per recipient.

Both stores keep one of these in memory beside their rows, because the question "which recipients are ready" cannot be
answered from single rows without walking all that waits behind a slow one.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from smsmentor.core.kinds import lets_pass
from smsmentor.core.making import replace
from smsmentor.core.model import OutText, moment

Place = tuple[float, int, str]
"""Where a text stands in its line: when queued, the order of writing, its id."""
Call = tuple[float, float, int, str]
"""When a recipient's next text may go: ready, when queued, the order of writing, the recipient."""
Row = tuple[float, str]
"""Recipients who stand in one row: how long they let others pass, and the number that the next text leaves from."""

_SPARE = 64


class Lines:
    """The pending texts. `put` and `drop` follow every committed change; the rest only asks.

    Among recipients who are ready goes first who was ready first, but some texts let others pass for a while
    (`lets_pass`). A recipient has the patience of the least patient text in the line: it waits for all before it.

    In a line the text that was queued first goes first. A text that was never tried and whose `not_before` lies ahead
    (it waits for the morning) lets others pass; one that was tried and waits for its next try does not, and neither
    does one that is leased. So order is kept and one text at most is in flight.
    """

    def __init__(self) -> None:
        self._texts: dict[str, tuple[Place, OutText]] = {}
        self._lines: dict[str, list[Place]] = {}
        self._calls: dict[str, tuple[Row, Call]] = {}
        self._rows: dict[Row, list[Call]] = {}
        """A heap for each row: within one, who is ready first goes first."""

    def __len__(self) -> int:
        return len(self._texts)

    def put(self, text: OutText, sequence: int) -> None:
        """A text was written; `sequence` is the order in which texts were first written."""
        self._leave(text.id)
        if text.pending:
            place = (moment(text.queued), sequence, text.id)
            self._texts[text.id] = (place, text)
            line = self._lines.setdefault(text.member, [])
            insort(line, place)
            known, own = self._calls.get(text.member), (_from(text), *place[:2], text.member)
            # At the end of its line a text that is neither due sooner nor less patient changes nothing, however long
            # the line is.
            last = line[-1] is place and text.status != "leased"
            if known is None or not last or own < known[1] or lets_pass(text) < known[0][0]:
                self._call(text.member)

    def drop(self, id: str) -> None:
        """A text was removed."""
        self._leave(id)

    def ready(self, now: datetime, limit: int, busy: Collection[str] = ()) -> list[OutText]:
        """The next text of each recipient that may be sent now, in the order in which they should go.

        Those that leave from a number in `busy` are left out.
        """
        at = now.timestamp()
        found: dict[str, tuple[Row, Call]] = {}
        while len(found) < limit:
            ripe = [
                (call[0] + row[0], call, row) for row, call in self._firsts() if call[0] <= at and row[1] not in busy
            ]
            if not ripe:
                break
            _, call, row = min(ripe)
            heapq.heappop(self._rows[row])
            # A call that changed and changed back stands in the heap twice; the second copy ends here.
            found[call[3]] = row, call
        for row, call in found.values():
            heapq.heappush(self._rows[row], call)
        return [self._head(member, at) for member in found]

    def next_moment(self) -> datetime | None:
        """When `ready` will have something."""
        call = min((call for _, call in self._firsts()), default=None)
        if call is None:
            return None
        text = self._head(call[3], call[0])
        return (text.leased_until or text.not_before) if text.status == "leased" else text.not_before

    def _leave(self, id: str) -> None:
        if (known := self._texts.pop(id, None)) is None:
            return
        place, text = known
        line = self._lines[text.member]
        del line[bisect_left(line, place)]
        self._call(text.member)

    def _call(self, member: str) -> None:
        """Work out again when this recipient is ready."""
        if not self._lines[member]:
            del self._lines[member]
            self._calls.pop(member, None)
            return
        eligible = list(self._eligible(member))
        ready, (queued, sequence, id) = min((_from(text), place) for place, text in eligible)
        row = (min(lets_pass(text) for _, text in eligible), self._texts[id][1].sender)
        call = (ready, queued, sequence, member)
        if self._calls.get(member) != (row, call):
            self._calls[member] = row, call
            heap = self._rows.setdefault(row, [])
            heapq.heappush(heap, call)
            if len(heap) > 2 * len(self._calls) + _SPARE:
                heap[:] = sorted(call for own, call in self._calls.values() if own == row)

    def _eligible(self, member: str) -> Iterator[tuple[Place, OutText]]:
        """The texts of a line that can be the next to go: up to the first that lets nobody pass."""
        line = [self._texts[place[2]] for place in self._lines[member]]
        if leased := [known for known in line if known[1].status == "leased"]:
            yield leased[0]
            return
        for known in line:
            yield known
            if known[1].attempts:
                return

    def _head(self, member: str, at: float) -> OutText:
        return next(text for _, text in self._eligible(member) if _from(text) <= at)

    def _firsts(self) -> list[tuple[Row, Call]]:
        """The earliest call of each row that still stands; those that changed meanwhile are thrown away on the way."""
        found = []
        for row, heap in self._rows.items():
            while heap and self._calls.get(heap[0][3]) != (row, heap[0]):
                heapq.heappop(heap)
            if heap:
                found.append((row, heap[0]))
        return found


def leased(text: OutText, now: datetime, lease: timedelta) -> OutText:
    """The row of a text that is taken now. One that was out already comes back: nobody knows whether it left."""
    return replace(text, status="leased", leased_until=now + lease, unsure=text.unsure or text.status == "leased")


def _from(text: OutText) -> float:
    return moment(text.leased_until) if text.status == "leased" else moment(text.not_before)
