"""Finds which topics of the pool a question is about, and which ones a mentor's typed skills mean."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log, sqrt
from typing import Any, NamedTuple

# What an entry of each kind is worth in a question and in a mentor's skills; a kind that is missing is not read there.
IN_QUESTIONS = {"sure": 1.0, "likely": 0.55, "hint": 0.2}
IN_SKILLS = {"name": 2.0, "skills": 1.0, "sure": 1.0, "likely": 0.55}
SURE_SKILLS = {kind: worth for kind, worth in IN_SKILLS.items() if kind != "likely"}
_KINDS = ("sure", "likely", "hint", "skills")
PHRASE_BONUS = 0.3  # for each further word of a phrase, because a longer phrase says more
FADING = 0.7  # each further sign of a topic says less than the one before
LEANING = 0.2  # what the single words of entries count beside whole entries
STRANGE = 0.2  # doubt for each word that no topic knows
SURE_ENOUGH = 0.4
EVIDENCE = 0.5  # that a sure topic needs from whole entries: hints alone are not enough
# Words of another language than the text's: borrowed ("mi boss") or alike by chance.
FOREIGN = 0.5
LONGEST_PHRASE = 6
SHORTEST_REPAIR = 6
MOST_REPAIRS = 5  # in one text; more unknown words than that are no typos
OWN_WORDS = 4  # that the name of a skill of the pool's own has at most
OWN_SKILLS = 12  # that one mentor has at most
OWN_WORDS_ASKED = 12  # of a question that may name one of them
OWN_KNOWN = 0.5  # what a word that also means a topic says of such a skill, where another word says 1
WORDS_READ = 120  # a question of many parts is judged by its first words, which bounds the time for a text

_WORD = re.compile(r"w/o?\b|#+[^\W_]*|[^\W_]+[+#]*")
_APOSTROPHES = str.maketrans("", "", "'’‘`´")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_SKILL_BREAK = re.compile(r"[,;/|\n•·()]|\s[-–]\s|\.(?:\s|$)")
_SKILL_AND = re.compile(r"\s(?:and|y|e|with|con)\s|\s*&\s*|\s\+\s")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_VOWEL = re.compile(r"[aeiouy]")
# A trade and who is in it: welder and welding, panadero and panaderia.
_TRADE = re.compile("(?<=.{3})(?:ers?|ing)$|(?<=.{4})(?:ador(?:a|es|as)?|aduras?|er[oa]s?|erias?)$")
# Words whose short form is another word: tired is not tire, a meeting is not to meet.
_NO_ENDING = re.compile(
    "care|caring|plane|wine|note|rate|tired|site|meeting|opening|calling|wedding|nothing|something|anything|everything|being|bring|spring|building"
    "|boring|bored|speaking|feeling|evening|morning|stare|during|training|hundred|covered|leaves|thing|string"
)
_SPANISH_WHOLE = frozenset({"partido", "partidos", "casero", "casera"})  # no forms of parto and casar
_SPANISH_ENDING = re.compile(
    "(?<=.{4})(?:andome|iendome|andolo|aciones|iendo|ieron|aron|ando|[aei]rme|[aei]rse|arlo|erlo|arle|[aei]mos"
    "|aban|[ai]d[ao]s|abas|aba|[ai]d[ao]|ias|ian|ria|[aei]r|[ae]n|[aeo]s)$"
)


@dataclass(frozen=True)
class TopicMatch:
    """One topic that a text may be about; `because` names the entries of the table that decided.

    `score` runs from 0 to 1; it orders and says how sure, it is no probability.
    """

    topic: str
    score: float
    because: tuple[str, ...]


class _Sign(NamedTuple):
    """What one entry of the table says, and of which kind the entry is."""

    topic: str
    kind: str
    entry: str
    breadth: int = 1  # how many of its words mean something by themselves


class _Hit(NamedTuple):
    """An entry found at words `start` to `end` of a text."""

    start: int
    end: int
    weight: float
    sign: _Sign


_Weights = dict[str, tuple[float, tuple[str, ...]]]
"""The weight of each topic, with the entries that gave it."""


class Topics:
    """The topics of one pool.

    `table` is the parsed `data/topics.toml`. A wrong table raises ValueError that names every mistake. Building reads
    the whole table (some 0.2 s), so keep the object. Skills of mentors that no topic means are topics of the pool's
    own: `own` names them, and `stems` and `asked_stems` are what a question finds them by (core/own_skills.py).
    """

    names: tuple[str, ...]

    def __init__(self, table: Mapping[str, Any]) -> None:
        _check(table)
        self._shorthand = _shorthand(table.get("shorthand", {}))
        self._common = {language: _word_set(words) for language, words in table.get("common", {}).items()}
        self._ignored = frozenset().union(*map(_word_set, table.get("ignored", {}).values()))
        self._joining = frozenset().union(*map(_word_set, table.get("joining", {}).values()))
        self._padding = frozenset().union(*map(_word_set, table.get("padding", {}).values()))
        self._general = frozenset().union(*map(_word_set, table.get("general", {}).values()))
        self._books = {"en": _Book("en")}
        self._labels: dict[str, dict[str, str]] = {}
        for topic, about in table["topics"].items():
            self._add(topic, about)
        self.names = tuple(self._labels)
        self._known = lru_cache(maxsize=4096)(self._is_known)

    def label(self, topic: str, language: str = "en") -> str:
        """The short everyday label of a topic for texts; a topic without labels is its own label."""
        labels = self._labels.get(topic, {})
        return labels.get(language) or labels.get("en") or next(iter(labels.values()), topic)

    def match(self, text: str, limit: int = 3) -> list[TopicMatch]:
        """The topics that a question seems to be about, likeliest first, at most `limit`; may be empty."""
        weights, signs, doubt = self._weights(text)
        ranked = sorted(weights, key=lambda topic: -weights[topic])[: max(limit, 0)]
        total = sum(weights.values())
        return [_matched(topic, weights[topic], total, signs, doubt) for topic in ranked]

    def best(self, text: str) -> TopicMatch | None:
        """The one topic to ask for; None when nothing matches well enough, which means the general pool."""
        weights, signs, doubt = self._weights(text)
        if not weights:
            return None
        topic = max(weights, key=weights.__getitem__)
        best = _matched(topic, weights[topic], sum(weights.values()), signs, doubt)
        evidence, _ = signs.get(best.topic, (0.0, ()))
        return best if best.score >= SURE_ENOUGH and evidence >= EVIDENCE else None

    def _weights(self, text: str) -> tuple[dict[str, float], _Weights, float]:
        """The weight of all topics that a question may be about, what whole entries say about each, and a doubt."""
        words = self._repaired(text)
        spoken = self._spoken(words)
        signs = _weigh(self._hits(words, spoken, IN_QUESTIONS))
        leaning = self._leaning(words)
        weights = {topic: LEANING * weight for topic, weight in leaning.items()}
        for topic, (weight, _) in signs.items():
            weights[topic] = weight + weights.get(topic, 0.0)
        # Words that no topic knows ("guitar", "tire") are what most questions outside of all topics are made of.
        return weights, signs, 1 / (1 + STRANGE * self._strange(words, spoken))

    def expand(self, skills: str) -> tuple[str, ...]:
        """The topics that a mentor's free text ("excel, hr, nursing 12 yrs") stands for, in the order typed."""
        return tuple(dict.fromkeys(topic for _, topics in self._parts(skills) for topic in topics))

    def unknown(self, skills: str) -> tuple[str, ...]:
        """The parts of a mentor's free text that mean no topic, without "12 yrs" and the like, to be echoed."""
        return tuple(dict.fromkeys(part for part, topics in self._parts(skills) if part and not topics))

    def own(self, skills: str) -> tuple[str, ...]:
        """The parts that no topic of the table surely means (`welding`, `horse care`): each is a topic itself."""
        named = (" ".join(_words(part)[:OWN_WORDS]) for part, _ in self._parts(skills) if not self._sure_of(part))
        return tuple(dict.fromkeys(name for name in named if self.stems(name)))[:OWN_SKILLS]

    def stems(self, name: str) -> dict[tuple[str, ...], float]:
        """The stems of each telling word of such a skill, with how much it says; together 1, or all, mean the skill."""
        return {
            self._stems_of(word): OWN_KNOWN if any(b.means(word) for b in self._books.values()) else 1.0
            for word in self._telling(name)
        }

    def asked_stems(self, question: str) -> tuple[str, ...]:
        """The stems of the words of a question that may name such a skill."""
        words = self._telling(question)[:OWN_WORDS_ASKED]
        spoken = self._spoken(self._read(question))
        return tuple(dict.fromkeys(stem for word in words for stem in self._stems_of(word, spoken)))

    def _stems_of(self, word: str, spoken: Sequence[str] = ()) -> tuple[str, ...]:
        """The stems of a word in these languages, or in all."""
        root = _TRADE.sub("", word)
        return tuple(dict.fromkeys(self._books[language].stem(root) for language in spoken or self._books))

    def _telling(self, text: str) -> list[str]:
        """The words of a text that have a meaning of their own."""
        dull = self._ignored | self._joining | self._padding | self._general
        return [word for word in self._read(text) if len(word) > 2 and word.isalpha() and word not in dull]

    def _sure_of(self, part: str) -> bool:
        """Whether one entry that surely means a topic covers the whole part."""
        words = self._repaired(part)
        return any(hit.end - hit.start == len(words) for hit in self._hits(words, self._spoken(words), SURE_SKILLS))

    def _add(self, topic: str, about: Mapping[str, Any]) -> None:
        names: Mapping[str, str] = about["name"]
        labels: Mapping[str, str] = about.get("label", names)
        self._labels[topic] = dict(labels)
        self._enter("en", topic, _Sign(topic, "name", topic))
        for spellings in (names, labels):
            for language, spelling in spellings.items():
                self._enter(language, spelling, _Sign(topic, "name", spelling))
        for kind in _KINDS:
            for language, entries in about.get(kind, {}).items():
                for entry in _split(entries):
                    self._enter(language, entry, _Sign(topic, kind, entry))

    def _enter(self, language: str, entry: str, sign: _Sign) -> None:
        book = self._books.setdefault(language, _Book(language))
        words = self._read(entry)
        telling = [word for word in words if word not in self._ignored]
        # "come back" or "find me out" with less than two words of meaning is looked for as it stands.
        breadth = sum(word not in self._joining for word in telling)
        sign = sign._replace(breadth=max(breadth, 1))
        book.enter(telling if breadth > 1 else words, sign, together=" + " in entry)

    def _read(self, text: str) -> list[str]:
        """The words of a text, with shorthand written out."""
        return self._written_out(_words(text)[:WORDS_READ])

    def _written_out(self, short: list[str]) -> list[str]:
        if self._shorthand.keys().isdisjoint(short):
            return short
        words: list[str] = []
        for word in short:
            words.extend(self._shorthand.get(word, (word,)))
        return words

    def _repaired(self, text: str) -> list[str]:
        """The words of a text, those that no list knows replaced by the known word that was probably meant."""
        short = _words(text)[:WORDS_READ]
        words = self._written_out(short)
        doubtful = [word for word in words if len(word) >= SHORTEST_REPAIR and not self._known(word)]
        if not doubtful and words is short and text.isascii() and "/" not in text:
            return words  # they would be read as the same words again
        spoken = self._spoken(words) if doubtful else []
        for word in doubtful[:MOST_REPAIRS]:
            meant = next(filter(None, (self._books[language].repair(word) for language in spoken)), word)
            words[words.index(word)] = meant
        return self._read(" ".join(words))

    def _hits(self, words: Sequence[str], spoken: Sequence[str], worth: Mapping[str, float]) -> list[_Hit]:
        """What the table says about the words of a text; an entry inside a longer one does not count."""
        telling = [place for place, word in enumerate(words) if word not in self._ignored]
        hits: list[_Hit] = []
        for language, book in self._books.items():
            hits += book.find(words, telling, worth, 1.0 if language in spoken else FOREIGN)
        return _outermost(hits)

    def _spoken(self, words: Sequence[str]) -> list[str]:
        """The languages that a text seems to be written in: those with most of its common words."""
        counts = {
            language: sum(map(self._common.get(language, frozenset()).__contains__, words)) for language in self._books
        }
        most = max(counts.values())
        return [language for language, count in counts.items() if count == most]

    def _leaning(self, words: Sequence[str]) -> dict[str, float]:
        """How much the single words of a text lean to each topic, above the mean (BM25)."""
        telling = [word for word in words if word not in self._ignored]
        weights: defaultdict[str, float] = defaultdict(float)
        for language in self._spoken(telling):
            for leanings in self._books[language].leaning(telling):
                for topic, weight in leanings:
                    weights[topic] += weight
        usual = sum(weights.values()) / len(self._labels)
        return {topic: weight - usual for topic, weight in weights.items() if weight > usual}

    def _strange(self, words: Sequence[str], spoken: Sequence[str]) -> int:
        """How many words with a meaning of their own the table does not know at all."""
        strange = [word for word in words if word not in self._ignored and word.isalpha()]
        for language in spoken:
            knows = self._books[language].knows
            strange = [word for word in strange if not knows(word)]
        return len(strange)

    def _is_known(self, word: str) -> bool:
        return any(word in common for common in self._common.values()) or any(
            book.knows(word) for book in self._books.values()
        )

    def _parts(self, skills: str) -> list[tuple[str, tuple[str, ...]]]:
        """Each part of a mentor's free text, without padding such as "12 yrs", and the topics that it means."""
        parts: list[tuple[str, tuple[str, ...]]] = []
        for piece in _SKILL_BREAK.split(skills):
            topics = self._meaning(piece, whole=True) or self._meaning(self._unpadded(piece), whole=True)
            if topics:
                parts.append((self._unpadded(piece), topics))
            else:
                pieces = (self._unpadded(part) for part in _SKILL_AND.split(f" {piece} "))
                parts.extend((part, self._meaning(part)) for part in pieces if part)
        return parts

    def _unpadded(self, piece: str) -> str:
        words = (word for word in piece.split() if not word[0].isdigit() or len(word) > 3)
        return " ".join(word for word in words if word.casefold().rstrip(".") not in self._padding)

    def _meaning(self, piece: str, whole: bool = False) -> tuple[str, ...]:
        """The topics of one typed skill, those of an entry that covers it all first; with `whole` only these."""
        words = self._repaired(piece)
        hits = self._hits(words, self._spoken(words), IN_SKILLS)
        covering = [hit for hit in hits if hit.end - hit.start == len(words)]
        chosen = covering if covering or whole else [hit for hit in hits if self._says_enough(words, hit)]
        enough = max((hit.weight for hit in chosen), default=0.0) * 0.6
        ranked = sorted((hit for hit in chosen if hit.weight >= enough), key=lambda hit: -hit.weight)
        return tuple(dict.fromkeys(hit.sign.topic for hit in ranked))

    def _says_enough(self, words: Sequence[str], hit: _Hit) -> bool:
        """Whether an entry inside a skill means the skill: `safety at work` is not about what happens at work."""
        telling = set(self._telling(" ".join(words)))
        said = telling.intersection(words[hit.start : hit.end])
        return len(said) * 2 > len(telling)


