"""Runs several automata as one, to learn which of them have anything to say about a text: mostly none has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from smsmentor.core.understand.phrases import Phrases, State

# What is remembered before all is forgotten: a bound on memory, not on meaning.
_STATES_MAX = 20_000
_WORDS_MAX = 20_000

_END = 0
"""The kind of no word: behind the last."""


@dataclass(eq=False, slots=True)
class _Joint:
    """One state of each automaton, None where nothing can fit any more."""

    states: tuple[State | None, ...]
    fits: int
    """A bit for each automaton of which a rule fits so far."""
    moves: dict[int, _Joint | None] = field(default_factory=lambda: {_END: None})
    """By kind of word; None when nothing is left in any automaton."""


class Together:
    """Automata side by side: a word is looked up once, and one step is a step in each of them."""

    def __init__(self, parts: Sequence[Phrases]) -> None:
        self._parts = tuple(parts)
        self._kinds: list[tuple[int, ...]] = [()]
        """Of each kind of word, what it is to each automaton."""
        self._numbers: dict[tuple[int, ...], int] = {}
        self._words: dict[str, int] = {}
        self._forget()

    def fitting(self, words: Sequence[str]) -> list[int]:
        """Which automata would `find` something in the words."""
        kinds = self._kinds_of(words)
        kinds.append(_END)
        opened, fits = self._opened, 0
        for place, joint in enumerate([opened[kind] for kind in kinds], 1):
            while joint is not None:
                fits |= joint.fits
                try:
                    after = joint.moves[kinds[place]]
                except KeyError:
                    after = self._move(joint, kinds[place])
                joint = after
                place += 1
        return self._named(fits)

    def fitting_whole(self, words: Sequence[str]) -> list[int]:
        """Which automata have a rule that fits the words as a `whole`, among which are no sentence ends."""
        joint = self._first
        for kind in self._kinds_of(words):
            after = joint.moves[kind] if kind in joint.moves else self._move(joint, kind)
            if after is None:
                return []
            joint = after
        return self._named(joint.fits)

    def _named(self, fits: int) -> list[int]:
        return [part for part in range(len(self._parts)) if fits >> part & 1] if fits else []

    # Working out what is met for the first time

    def _forget(self) -> None:
        self._known: dict[tuple[State | None, ...], _Joint] = {}
        first = self._joint(tuple(part.start for part in self._parts))
        assert first is not None
        self._first = first
        self._opened = [None, *map(self._open, self._kinds[1:])]
        """By kind of word, the state after it as the first of a phrase."""

    def _joint(self, states: tuple[State | None, ...]) -> _Joint | None:
        states = tuple(state if state and state.nodes else None for state in states)
        if not any(states):
            return None
        joint = self._known.get(states)
        if joint is None:
            fits = sum(1 << part for part, state in enumerate(states) if state and state.rules)
            joint = self._known[states] = _Joint(states, fits)
        return joint

    def _open(self, kinds: tuple[int, ...]) -> _Joint | None:
        return self._joint(
            tuple(
                part.step(part.start, kind) if part.begins(kind) else None
                for part, kind in zip(self._parts, kinds, strict=True)
            )
        )

    def _move(self, joint: _Joint, kind: int) -> _Joint | None:
        if len(self._known) > _STATES_MAX:
            self._forget()
        states = zip(self._parts, joint.states, self._kinds[kind], strict=True)
        # What is passed over by an automaton leaves it where it is.
        after = self._joint(tuple(part.step(s, kind) if s and kind else s for part, s, kind in states))
        joint.moves[kind] = after
        return after

    def _kinds_of(self, words: Sequence[str]) -> list[int]:
        try:
            return [*map(self._words.__getitem__, words)]
        except KeyError:
            return [self._words[word] if word in self._words else self._learn(word) for word in words]

    def _learn(self, word: str) -> int:
        if len(self._words) > _WORDS_MAX:
            self._words.clear()
        kinds = tuple(part.kind(word) for part in self._parts)
        if kinds not in self._numbers:
            self._kinds.append(kinds)
            self._opened.append(self._open(kinds))
            self._numbers[kinds] = len(self._kinds) - 1
        self._words[word] = self._numbers[kinds]
        return self._words[word]
