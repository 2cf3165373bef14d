"""From a text to what it asks for: keywords with their grammar, small typos, digits, ratings, thin questions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, islice, pairwise
from typing import NamedTuple

from smsmentor.core.understand.normal import plain, runs, undrawn
from smsmentor.core.understand.openings import Keywords, ends_of, indexed

Lists = Mapping[str, frozenset[str]]
"""The small closed word lists of a language, `[words]` of its file, each entry as `bare` gives it."""

LONGEST_KEYWORD = 4
"""Words in a keyword such as `ill have to pass`."""
MOST_WORDS = 40
"""Words of a text that are looked at for a call."""
LONGEST_POLITE = LONGEST_KEYWORD
"""Words in a polite phrase such as `thank you so much`."""
POLITE_IN_A_ROW = 3
SHORTEST_REPAIRED = 3
MOST_WORDS_OF_A_GREETING = 9


class Call(NamedTuple):
    """A text that may call a command: it counts only when `rest` fits the command's grammar."""

    command: str
    rest: str
    """What follows the keyword, as it was written, without the separator and without `please` or `thanks`."""
    shouted: bool
    """The keyword stood in capitals."""
    separated: bool
    """Punctuation stood between the keyword and the rest."""
    exact: bool
    """No typo was forgiven."""
    whole_rest: str = ""
    """What follows the keyword, polite words at its end included: what is passed on to people."""
    phrase: bool = False
    """The keyword was a phrase of several words, such as `send it`."""


class _Word(NamedTuple):
    bare: str
    start: int
    end: int


_WORD = re.compile(r"[^\W_]+(?:['’`´][^\W_]+)*")
_GAP = re.compile(r"\s*([^\w\s]*)\s*")
_ONLY_SPACE = re.compile(r"[ \t]*")
_LETTER_ALONE = re.compile(r"\s*([A-Fa-f])\s*:\s*")
_LETTER_FIRST = re.compile(r"([A-Fa-f])\s+(\S.*)", re.DOTALL)
_PART = re.compile(r"(?:^\s*|\n\s*|[,.;!?]\s+)([A-F]):\s*")
_LETTERED = re.compile(r"\s*([A-Fa-f])\s*[:,;.)\-]\s*(\S.*)", re.DOTALL)


@lru_cache(maxsize=64)
def bare(text: str) -> str:
    """The words of a text for comparing with lists: lower case, no accents, apostrophes or punctuation."""
    return _bare(text)


def _bare(text: str) -> str:
    shown = plain(text).replace("'", "")
    if not shown.isascii():
        shown = "".join(c for c in unicodedata.normalize("NFKD", shown) if not unicodedata.combining(c))
    return " ".join(runs(shown))


def calls(text: str, keywords: Mapping[str, str], lists: Lists) -> Iterator[Call]:
    """The commands that a text may call, best reading first: longer keywords, then one word, then its small typos.

    Polite words before the keyword and at the end are looked through: `sorry, pass`, `pause 7 please`.
    """
    polite, index = lists["polite"], indexed(keywords)
    if not _may_call(text, index, polite, lists["common"]):
        return
    words = _words(text)[: LONGEST_POLITE * POLITE_IN_A_ROW + LONGEST_KEYWORD]
    said = [word.bare for word in words]
    starts = [0]
    while len(starts) <= POLITE_IN_A_ROW and (step := _polite_at(said, starts[-1], polite)):
        starts.append(starts[-1] + step)
    for start in starts:
        longest = LONGEST_KEYWORD if start < len(said) and said[start] in index.firsts else 0
        for count in range(min(longest, len(words) - start), 0, -1):
            phrase = " ".join(said[start : start + count])
            if phrase in keywords and _together(text, words[start : start + count]):
                yield _call(text, keywords[phrase], words[start : start + count], polite, exact=True)
        if start < len(words) and said[start] not in keywords:
            near = nearest(said[start], keywords, lists["common"])
            if near is not None:
                yield _call(text, keywords[near], words[start : start + 1], polite, exact=False)