@dataclass(slots=True)
class _Branch:
    """How entries go on after some words, and the entry that these words are."""

    after: dict[str, _Branch]
    entry: str | None = None


class _Book:
    """The entries of one language, found by the stems of their words."""

    def __init__(self, language: str) -> None:
        self.stem = _STEMMERS.get(language, str)
        self._entries: dict[str, list[_Sign]] = {}
        self._tree: dict[str, _Branch] = {}
        """By the first words of entries, how they go on: most words begin none."""
        self._worth: dict[tuple[tuple[str, float], ...], dict[str, list[tuple[float, _Sign]]]] = {}
        """By what each kind is worth: the weight of the signs of an entry, worked out when it is first met."""
        self._together: dict[str, list[tuple[frozenset[str], _Sign]]] = {}
        self._known: set[str] = set()
        self._counts: dict[str, dict[str, int]] = {}
        self._sizes: dict[str, int] = {}
        self._leanings: dict[str, list[tuple[str, float]]] = {}
        """By stem: what it says for each topic, worked out when it is first met."""

    def enter(self, words: Sequence[str], sign: _Sign, together: bool) -> None:
        stems = [self.stem(word) for word in words]
        if not stems:
            return
        if sign.kind in IN_QUESTIONS:
            self._sizes[sign.topic] = self._sizes.get(sign.topic, 0) + len(stems)
            for stem in stems:
                counts = self._counts.setdefault(stem, {})
                counts[sign.topic] = counts.get(sign.topic, 0) + 1
        self._known.update(stems)
        self._leanings.clear()
        self._worth.clear()
        if together:
            self._together.setdefault(stems[0], []).append((frozenset(stems), sign))
        else:
            branches = self._tree
            for stem in stems:
                branch = branches.setdefault(stem, _Branch({}))
                branches = branch.after
            branch.entry = " ".join(stems)
            signs = self._entries.setdefault(branch.entry, [])
            if sign not in signs:
                signs.append(sign)

    def means(self, word: str) -> bool:
        """Whether a word alone means a topic, more than as a hint."""
        return any(sign.kind != "hint" for sign in self._entries.get(self.stem(word), ()))

    def knows(self, word: str) -> bool:
        return self.stem(word) in self._known

    def find(
        self, words: Sequence[str], telling: Sequence[int], worth: Mapping[str, float], trust: float
    ) -> list[_Hit]:
        """The entries in the words as they stand, and in those at the `telling` places read without the rest."""
        stems = [*map(self.stem, words)]
        weighed = self._worth.setdefault(tuple(worth.items()), {})
        hits: list[_Hit] = []
        for entry, start, end in self._entries_in(stems, telling):
            signs = weighed.get(entry)
            if signs is None:
                signs = weighed[entry] = self._weighed(entry, worth)
            hits += [_Hit(start, end, weight * trust, sign) for weight, sign in signs]
        if not self._together.keys().isdisjoint(stems):
            present = set(stems)
            for stem in dict.fromkeys(stems):
                for needed, sign in self._together.get(stem, ()):
                    if sign.kind in worth and needed <= present:
                        hits.append(_Hit(0, 0, worth[sign.kind] * _breadth_bonus(sign) * trust, sign))
        return hits

    def _entries_in(self, stems: Sequence[str], telling: Sequence[int]) -> Iterable[tuple[str, int, int]]:
        """Each entry once for the words in which it is found."""
        found: dict[tuple[str, int, int], None] = {}
        for places in (telling, range(len(stems))):
            said = [stems[place] for place in places]
            for first, stem in enumerate(said):
                branch, last = self._tree.get(stem), first
                while branch is not None:
                    if branch.entry is not None:
                        found[branch.entry, places[first], places[last] + 1] = None
                    last += 1
                    if last == len(said) or last - first == LONGEST_PHRASE:
                        break
                    branch = branch.after.get(said[last])
        return found

    def leaning(self, words: Sequence[str]) -> Iterator[list[tuple[str, float]]]:
        """BM25 with one document a topic: all words of its entries; k1 = 1.2 and b = 0.75 as is usual."""
        for stem in map(self.stem, dict.fromkeys(words)):
            if stem in self._counts:
                yield self._leanings.get(stem) or self._lean(stem)

    def _lean(self, stem: str) -> list[tuple[str, float]]:
        usual = sum(self._sizes.values()) / max(len(self._sizes), 1)
        counts = self._counts[stem]
        rarity = log(1 + (len(self._sizes) - len(counts) + 0.5) / (len(counts) + 0.5))
        sizes = {topic: 0.25 + 0.75 * self._sizes[topic] / usual for topic in counts}
        weights = [(topic, rarity * count * 2.2 / (count + 1.2 * sizes[topic])) for topic, count in counts.items()]
        self._leanings[stem] = weights
        return weights

    def repair(self, word: str) -> str | None:
        """The known word that is one slip of the thumb away, if there is one."""
        return min(_slips(self.stem(word)) & self._entries.keys(), default=None)

    def _weighed(self, entry: str, worth: Mapping[str, float]) -> list[tuple[float, _Sign]]:
        signs = [sign for sign in self._entries[entry] if sign.kind in worth]
        share = 1 / sqrt(len({sign.topic for sign in signs})) if len(signs) > 1 else 1.0
        return [(worth[sign.kind] * _breadth_bonus(sign) * share, sign) for sign in signs]


