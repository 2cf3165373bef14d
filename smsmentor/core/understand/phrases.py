"""Phrases of people, written in a small notation, found in a text in one pass over its words.

The notation (also explained at the top of the data files):

    word        that word, in lower case, without accents and apostrophes: dont, manana
    word*       a word that begins so
    ~word       that word, or the word with one slip of the finger
    (a|b c|d)   one of these
    x?  x?3     x may be missing; x up to three times
    _           any one word
    #  ##       a number; a number of two digits or more
    @           a letter with digits, like our codes: k43
    ^  $        where a sentence begins; where it ends
    <name>      the group of that name

A group named =word holds other ways in which people write that word, wherever a phrase has it: =que, "q|k".

All phrases of a recogniser become one automaton, of which states are worked out when first met. A word costs one
look-up for each place where a phrase may begin, and phrases are of bounded length, so no text is slow.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from smsmentor.core.understand.normal import plain

END = "."
QUESTION = "?"
ENDS = (END, QUESTION)

_ANY = "_"
_NUMBER = "#"
_LONG_NUMBER = "##"
_EDGE = "^"
_CODE = "@"

# All other signs of ASCII say nothing, nor does "_" alone.
_WORD = re.compile(r"[0-9]+(?=[a-z])|\w[\w*]*|[.!?]+|[^\w\s\x00-\x7f]")
_SILENT = "_"
# `*stop*`, `_please_ stop`: marks around words, as chats have them. `f***` and `k*ll` keep theirs.
_EMPHASIS = re.compile(r"(?<![\w*])([*_]{1,3})(\w[^*_\n]*?)\1(?![\w*])")
_LINE_ENDS = re.compile(r"[\n\r]+")
_ITEM = re.compile(r"[()|]|\?\d*|<[\w-]+>|[^\s()|?<>]+")
_CODE_SHAPE = re.compile(r"[a-z][0-9]{2,4}")
_RUN = re.compile(r"(.)\1{2,}")

# States remembered before the automaton forgets them and starts anew: a bound on memory, not on meaning.
_STATES_MAX = 20_000
_WORDS_MAX = 20_000


@lru_cache(maxsize=64)
def words_of(text: str) -> tuple[str, ...]:
    """The words of a text as phrases see them, sentence ends between them ("." or "?"), one at either side.

    Remembered for a moment: each recogniser asks for the words of the same text.
    """
    return words_in(letters_of(text))


def letters_of(text: str) -> str:
    """The text as its words are looked for: `plain`, without accents and apostrophes, a line's end as a sentence's."""
    if "*" in text or "_" in text:
        text = _EMPHASIS.sub(r"\2", text)
    if "\n" in text or "\r" in text:
        text = " . ".join(line for line in _LINE_ENDS.split(text) if line.strip())
    letters = plain(text).replace("'", "")
    if not letters.isascii():
        bare = unicodedata.normalize("NFKD", letters)
        letters = "".join(c for c in bare if not unicodedata.combining(c))
    return letters


def words_in(letters: str) -> tuple[str, ...]:
    """The words in what `letters_of` gives. None reaches over white space."""
    words = [END]
    for word in _WORD.findall(letters):
        if word.isalnum():  # as most are
            words.append(word)
        elif word[0] in ".!?":
            if word.strip("."):
                _end(words, QUESTION if "?" in word else END)
            elif len(word) == 1:  # "..." is a pause for breath, not an end
                _end(words, END)
        elif word != _SILENT:
            words.append(word)
    _end(words, END)
    return tuple(words)


def _end(words: list[str], mark: str) -> None:
    if words[-1] not in ENDS:
        words.append(mark)
    elif mark == QUESTION and len(words) > 1:
        words[-1] = QUESTION


# ---------------------------------------------------------------------------------------------------------------
# The notation, read into a tree


@dataclass(frozen=True)
class _One:
    """One word that fits the atom: "=die", "+kill" (prefix), "~suicide", or a sign."""

    atom: str


@dataclass(frozen=True)
class _Row:
    parts: tuple[_Node, ...]


@dataclass(frozen=True)
class _Choice:
    parts: tuple[_Node, ...]


@dataclass(frozen=True)
class _Upto:
    part: _Node
    times: int


_Node = _One | _Row | _Choice | _Upto


class _Reader:
    """Reads phrases; a mistake in the data is a ValueError that names the phrase."""

    def __init__(self, groups: Mapping[str, str]) -> None:
        self._groups = groups
        self._read: dict[str, _Node] = {}
        self._reading: list[str] = []

    def phrase(self, text: str) -> _Node:
        items = _ITEM.findall(text)
        node, rest = self._choice(items, 0, text)
        if rest != len(items):
            raise ValueError(f"unexpected {items[rest]!r} in the phrase {text!r}")
        return node

    def _choice(self, items: Sequence[str], at: int, text: str) -> tuple[_Node, int]:
        rows: list[_Node] = []
        parts: list[_Node] = []
        while at < len(items) and items[at] != ")":
            item = items[at]
            if item == "|":
                rows.append(_Row(tuple(parts)))
                parts, at = [], at + 1
            elif item[0] == "?":
                if not parts:
                    raise ValueError(f"nothing before ? in the phrase {text!r}")
                parts[-1] = _Upto(parts[-1], int(item[1:] or 1))
                at += 1
            elif item == "(":
                inner, at = self._choice(items, at + 1, text)
                if at == len(items):
                    raise ValueError(f"a bracket stays open in the phrase {text!r}")
                parts.append(inner)
                at += 1
            else:
                parts.append(self._word(item, text))
                at += 1
        rows.append(_Row(tuple(parts)))
        return (rows[0] if len(rows) == 1 else _Choice(tuple(rows))), at

    def _word(self, item: str, text: str) -> _Node:
        if not item.strip("*~"):
            raise ValueError(f"{item!r} stands alone in the phrase {text!r}")
        if item[0] == "<":
            return self._group(item[1:-1], text)
        if item in (_ANY, _NUMBER, _LONG_NUMBER, _CODE):
            return _One(item)
        if item in ("^", "$"):
            return _One(_EDGE)
        if item[0] == "~":
            return _Choice((_One("=" + item[1:]), _One(item)))
        if item.endswith("*") and item.count("*") == 1:
            return _One("+" + item[:-1])
        written = _One("=" + item)
        return _Choice((written, self._group(written.atom, text))) if written.atom in self._groups else written

    def _group(self, name: str, text: str) -> _Node:
        if name not in self._groups or name in self._reading:
            raise ValueError(f"no group <{name}> for the phrase {text!r}")
        if name not in self._read:
            self._reading.append(name)
            self._read[name] = self.phrase(self._groups[name])
            self._reading.pop()
        return self._read[name]


# ---------------------------------------------------------------------------------------------------------------
# The automaton


@dataclass(frozen=True)
class Found:
    """A phrase of `rule` in words[start:end]."""

    rule: str
    start: int
    end: int


@dataclass(eq=False)
class State:
    """A place in an automaton: no nodes are left when nothing can fit any more; `rules` are those that fit so far."""

    nodes: frozenset[int]
    rules: tuple[str, ...]
    moves: dict[int, State] = field(default_factory=dict)


class Phrases:
    """Named rules, each of several phrases, looked for together."""

    def __init__(self, rules: Mapping[str, Iterable[str]], groups: Mapping[str, str]) -> None:
        self._steps: list[list[tuple[str, int]]] = []
        self._skips: list[list[int]] = []
        self._ends: dict[int, str] = {}
        self._literals: set[str] = set()
        self._prefixes: set[str] = set()
        self._longest_prefix = 0
        self._slips: dict[str, tuple[str, ...]] = {}
        self._start = self._node()
        self._kinds: list[tuple[str, ...]] = [()]
        self._begins = [False]
        """Of each kind of word: whether it begins a phrase."""
        self._openings: dict[str, list[int]] = {}
        """By atom, where the phrases that begin with it go on: there are too many to walk through for each word."""
        self._numbers: dict[tuple[str, ...], int] = {}
        self._words: dict[str, int] = {}
        reader = _Reader(groups)
        for rule, phrases in rules.items():
            last = self._node()
            self._ends[last] = rule
            for phrase in phrases:
                self._lay(reader.phrase(phrase), self._start, last)
        self._forget()
        for node in self._first.nodes:
            for atom, end in self._steps[node]:
                self._openings.setdefault(atom, []).append(end)

    def find(self, words: Sequence[str]) -> Iterator[Found]:
        """Every rule at every place where it fits, the longest fit of each, from left to right."""
        symbols, places = self._symbols(words)
        begins = self._begins
        # Most words begin no phrase.
        for first in [place for place, symbol in enumerate(symbols) if begins[symbol]]:
            state = self._move(self._first, symbols[first])
            longest = dict.fromkeys(state.rules, first)
            for last in range(first + 1, len(symbols)):
                state = state.moves.get(symbols[last]) or self._move(state, symbols[last])
                if not state.nodes:
                    break
                for rule in state.rules:
                    longest[rule] = last
            for rule, last in longest.items():
                yield Found(rule, places[first], places[last] + 1)

    def whole(self, words: Sequence[str]) -> frozenset[str]:
        """The rules that fit all of the words, sentence ends left out."""
        symbols, _ = self._symbols([word for word in words if word not in ENDS])
        state = self._first
        for symbol in symbols:
            state = state.moves.get(symbol) or self._move(state, symbol)
            if not state.nodes:
                break
        return frozenset(state.rules)

    # For running several together

    @property
    def start(self) -> State:
        """The place before any word."""
        return self._first

    def kind(self, word: str) -> int:
        """The number of what a word is to the phrases; 0 for a sign that is passed over."""
        return self._words.get(word) or self._learn(word)

    def opened(self, kind: int, *, anywhere: bool = False) -> State | None:
        """The place after a word of that kind as the first of a phrase, None where no phrase begins so.

        `anywhere`: also of phrases that want a sentence to begin before it, wherever it stands.
        """
        after = self._move(self._first, kind) if self._begins[kind] else None
        if anywhere and (begun := self._move(self._move(self._first, self.kind(END)), kind).nodes):
            after = self._state({*begun, *(after.nodes if after else ())})
        return after

    def step(self, state: State, kind: int) -> State:
        """The place after one more word of that kind."""
        return state.moves.get(kind) or self._move(state, kind)

    # Building

    def _node(self) -> int:
        self._steps.append([])
        self._skips.append([])
        return len(self._steps) - 1

    def _lay(self, node: _Node, start: int, end: int) -> None:
        match node:
            case _One(atom):
                self._know(atom)
                self._steps[start].append((atom, end))
            case _Choice(parts):
                for part in parts:
                    self._lay(part, start, end)
            case _Upto(part, times):
                for _ in range(times):
                    self._skips[start].append(end)
                    after = self._node()
                    self._lay(part, start, after)
                    start = after
                self._skips[start].append(end)
            case _Row(parts):
                for part in parts:
                    after = self._node()
                    self._lay(part, start, after)
                    start = after
                self._skips[start].append(end)

    def _know(self, atom: str) -> None:
        sign, word = atom[0], atom[1:]
        if sign == "=":
            self._literals.add(word)
        elif sign == "+":
            self._prefixes.add(word)
            self._longest_prefix = max(self._longest_prefix, len(word))
        elif sign == "~":
            for slip in _slips(word):
                self._slips[slip] = (*self._slips.get(slip, ()), atom)

    # Running

    def _forget(self) -> None:
        self._known: dict[frozenset[int], State] = {}
        self._first = self._state({self._start})

    def _state(self, nodes: set[int]) -> State:
        todo, closed = list(nodes), set(nodes)
        while todo:
            for node in self._skips[todo.pop()]:
                if node not in closed:
                    closed.add(node)
                    todo.append(node)
        key = frozenset(closed)
        state = self._known.get(key)
        if state is None:
            rules = tuple(dict.fromkeys(self._ends[node] for node in sorted(key) if node in self._ends))
            state = self._known[key] = State(key, rules)
        return state

    def _move(self, state: State, symbol: int) -> State:
        after = state.moves.get(symbol)
        if after is None:
            if len(self._known) > _STATES_MAX:
                self._forget()
            atoms = self._kinds[symbol]
            if state is self._first:
                nodes = {end for atom in atoms for end in self._openings.get(atom, ())}
            else:
                nodes = {end for node in state.nodes for atom, end in self._steps[node] if atom in atoms}
            after = state.moves[symbol] = self._state(nodes)
        return after

    def _symbols(self, words: Sequence[str]) -> tuple[list[int], Sequence[int]]:
        """What each word is to the phrases, and where it stood; unknown signs and emoji are passed over."""
        try:
            kinds = [*map(self._words.__getitem__, words)]
        except KeyError:
            kinds = [self._words[word] if word in self._words else self._learn(word) for word in words]
        if 0 not in kinds:
            return kinds, range(len(kinds))
        return [kind for kind in kinds if kind], [place for place, kind in enumerate(kinds) if kind]

    def _learn(self, word: str) -> int:
        """Remember the kind of a word that has not been met before."""
        if len(self._words) > _WORDS_MAX:
            self._words.clear()
        atoms = self._symbol(word)
        if len(atoms) == 1 and not word[0].isalnum() and word not in ENDS:
            kind = 0
        elif atoms in self._numbers:
            kind = self._numbers[atoms]
        else:
            self._kinds.append(atoms)
            self._begins.append(any(atom in self._openings for atom in atoms))
            kind = self._numbers[atoms] = len(self._kinds) - 1
        self._words[word] = kind
        return kind

    def _symbol(self, word: str) -> tuple[str, ...]:
        if word in ENDS:
            return (_EDGE,)
        if word.isdigit():
            numbers = (_NUMBER, _LONG_NUMBER) if len(word) > 1 else (_NUMBER,)
            return (_ANY, *numbers, *self._atoms(word))
        forms = (word, _RUN.sub(r"\1\1", word), _RUN.sub(r"\1", word)) if _RUN.search(word) else (word,)
        for form in forms:
            if atoms := self._atoms(form):
                return (_ANY, *atoms)
        if _CODE_SHAPE.fullmatch(word):
            return (_ANY, _CODE)
        return (_ANY, *self._slips.get(word, ()))

    def _atoms(self, word: str) -> tuple[str, ...]:
        atoms = ["=" + word] if word in self._literals else []
        longest = min(len(word), self._longest_prefix)
        atoms += ["+" + word[:n] for n in range(2, longest + 1) if word[:n] in self._prefixes]
        return tuple(atoms)


def _slips(word: str) -> set[str]:
    """The forms of a word with one letter missing, added, changed, or two swapped, its first letter kept."""
    heads = [(word[:i], word[i:]) for i in range(1, len(word) + 1)]
    missing = {head + tail[1:] for head, tail in heads if tail}
    swapped = {head + tail[1] + tail[0] + tail[2:] for head, tail in heads if len(tail) > 1}
    changed = {head + c + tail[1:] for head, tail in heads if tail for c in string.ascii_lowercase}
    added = {head + c + tail for head, tail in heads for c in string.ascii_lowercase}
    return (missing | swapped | changed | added) - {word}