def _may_call(text: str, index: Keywords, polite: frozenset[str], common: Iterable[str]) -> bool:
    """Whether a text begins with a keyword, a polite phrase or what may be a mistyped keyword, as most texts do not."""
    first = _WORD.search(text)
    if first is None:
        return False
    word = _bare_word(first[0])
    if word in index.firsts or word in ends_of(polite).firsts:
        head = [_bare_word(match[0]) for match in islice(_WORD.finditer(text), LONGEST_POLITE)]
        if any(phrase in index.of or phrase in polite for phrase in accumulate(head, "{} {}".format)):
            return True
    return nearest(word, index.of, common) is not None


def _call(text: str, command: str, said: Sequence[_Word], polite: frozenset[str], *, exact: bool) -> Call:
    gap = _GAP.match(text, said[-1].end)
    assert gap is not None
    whole_rest = text[gap.end() :].strip()
    rest = without_politeness(whole_rest, polite)
    written = text[said[0].start : said[-1].end]
    separated = bool(gap[1]) and bool(rest)
    return Call(command, rest, written.isupper(), separated, exact, whole_rest, len(said) > 1)


@lru_cache(maxsize=64)
def _words(text: str) -> tuple[_Word, ...]:
    """The first words of a text; remembered for a moment, since each reading of it begins with them."""
    first = islice(_WORD.finditer(text), MOST_WORDS)
    return tuple(_Word(_bare_word(match[0]), *match.span()) for match in first)


@lru_cache(maxsize=4096)
def _bare_word(word: str) -> str:
    return _bare(word).replace(" ", "")


def _together(text: str, said: Sequence[_Word]) -> bool:
    """Whether nothing but spaces stands between the words."""
    return all(_ONLY_SPACE.fullmatch(text, one.end, other.start) for one, other in pairwise(said))


def _polite_at(said: Sequence[str], start: int, polite: frozenset[str]) -> int:
    """How many words of politeness begin at a place."""
    if start < len(said) and said[start] not in ends_of(polite).firsts:
        return 0
    for count in range(min(LONGEST_POLITE, len(said) - start), 0, -1):
        if " ".join(said[start : start + count]) in polite:
            return count
    return 0


def without_politeness(text: str, polite: frozenset[str]) -> str:
    """A text without the polite words, and the signs, at its end; empty when there is nothing else."""
    if len(text) > 160:
        return text
    words = _words(text)
    said = [word.bare for word in words]
    kept = len(words)
    while kept and (step := _polite_before(said, kept, polite)):
        kept -= step
    if kept == len(words):
        return text if words else ""
    return text[: words[kept - 1].end].strip() if kept else ""


def _polite_before(said: Sequence[str], end: int, polite: frozenset[str]) -> int:
    if said[end - 1] not in ends_of(polite).lasts:
        return 0
    for count in range(min(LONGEST_POLITE, end), 0, -1):
        if " ".join(said[end - count : end]) in polite:
            return count
    return 0


def kept_words(text: str, polite: frozenset[str]) -> str:
    """The bare words of a text without politeness before and after: `ok send it please` is `send it`."""
    said = [word.bare for word in _words(text)]
    start = 0
    while step := _polite_at(said, start, polite):
        start += step
    end = len(said)
    while end > start and (step := _polite_before(said, end, polite)):
        end -= step
    return " ".join(said[start:end]) if end > start else bare(text)


def says(text: str, phrases: frozenset[str], polite: frozenset[str]) -> bool:
    """Whether a text is one of these phrases, as it stands or without politeness around it.

    Most texts begin or end with a word that no phrase does, and are not looked at any further.
    """
    first, last = _WORD.search(text), last_word(text)
    if first is not None and last:
        begin, end, around = _bare_word(first[0]), _bare_word(last), ends_of(polite)
        if begin not in ends_of(phrases).firsts and begin not in around.firsts:
            return False
        if end not in ends_of(phrases).lasts and end not in around.lasts:
            return False
    return not {bare(text), kept_words(text, polite)}.isdisjoint(phrases)


def last_word(text: str) -> str:
    """The word with which a text ends, whatever signs are behind it; empty when signs stand alone there."""
    ends = text.rsplit(None, 1)
    return (_WORD.findall(ends[-1]) or [""])[-1] if ends else ""