def _breadth_bonus(sign: _Sign) -> float:
    return 1 + PHRASE_BONUS * (sign.breadth - 1)


def _outermost(hits: Sequence[_Hit]) -> list[_Hit]:
    """The hits that are not a part of a longer one."""
    reach: dict[int, int] = {}
    for hit in hits:
        if hit.sign.kind != "hint":
            reach[hit.start] = max(hit.end, reach.get(hit.start, 0))
    if not reach:
        return list(hits)
    # How far the hits go that begin at one of the words before.
    before: dict[int, int] = {}
    for start in {hit.start for hit in hits}:
        farthest = 0
        for word, end in reach.items():
            if start - 2 * LONGEST_PHRASE <= word < start and end > farthest:
                farthest = end
        before[start] = farthest
    return [hit for hit in hits if not hit.end or (reach.get(hit.start, 0) <= hit.end and before[hit.start] < hit.end)]


def _weigh(hits: Iterable[_Hit]) -> _Weights:
    """The weight of each topic with the entries that gave it; the same words count once for a topic."""
    strongest: dict[str, dict[tuple[int, int] | str, _Hit]] = {}
    for hit in hits:
        start, end, weight, sign = hit
        signs = strongest.setdefault(sign.topic, {})
        place = (start, end) if end else sign.entry
        if place not in signs or signs[place].weight < weight:
            signs[place] = hit
    weights: _Weights = {}
    for topic, signs in strongest.items():
        if len(signs) == 1:
            (hit,) = signs.values()
            weights[topic] = hit.weight, (hit.sign.entry,)
            continue
        ranked = sorted(signs.values(), key=lambda hit: -hit.weight)
        weight = sum(hit.weight * FADING**rank for rank, hit in enumerate(ranked))
        weights[topic] = weight, tuple(dict.fromkeys(hit.sign.entry for hit in ranked))
    return weights


