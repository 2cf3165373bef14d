"""Finds which topics of the pool a question is about, and which ones a mentor's typed skills mean."""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import exp, sqrt
from typing import Any, NamedTuple

from smsmentor.core.understand.topic_book import IN_QUESTIONS, IN_SKILLS, SURE_SKILLS, Book, Branch, Said, Sign
from smsmentor.core.understand.topic_words import SHORTEST_REPAIR, TRADE, stretched_words, unstretched, words_of

_KINDS = ("sure", "likely", "hint", "skills")
FADING = 0.7  # each further sign of a topic says less than the one before
LEANING = 0.2  # what the single words of entries count beside whole entries
STRANGE = 0.2  # doubt for each word that no topic knows
SURE_ENOUGH = 0.4
EVIDENCE = 0.5  # that a sure topic needs from whole entries: hints alone are not enough
LONGEST_PHRASE = 6
MOST_REPAIRS = 5  # in one text; more unknown words than that are no typos
OWN_WORDS = 4  # that the name of a skill of the pool's own has at most
OWN_SKILLS = 12  # that one mentor has at most
OWN_WORDS_ASKED = 12  # of a question that may name one of them
OWN_KNOWN = 0.5  # what a word that also means a topic says of such a skill, where another word says 1
WORDS_READ = 120  # a question of many parts is judged by its first words, which bounds the time for a text
WORDS_KEPT = 4096  # of which all that the table says is remembered
LONGEST_KEPT = 30  # letters: longer words are rare, and would make memory depend on who texts

_SKILL_BREAK = re.compile(r"[,;/|\n•·()]|\s[-–]\s|\.(?:\s|$)")
_SKILL_AND = re.compile(r"\s(?:and|y|e|with|con)\s|\s*&\s*|\s\+\s")


@dataclass(frozen=True)
class TopicMatch:
    """One topic that a text may be about; `because` names the entries of the table that decided.

    `score` runs from 0 to 1; it orders and says how sure, it is no probability.
    """

    topic: str
    score: float
    because: tuple[str, ...]


@dataclass(slots=True, eq=False)
class _Word:
    """A word of a text, and all that the table says about it; languages are numbered as the books are."""

    spelled: str
    plain: bool
    """Whether it would be read as itself again: it has no slash, and is no shorthand."""
    doubtful: bool
    """Whether no list knows it, and it is long enough to be a slip."""
    telling: bool
    """Whether it is not one of the little words that are ignored."""
    naming: bool
    """Whether it may name a skill."""
    common: tuple[int, ...]
    """The languages that it is an everyday word of."""
    strange: frozenset[int]
    """The languages in which it has a meaning that the table does not know."""
    stems: tuple[str, ...]
    begins: tuple[tuple[int, Branch], ...]
    """By language, how the entries go on that begin with it."""
    goes_on: tuple[tuple[int, Branch], ...]
    """Those of them in which an ignored word may stand."""
    apart: bool
    """Whether it is the first of words that mean something wherever they stand."""
    leanings: tuple[_Leaning | None, ...]
    """By language, how much it leans to each topic."""


class _Leaning(NamedTuple):
    """How much a word leans to each topic, in the order of the table, and to which it does.

    An array, because there are many, and fractions that lie together are read faster than ones that lie apart.
    """

    weights: array[float]
    topics: dict[int, None]


_Found = tuple[int, int, Said]
"""What an entry says, found at the words from one place up to another; both 0 where its words stand anywhere."""
_Signs = dict[str, dict[tuple[int, int] | str, tuple[float, str, str]]]
"""For each topic the strongest sign with its weight by where it was found: the same words count once for a topic."""