def nearest(word: str, keywords: Mapping[str, str], common: Iterable[str] = ()) -> str | None:
    """The one keyword that a mistyped word stands for: one slip, the same first letter, and no everyday word."""
    if len(word) < SHORTEST_REPAIRED or word in common:
        return None
    return _one_slip_from(word, indexed(keywords))


@lru_cache(maxsize=4096)
def _one_slip_from(word: str, index: Keywords) -> str | None:
    found = {
        index.of[keyword]: keyword
        for keyword in index.alike(word)
        if one_slip(word, keyword) and not _plural(word, keyword)
    }
    return next(iter(found.values())) if len(found) == 1 else None


def _plural(word: str, keyword: str) -> bool:
    """`opens`, `reports`: another form of the word, and no slip."""
    return word == f"{keyword}s" and not keyword.endswith("s")


def one_slip(one: str, other: str) -> bool:
    """Whether two words differ by one letter put in, left out or changed, or by two neighbours swapped."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[start:], other[start:]
    if len(a) == len(b):
        return a[1:] == b[1:] or (len(a) > 1 and a[0] == b[1] and a[1] == b[0] and a[2:] == b[2:])
    return a[1:] == b if len(a) > len(b) else a == b[1:]


def digit(text: str, lists: Lists, numbers: Mapping[str, str]) -> str | None:
    """A text that is one digit or its name, perhaps with small words around it: `2`, `#2`, `option 2 please`."""
    if len(text) > 40:
        return None
    words = " ".join(word for word in bare(text).split() if word not in lists["choice"])
    return numbers.get(words, words if _is_digit(words) else None)


def _is_digit(word: str) -> bool:
    return len(word) == 1 and word.isascii() and word.isdecimal()


def ratings(text: str, count: int, lists: Lists, numbers: Mapping[str, str]) -> list[int] | None:
    """The ratings that a text is: `3 4`, `B 4, A 3`, `34`, `both 4`; None when it says anything else.

    What is no rating, or not one for each answer, gives an empty list: to be asked back. A reason may follow.
    """
    given = _only_ratings(text, count, lists, numbers)
    if given is None and "?" not in text and (head := _before_reason(text, lists["why_rated"])):
        if _ITEM.search(text, len(head)):  # `1. it helped 2. ask her`: a list
            return None
        return _only_ratings(head, count, lists, numbers)
    return given


def _only_ratings(text: str, count: int, lists: Lists, numbers: Mapping[str, str]) -> list[int] | None:
    if len(text) > LONGEST_RATINGS:
        return None
    named = _letters(text)
    said = bare(text)
    for words in lists["out_of_four"]:
        said = re.sub(rf"\b{words}\b", " ", said)
    given: list[int] = []
    for_all = judged = around = False
    for word in re.findall(r"[a-z]+|[0-9]+", said):
        if word.isdecimal():
            given += [int(digit) for digit in word]
        elif word in lists["all"]:
            for_all = True
        elif word in lists["judged"]:
            judged = True
        elif word in lists["rating"] or (len(word) == 1 and word in "abcdef"):
            continue
        elif word in numbers:
            given.append(int(numbers[word]))
        elif word in lists["judging"]:
            around = True
        elif len(word) == 1 or word not in lists["kind"]:
            return None
    if not given:  # "A was good, B was great", "they were useless"
        told = judged or (not around and count > 1 and len(named) == count)
        return [] if told and "?" not in text and not is_kind(text, lists) else None
    if around:
        return None
    if (
        len(given) == 2 * count and len(re.findall(r"\d\s*(?:/|(?:out\s+)?of|de)\s*4\b", text)) == count
    ):  # "3/4" is 3 of 4
        given = given[::2]
    if for_all and len(given) == 1:
        given *= count
    if len(given) != count or not all(1 <= one <= 4 for one in given):
        return []
    return _by_letter(named, given)


def _before_reason(text: str, reasons: frozenset[str]) -> str:
    """The ratings of a text that goes on with a reason: `2 because it was short`; empty when it does not."""
    words = _words(text)
    for at in range(1, min(len(words), MOST_WORDS_BEFORE_REASON + 1)):
        rest = [word.bare for word in words[at : at + LONGEST_KEYWORD]]
        if any(phrase in reasons for phrase in accumulate(rest, "{} {}".format)):
            head = text[: words[at].start]
            return head if any(sign.isdecimal() for sign in head) else ""
    return ""


MOST_WORDS_BEFORE_REASON = 8
LONGEST_RATINGS = 80
_ITEM = re.compile(r"\b\d\s?[.):]")
_LETTER = re.compile(r"(?<![^\W\d_]|['’])[A-Fa-f](?![^\W\d_])")


def _letters(text: str) -> str:
    """The letters of a panel that a text names, each once; small ones when none is a capital: `a` is an article."""
    found = _LETTER.findall(text)
    capitals = [letter for letter in found if letter.isupper()]
    return "".join(dict.fromkeys(capitals or [letter.upper() for letter in found]))


def _by_letter(named: str, given: list[int]) -> list[int]:
    """The ratings in the order of the panel, for `B 2, A 4` as well; empty when only some are named."""
    panel = "ABCDEF"[: len(given)]
    if sorted(named) == list(panel):
        return [given[named.index(letter)] for letter in panel]
    return given if named in ("", "A") else []


def lettered(text: str) -> tuple[str, str] | None:
    """`B: text` as the letter and the text, empty for `B:`; None when a text does not begin so."""
    found = _LETTERED.match(text)
    if found:
        return (found[1].upper(), found[2].strip())
    alone = _LETTER_ALONE.fullmatch(text)
    return (alone[1].upper(), "") if alone else None


def lettered_parts(text: str) -> list[tuple[str, str]]:
    """`A: thanks. B: how many?` as a letter and its words each; empty when a text is not for several, each once.

    Each begins a line or a sentence: `A: or take plan B: wait` is for A alone.
    """
    if text.count(":") < 2:
        return []
    cuts = list(_PART.finditer(text))
    ends = [cut.start() + len(cut[0]) - len(cut[0].lstrip(",.;!?")) for cut in cuts[1:]] + [len(text)]
    parts = [(cut[1], text[cut.end() : end].strip()) for cut, end in zip(cuts, ends, strict=True)] if cuts else []
    once = len({letter for letter, _ in parts}) == len(parts)
    whole = bool(cuts) and cuts[0].start() == 0 and all(words for _, words in parts)
    return parts if len(parts) > 1 and once and whole else []


def letter_first(text: str, lists: Lists) -> tuple[str, str] | None:
    """`B what about june` behind a code: the letter as we print it, and the text. A small letter and `A` may be words.

    They count before a question or thanks, and none does that something is said of: `B is better`, `B and A`.
    """
    found = _LETTER_FIRST.fullmatch(text)
    said = bare(found[2]).split() if found else []
    if not found or not said:
        return None
    of_them = not {said[0], f"{found[1].lower()} {said[0]}"}.isdisjoint(lists["of_letter"])
    if of_them or (len(said) > 1 and said[1] in "abcdef"):
        return None
    if found[1] not in "BCDEF" and said[0] not in lists["questions"] and not is_kind(found[2], lists):
        return None
    return (found[1].upper(), found[2].strip())


def surely_lettered(text: str) -> bool:
    """`B: text` and nothing that could be meant otherwise, also where nobody has that letter."""
    return bool(_LETTER_ALONE.match(text))


def is_kind(text: str, lists: Lists) -> bool:
    """Whether a text is thanks, a good-bye or signs only: nothing that anybody needs to answer."""
    return any(_is_kind(form, lists) for form in _forms(text))


def _is_kind(text: str, lists: Lists) -> bool:
    words = bare(text)
    if not words:
        return "?" not in text
    if words in lists["thanks"]:
        return True
    if "?" in text or len(words) > 80:
        return False
    said = words.split()
    return all(word in lists["kind"] for word in said) and any(word in lists["thanks"] for word in said)


def is_for_us(text: str, lists: Lists) -> bool:
    """Whether a text asks what this is, or what happens now: meant for us, and no part of a question."""
    return says(text, lists["asks_us"], lists["polite"])


def takes_back(text: str, lists: Lists) -> bool:
    """Whether a text takes back what was asked, and says nothing else: `never mind`, `no wait, dont send it`."""
    return says(text, lists["takes_back"], lists["polite"])


def is_no_view(text: str, lists: Lists) -> bool:
    """Whether a mentor's text is hardly a view: signs only, `ok`, `thanks`, `who is this`, `not my area`."""
    if not bare(text) or _CHOICE_ALONE.fullmatch(plain(text)):
        return True
    if is_away(text, lists):
        return True
    return any(says(form, lists["no_view"], lists["polite"]) or _in_excuses(form, lists) for form in _forms(text))


