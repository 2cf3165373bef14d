"""Runs several automata as one, to learn which of them may have anything to say about a text: mostly none has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Literal

from smsmentor.core.understand.phrases import END, ENDS, Phrases, State, letters_of, words_in, words_of

Where = Literal["found", "anywhere", "whole"]

# What is remembered before all is forgotten: a bound on memory, not on meaning.
_STATES_MAX = 20_000
_WORDS_MAX = 20_000
_CHUNKS_MAX = 20_000
_CHUNK_LONGEST = 32

_NO_WORD = 0
"""The kind of no word: behind the last."""


@dataclass(eq=False, slots=True)
class _Joint:
    """One state of each automaton, None where nothing can fit any more."""

    states: tuple[State | None, ...]
    fits: int
    """The bits of the automata of which a rule fits so far."""
    moves: dict[int, _Joint | None] = field(default_factory=lambda: {_NO_WORD: None})
    """By kind of word; None when nothing is left in any automaton."""


class Together:
    """Automata side by side: a text is cut into words once, and one step is a step in each of them.

    It only rules out: whoever finds their bit in `fits` looks again by themselves.
    """

    def __init__(self) -> None:
        self._parts: list[Phrases] = []
        self._where: list[Where] = []
        self._start_anew()

    def add(self, part: Phrases, where: Where) -> int:
        """Take an automaton in, and give it a bit, for rules that are to be `found` in a text, or fit the `whole`.

        `anywhere` also rules out that they are found in the end of the text alone, cut off before any of its words.
        """
        self._parts.append(part)
        self._where.append(where)
        self._start_anew()
        return 1 << len(self._parts) - 1

    def _look(self, text: str) -> int:
        kinds = self._kinds_of(text)
        fits = 0
        try:
            opened = [*map(self._opened.__getitem__, kinds)]
        except KeyError:
            opened = [*map(self._open, kinds)]
        for place, joint in enumerate(opened, 1):
            while joint is not None:
                fits |= joint.fits
                try:
                    after = joint.moves[kinds[place]]
                except KeyError:
                    after = self._move(joint, kinds[place])
                joint = after
                place += 1
        return fits | self._whole(kinds)

    def _whole(self, kinds: list[int]) -> int:
        joint = self._first
        for kind in kinds[:-1]:
            after = joint.moves[kind] if kind in joint.moves else self._move(joint, kind)
            if after is None:
                return 0
            joint = after
        return joint.fits

    # From a text to kinds of words

    def _kinds_of(self, text: str) -> list[int]:
        """The kind of each word of a text, and of no word behind them.

        No word reaches over white space, so what stands between is looked up as it is. Two sentence ends beside each
        other count as one: what begins with one is never remembered, and at the end of a text a second is harmless.
        """
        chunks = letters_of(text).split()
        try:
            kinds = chain.from_iterable(map(self._chunks.__getitem__, chunks))
            return [self._end, *kinds, self._end, _NO_WORD]
        except KeyError:
            for chunk in dict.fromkeys(chunks):
                if chunk not in self._chunks and len(chunk) <= _CHUNK_LONGEST:
                    self._meet(chunk)
            return [*map(self._kind, words_of(text)), _NO_WORD]

    def _meet(self, chunk: str) -> None:
        if len(self._chunks) > _CHUNKS_MAX:
            self._chunks.clear()
        words = words_in(f"a {chunk} a")[2:-2]
        if not words or words[0] not in ENDS:
            self._chunks[chunk] = tuple(map(self._kind, words))

    def _kind(self, word: str) -> int:
        return self._words[word] if word in self._words else self._learn(word)

    def _learn(self, word: str) -> int:
        if len(self._words) > _WORDS_MAX:
            self._words.clear()
        kinds = tuple(
            part.kind(word) if where != "whole" or word[0].isalnum() else 0
            for part, where in zip(self._parts, self._where, strict=True)
        )
        if kinds not in self._numbers:
            self._kinds.append(kinds)
            self._numbers[kinds] = len(self._kinds) - 1
        self._words[word] = self._numbers[kinds]
        return self._words[word]

    # Working out what is met for the first time

    def _start_anew(self) -> None:
        self._kinds: list[tuple[int, ...]] = [()]
        """Of each kind of word, what it is to each automaton."""
        self._numbers: dict[tuple[int, ...], int] = {}
        self._words: dict[str, int] = {}
        self._chunks: dict[str, tuple[int, ...]] = {}
        self.fits = lru_cache(maxsize=64)(self._look)
        """The bits of all automata that may fit. Remembered for a moment: several ask about the same text."""
        self._forget()
        self._end = self._kind(END)

    def _forget(self) -> None:
        self._known: dict[tuple[State | None, ...], _Joint] = {}
        self._first = self._joint(
            part.start if where == "whole" else None for part, where in zip(self._parts, self._where, strict=True)
        ) or _Joint((None,) * len(self._parts), 0)
        """Before all words, of those that are to fit the whole."""
        self._opened: dict[int, _Joint | None] = {_NO_WORD: None}
        """By kind of word, the state after it as the first of a phrase."""

    def _joint(self, states: Iterable[State | None]) -> _Joint | None:
        states = tuple(state if state and state.nodes else None for state in states)
        if not any(states):
            return None
        joint = self._known.get(states)
        if joint is None:
            fits = sum(1 << part for part, state in enumerate(states) if state and state.rules)
            joint = self._known[states] = _Joint(states, fits)
        return joint

    def _open(self, kind: int) -> _Joint | None:
        if kind not in self._opened:
            self._opened[kind] = self._joint(
                part.opened(k, anywhere=where == "anywhere") if k and where != "whole" else None
                for part, where, k in zip(self._parts, self._where, self._kinds[kind], strict=True)
            )
        return self._opened[kind]

    def _move(self, joint: _Joint, kind: int) -> _Joint | None:
        if len(self._known) > _STATES_MAX:
            self._forget()
        states = zip(self._parts, joint.states, self._kinds[kind], strict=True)
        # What is passed over by an automaton leaves it where it is.
        after = self._joint(part.step(s, kind) if s and kind else s for part, s, kind in states)
        joint.moves[kind] = after
        return after