class _Reading(dict[str, tuple[_Word, ...]]):
    """What each word of texts stands for, worked out when it is first met: shorthand may stand for several words."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics

    def __missing__(self, word: str) -> tuple[_Word, ...]:
        meant = self._topics._meant(word)
        if len(word) <= LONGEST_KEPT:
            self[word] = meant
        return meant


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
        self._books = [Book("en")]
        self._languages = {"en": 0}
        self._labels: dict[str, dict[str, str]] = {}
        for topic, about in table["topics"].items():
            self._add(topic, about)
        self.names = tuple(self._labels)
        self._reading = _Reading(self)

    def label(self, topic: str, language: str = "en") -> str:
        """The short everyday label of a topic for texts; a topic without labels is its own label."""
        labels = self._labels.get(topic, {})
        return labels.get(language) or labels.get("en") or next(iter(labels.values()), topic)

    def match(self, text: str, limit: int = 3) -> list[TopicMatch]:
        """The topics that a question seems to be about, likeliest first, at most `limit`; may be empty."""
        words = self._repaired(text)
        spoken = self._spoken(words)
        signs = _signs(self._found(words, spoken, IN_QUESTIONS))
        weights = self._weights(words, _weights(signs))
        ranked = sorted(weights, key=lambda topic: -weights[topic])[: max(limit, 0)]
        total, doubt = sum(weights.values()), _doubt(words, spoken)
        return [TopicMatch(topic, _score(weights[topic], total) * doubt, _because(topic, signs)) for topic in ranked]

    def best(self, text: str) -> TopicMatch | None:
        """The one topic to ask for; None when nothing matches well enough, which means the general pool."""
        words = self._repaired(text)
        spoken = self._spoken(words)
        signs = _signs(self._found(words, spoken, IN_QUESTIONS))
        evidence = _weights(signs)
        if max(evidence.values(), default=0.0) < EVIDENCE:
            return None
        weights = self._weights(words, evidence)
        topic = max(weights, key=weights.__getitem__)
        if evidence.get(topic, 0.0) < EVIDENCE:
            return None
        score = _score(weights[topic], sum(weights.values())) * _doubt(words, spoken)
        return TopicMatch(topic, score, _because(topic, signs)) if score >= SURE_ENOUGH else None

    def _weights(self, words: Sequence[_Word], evidence: Mapping[str, float]) -> dict[str, float]:
        """The weight of each topic that a question may be about: whole entries, and what the single words lean to."""
        weights = self._leaning(words)
        for topic, weight in evidence.items():
            weights[topic] = weight + weights.get(topic, 0.0)
        return weights

    def expand(self, skills: str) -> tuple[str, ...]:
        """The topics that a mentor's free text ("excel, hr, nursing 12 yrs") stands for, in the order typed."""
        return tuple(dict.fromkeys(topic for _, topics in self._parts(skills) for topic in topics))

    def unknown(self, skills: str) -> tuple[str, ...]:
        """The parts of a mentor's free text that mean no topic, without "12 yrs" and the like, to be echoed."""
        return tuple(dict.fromkeys(part for part, topics in self._parts(skills) if part and not topics))

    def own(self, skills: str) -> tuple[str, ...]:
        """The parts that no topic of the table surely means (`welding`, `horse care`): each is a topic itself."""
        named = (" ".join(words_of(part)[:OWN_WORDS]) for part, _ in self._parts(skills) if not self._sure_of(part))
        return tuple(dict.fromkeys(name for name in named if self.stems(name)))[:OWN_SKILLS]

    def stems(self, name: str) -> dict[tuple[str, ...], float]:
        """The stems of each telling word of such a skill, with how much it says; together 1, or all, mean the skill."""
        return {
            self._stems_of(word): OWN_KNOWN if any(book.means(word) for book in self._books) else 1.0
            for word in self._telling(name)
        }

    def asked_stems(self, question: str) -> tuple[str, ...]:
        """The stems of the words of a question that may name such a skill."""
        words = self._read(question)
        spoken = self._spoken(words)
        asked = [word.spelled for word in words if word.naming][:OWN_WORDS_ASKED]
        return tuple(dict.fromkeys(stem for word in asked for stem in self._stems_of(word, spoken)))

    def _stems_of(self, word: str, spoken: Collection[int] = ()) -> tuple[str, ...]:
        """The stems of a word in these languages, or in all."""
        root = TRADE.sub("", word)
        return tuple(
            dict.fromkeys(
                book.stem(root) for language, book in enumerate(self._books) if not spoken or language in spoken
            )
        )

    def _telling(self, text: str) -> list[str]:
        """The words of a text that have a meaning of their own."""
        return [word.spelled for word in self._read(text) if word.naming]

    def _sure_of(self, part: str) -> bool:
        """Whether one entry that surely means a topic covers the whole part."""
        words = self._repaired(part)
        found = self._found(words, self._spoken(words), SURE_SKILLS)
        return any(end - start == len(words) for start, end, _ in found)

    def _add(self, topic: str, about: Mapping[str, Any]) -> None:
        names: Mapping[str, str] = about["name"]
        labels: Mapping[str, str] = about.get("label", names)
        self._labels[topic] = dict(labels)
        self._enter("en", topic, Sign(topic, "name", topic))
        for spellings in (names, labels):
            for language, spelling in spellings.items():
                self._enter(language, spelling, Sign(topic, "name", spelling))
        for kind in _KINDS:
            for language, entries in about.get(kind, {}).items():
                for entry in _split(entries):
                    self._enter(language, entry, Sign(topic, kind, entry))

    def _enter(self, language: str, entry: str, sign: Sign) -> None:
        if language not in self._languages:
            self._languages[language] = len(self._books)
            self._books.append(Book(language))
        words = self._written_out(words_of(entry)[:WORDS_READ])
        telling = [word for word in words if word not in self._ignored]
        # "come back" or "find me out" with less than two words of meaning is looked for as it stands.
        breadth = sum(word not in self._joining for word in telling)
        sign = sign._replace(breadth=max(breadth, 1))
        book = self._books[self._languages[language]]
        book.enter(telling if breadth > 1 else words, sign, together=" + " in entry)

    def _written_out(self, words: Iterable[str]) -> list[str]:
        return [long for word in words for long in self._shorthand.get(word, (word,))]

    def _meant(self, word: str) -> tuple[_Word, ...]:
        """The words that a word of a text stands for, without stretched letters and with shorthand written out."""
        return tuple(map(self._word, self._written_out([unstretched(word)])))

    def _word(self, spelled: str) -> _Word:
        stems = tuple(book.stem(spelled) for book in self._books)
        books = [*enumerate(zip(self._books, stems, strict=True))]
        knowing = {language for language, (book, stem) in books if stem in book.known}
        telling = spelled not in self._ignored
        known = knowing or any(spelled in common for common in self._common.values())
        dull = (self._ignored, self._joining, self._padding, self._general)
        begins = tuple((language, book.tree[stem]) for language, (book, stem) in books if stem in book.tree)
        return _Word(
            spelled=spelled,
            plain="/" not in spelled and spelled not in self._shorthand and words_of(spelled) == [spelled],
            doubtful=len(spelled) >= SHORTEST_REPAIR and not known,
            telling=telling,
            naming=len(spelled) > 2 and spelled.isalpha() and not any(spelled in words for words in dull),
            common=tuple(n for language, n in self._languages.items() if spelled in self._common.get(language, ())),
            strange=frozenset(range(len(books))) - knowing if telling and spelled.isalpha() else frozenset(),
            stems=stems,
            begins=begins,
            goes_on=tuple((language, branch) for language, branch in begins if branch.after or not telling),
            apart=any(stem in book.together for _, (book, stem) in books),
            leanings=tuple(self._leaning_of(book.leanings(stem)) for _, (book, stem) in books),
        )

    def _leaning_of(self, leanings: Mapping[str, float]) -> _Leaning | None:
        if not leanings:
            return None
        weights = array("d", [leanings.get(topic, 0.0) for topic in self.names])
        return _Leaning(weights, {number: None for number, topic in enumerate(self.names) if topic in leanings})

    def _read(self, text: str) -> list[_Word]:
        """The words of a text, with shorthand written out."""
        if len(self._reading) > WORDS_KEPT:
            self._reading.clear()
        return [*chain.from_iterable(map(self._reading.__getitem__, stretched_words(text)[:WORDS_READ]))]

    def _repaired(self, text: str) -> list[_Word]:
        """The words of a text, those that no list knows replaced by the known word that was probably meant."""
        words = self._read(text)
        again = len(words) > WORDS_READ
        doubtful = []
        for word in words:
            if word.doubtful:
                doubtful.append(word.spelled)
            again = again or not word.plain
        if not doubtful and not again:
            return words
        spelled = [word.spelled for word in words]
        spoken = self._spoken(words)
        books = [book for language, book in enumerate(self._books) if language in spoken]
        for slip in doubtful[:MOST_REPAIRS]:
            meant = next(filter(None, (book.repair(slip) for book in books)), slip)
            spelled[spelled.index(slip)] = meant
            again = again or meant != slip
        # Plain words would be read as the same words again.
        return self._read(" ".join(spelled)) if again else words

    def _found(self, words: Sequence[_Word], spoken: Collection[int], worth: Mapping[str, float]) -> list[_Found]:
        """What the table says about the words of a text; an entry inside a longer one does not count."""
        entries = self._entries_in(words)
        apart = [word for word in words if word.apart]
        found: list[_Found] = []
        for language, book in enumerate(self._books):
            foreign = language not in spoken
            for start, end, branch in entries[language]:
                said = branch.said(worth, foreign)
                if said.signs:
                    found.append((start, end, said))
            firsts = [stem for word in apart if (stem := word.stems[language]) in book.together]
            if firsts:
                present = {word.stems[language] for word in words}
                found += [(0, 0, said) for said in book.said_together(firsts, present, worth, foreign)]
        return _outermost(found)

    def _entries_in(self, words: Sequence[_Word]) -> list[list[tuple[int, int, Branch]]]:
        """By language, the entries in the words without the ignored ones, then those with ignored ones inside."""
        found: list[list[tuple[int, int, Branch]]] = [[] for _ in self._books]
        telling = [place for place, word in enumerate(words) if word.telling]
        for first, start in enumerate(telling):
            for language, branch in words[start].begins:
                last, place = first, start
                following: Branch | None = branch
                while following is not None:
                    if following.signs:
                        found[language].append((start, place + 1, following))
                    last += 1
                    if not following.after or last == len(telling) or last - first == LONGEST_PHRASE:
                        break
                    place = telling[last]
                    following = following.after.get(words[place].stems[language])
        if len(telling) == len(words):
            return found
        for start, word in enumerate(words):
            for language, branch in word.goes_on:
                place, ignored = start, not word.telling
                following = branch
                while following is not None:
                    if ignored and following.signs:
                        found[language].append((start, place + 1, following))
                    place += 1
                    if place == len(words) or place - start == LONGEST_PHRASE:
                        break
                    ignored = ignored or not words[place].telling
                    following = following.after.get(words[place].stems[language])
        return found

    def _spoken(self, words: Iterable[_Word]) -> frozenset[int]:
        """The languages that a text seems to be written in: those with most of its common words."""
        counts = [0] * len(self._books)
        for word in words:
            for language in word.common:
                counts[language] += 1
        most = max(counts)
        return frozenset([language for language, count in enumerate(counts) if count == most])

    def _leaning(self, words: Iterable[_Word]) -> dict[str, float]:
        """How much the single words of a text lean to each topic, above the mean."""
        telling = [word for word in words if word.telling]
        spoken = self._spoken(telling)
        once = {word.spelled: word for word in telling}.values()
        leanings = [
            leaning for language in sorted(spoken) for word in once if (leaning := word.leanings[language]) is not None
        ]
        # Sums of fractions are rounded: a text has the same score as long as they are taken in the order of its words.
        weights = [*map(sum, zip(*[leaning.weights for leaning in leanings], strict=True))]
        met: dict[int, None] = {}
        for leaning in leanings:
            met.update(leaning.topics)
            if len(met) == len(weights):
                break
        usual = sum([weights[topic] for topic in met]) / len(self.names)
        names = self.names
        return {names[topic]: LEANING * (weights[topic] - usual) for topic in met if weights[topic] > usual}

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
        found = self._found(words, self._spoken(words), IN_SKILLS)
        covering = [said for start, end, said in found if end - start == len(words)]
        chosen = covering
        if not covering and not whole:
            chosen = [said for start, end, said in found if self._says_enough(words, start, end)]
        signs = [sign for said in chosen for sign in said.signs]
        enough = max((weight for weight, _, _ in signs), default=0.0) * 0.6
        ranked = sorted((sign for sign in signs if sign[0] >= enough), key=lambda sign: -sign[0])
        return tuple(dict.fromkeys(topic for _, topic, _ in ranked))

    def _says_enough(self, words: Sequence[_Word], start: int, end: int) -> bool:
        """Whether an entry inside a skill means the skill: `safety at work` is not about what happens at work."""
        telling = set(self._telling(" ".join([word.spelled for word in words])))
        said = telling.intersection([word.spelled for word in words[start:end]])
        return len(said) * 2 > len(telling)