_CHOICE_ALONE = re.compile(r"[^\w$€%]*(?:\d{1,2}|[a-f])[^\w$€%]*")
"""A digit or a letter of a panel is more likely the answer to something that is over. `40%` may be a view."""
MOST_WORDS_OF_EXCUSES = 12
"""`sorry cant talk right now, at work, will answer tonight` has ten."""


def _in_excuses(text: str, lists: Lists) -> bool:
    """Whether a text is nothing but reasons for no view now, with politeness and times between them: `busy rn sorry`,
    `at work, will answer tonight`. It would take the place of a view."""
    if "?" in text or len(text) > MOST_WORDS_OF_EXCUSES * 8:
        return False
    said = bare(text).split()
    if not 0 < len(said) <= MOST_WORDS_OF_EXCUSES:
        return False
    excuses = lists["excuses"]
    kinds = (excuses, lists["no_view"], lists["polite"], lists["excuse_times"])
    if not any(said[0] in ends_of(phrases).firsts for phrases in kinds):
        return False
    reached = {0: False}  # how far whole phrases reach, and whether an excuse is among them
    for start in range(len(said)):
        if start not in reached:
            continue
        for end in range(start + 1, len(said) + 1):
            phrase = " ".join(said[start:end])
            if any(phrase in phrases for phrases in kinds):
                reached[end] = reached.get(end, False) or reached[start] or phrase in excuses
    return reached.get(len(said), False)