def _matched(topic: str, weight: float, total: float, signs: _Weights, doubt: float) -> TopicMatch:
    return TopicMatch(topic, _score(weight, total) * doubt, signs[topic][1] if topic in signs else ())


def _score(weight: float, total: float) -> float:
    """How sure: much evidence, and most of it for this topic."""
    return (1 - exp(-weight)) * sqrt(weight / total)


def _words(text: str) -> list[str]:
    """The words of a text in plain small letters, without accents and stretched letters ("sooo")."""
    letters = text.casefold()
    if letters.isascii():
        letters = letters.replace("'", "").replace("`", "")
    else:
        decomposed = unicodedata.normalize("NFKD", letters.translate(_APOSTROPHES))
        letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    if "/" in letters:  # the one sign inside a word: "w/o"
        return _WORD.findall(_STRETCHED.sub(r"\1", letters))
    return [*map(_unstretched, _WORD.findall(letters))]


@lru_cache(maxsize=4096)
def _unstretched(word: str) -> str:
    return _STRETCHED.sub(r"\1", word)


def _split(entries: str) -> list[str]:
    return [" ".join(entry.split()) for entry in entries.split(",") if entry.strip()]


def _word_set(entries: str) -> frozenset[str]:
    return frozenset(word for entry in _split(entries) for word in _words(entry))