def _outermost(found: list[_Found]) -> list[_Found]:
    """What is not found inside a longer entry."""
    reach: dict[int, int] = {}
    for start, end, said in found:
        # An entry of one word has no other inside.
        if end - start > 1 and said.firm and end > reach.get(start, 0):
            reach[start] = end
    if not reach:
        return found
    # How far the entries go that begin at one of the words before.
    before: dict[int, int] = {}
    for start in {start for start, _, _ in found}:
        farthest = 0
        for word, end in reach.items():
            if start - 2 * LONGEST_PHRASE <= word < start and end > farthest:
                farthest = end
        before[start] = farthest
    return [part for part in found if not part[1] or (reach.get(part[0], 0) <= part[1] and before[part[0]] < part[1])]


def _signs(found: Iterable[_Found]) -> _Signs:
    signs: _Signs = {}
    for start, end, said in found:
        span = (start, end)
        for sign in said.signs:
            weight, topic, entry = sign
            place = span if end else entry
            places = signs.get(topic)
            if places is None:
                signs[topic] = {place: sign}
            elif place not in places or places[place][0] < weight:
                places[place] = sign
    return signs


def _weights(signs: _Signs) -> dict[str, float]:
    """The weight of each topic by its signs."""
    weights: dict[str, float] = {}
    for topic, places in signs.items():
        ranked = [weight for weight, _, _ in places.values()]
        if len(ranked) > 1:
            ranked.sort(reverse=True)
            weights[topic] = sum([weight * FADING**rank for rank, weight in enumerate(ranked)])
        else:
            weights[topic] = ranked[0]
    return weights


def _doubt(words: Iterable[_Word], spoken: frozenset[int]) -> float:
    """Words that no topic knows ("guitar", "tire") are what most questions outside of all topics are made of."""
    return 1 / (1 + STRANGE * sum([spoken <= word.strange for word in words]))


def _because(topic: str, signs: _Signs) -> tuple[str, ...]:
    """The entries that gave a topic its weight, the strongest first."""
    ranked = sorted(signs.get(topic, {}).values(), key=lambda sign: -sign[0])
    return tuple(dict.fromkeys([entry for _, _, entry in ranked]))


def _score(weight: float, total: float) -> float:
    """How sure: much evidence, and most of it for this topic."""
    return (1 - exp(-weight)) * sqrt(weight / total)


def _split(entries: str) -> list[str]:
    return [" ".join(entry.split()) for entry in entries.split(",") if entry.strip()]


def _word_set(entries: str) -> frozenset[str]:
    return frozenset(word for entry in _split(entries) for word in words_of(entry))


def _shorthand(table: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    pairs = (entry.partition("=") for entries in table.values() for entry in _split(entries))
    return {short.strip(): tuple(words_of(long)) for short, _, long in pairs}


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