def is_away(text: str, lists: Lists) -> bool:
    """Whether a mentor says that they are not there: `sorry, im on vacation till friday`."""
    if len(text) > LONGEST_SMALL_TALK or "?" in text:
        return False
    said = kept_words(text, lists["polite"]).split()
    for end in range(2, min(len(said), LONGEST_AWAY) + 1):
        if " ".join(said[:end]) in lists["away"]:
            return end == len(said) or said[end] in lists["away_until"]
    return False


LONGEST_AWAY = 5
"""Words of the longest way to say so in the lists."""


@lru_cache(maxsize=64)
def _forms(text: str) -> tuple[str, ...]:
    """A text, and what it is when letters that are drawn out and laughter are taken for one: `holaaa`, `jajajaja`."""
    if len(text) > LONGEST_SMALL_TALK:
        return (text,)
    said = plain(text)
    short = undrawn(said)
    laughed = _LAUGHTER.sub(r"\1\1", short) if any(map(short.__contains__, _LAUGHS)) else short
    return (text,) if laughed == said else (text, short, laughed)


LONGEST_SMALL_TALK = 80
"""Characters: what is longer says more than hello or thanks, however its letters are drawn out."""
_LAUGHTER = re.compile(r"\b([jh][aei])[jhaei]{3,}\b")
_LAUGHS = tuple(f"{vowel}{breath}" for vowel in "aei" for breath in "jh")
"""One of these is in all laughter, and in few texts."""


def thin(text: str, lists: Lists) -> bool:
    """Whether a first text is too thin to answer: a greeting, a bare wish for a mentor, a word or two."""
    return any(_thin(form, lists) for form in _forms(text))


def _thin(text: str, lists: Lists) -> bool:
    words = bare(text).split()
    if len(words) <= 1 or (len(words) == 2 and "?" not in text):
        return True
    if len(words) > MOST_WORDS_OF_A_GREETING:
        return False
    whole = {" ".join(words), kept_words(text, lists["polite"])}
    return not whole.isdisjoint(lists["thin_whole"]) or all(word in lists["thin"] for word in words)