def _shorthand(table: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    pairs = (entry.partition("=") for entries in table.values() for entry in _split(entries))
    return {short.strip(): tuple(_words(long)) for short, _, long in pairs}


def _slips(word: str) -> set[str]:
    """All spellings one letter away: left out, doubled, mistaken or swapped; the first letter is trusted."""
    if len(word) < SHORTEST_REPAIR - 1:
        return set()
    halves = [(word[:cut], word[cut:]) for cut in range(1, len(word) + 1)]
    left_out = {head + tail[1:] for head, tail in halves if tail}
    swapped = {head + tail[1] + tail[0] + tail[2:] for head, tail in halves if len(tail) > 1}
    mistaken = {head + letter + tail[1:] for head, tail in halves if tail for letter in _LETTERS}
    added = {head + letter + tail for head, tail in halves for letter in _LETTERS}
    return left_out | swapped | mistaken | added


@lru_cache(maxsize=4096)
def _english_stem(word: str) -> str:
    """The word without its commonest endings; rough, since the table's words go through the same mill."""
    if len(word) <= 3 or not word.isalpha():
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if _NO_ENDING.fullmatch(word):
        return word
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and _VOWEL.search(word[: -len(ending)]):
            word = word[: -len(ending)]
            if word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    if word.endswith("e") and len(word) > 3:
        word = word[:-1]
    return word[:-1] + "i" if word.endswith("y") and len(word) > 3 else word


@lru_cache(maxsize=4096)
def _spanish_stem(word: str) -> str:
    """The word without plural, gender and the commonest verb endings."""
    if len(word) <= 4 or not word.isalpha() or word in _SPANISH_WHOLE:
        return word.removesuffix("s")
    shorter = _SPANISH_ENDING.sub("", word)
    if shorter != word:
        return shorter
    word = word[:-1] if word.endswith("s") else word
    return word[:-1] if word[-1] in "aeo" and len(word) > 3 else word


_STEMMERS = {"en": _english_stem, "es": _spanish_stem}


def _check(table: Mapping[str, Any]) -> None:
    """Every mistake of a table at once, because its author is an operator with an editor."""
    mistakes: list[str] = []
    topics = table.get("topics")
    if not isinstance(topics, Mapping) or not topics:
        raise ValueError("topics: no [topics.<id>] found")
    for topic, about in topics.items():
        if not isinstance(about, Mapping) or not isinstance(about.get("name"), Mapping) or not about["name"]:
            mistakes.append(f'topics.{topic}: needs a name, such as name = {{ en = "gardening" }}')
            continue
        for key, entries in about.items():
            if key not in ("name", "label", *_KINDS):
                mistakes.append(f"topics.{topic}.{key}: not one of name, label, sure, likely, hint, skills")
            elif not isinstance(entries, Mapping) or not all(isinstance(words, str) for words in entries.values()):
                mistakes.append(f'topics.{topic}.{key}: needs words per language, such as {key}.en = "..."')
    if mistakes:
        raise ValueError("; ".join(mistakes))
