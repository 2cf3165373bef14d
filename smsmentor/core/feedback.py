"""What a mentee says of the advice: ratings, corrections of them, and a week later what came of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from itertools import dropwhile

from smsmentor.core import apart, hourly, members, news, replies, requests, threads
from smsmentor.core.making import replace
from smsmentor.core.model import Answer, Member, Prompt, Request
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand import parse


def rating(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    request = turn.need(Request, prompt.request)
    lists = turn.knowledge.yes_no(member.lang)
    if replies.called(turn, member, text) == "pass" and threads.answers_somebody(turn, member):
        return None  # PASS is the word of the question that somebody else has open with them
    if parse.bare(text) in lists["skip"] or replies.kept_words(turn, member, text) in lists["skip"]:
        skip(turn, member)
        return Outcome("command", "SKIP", request.id)
    if _begins_a_view(turn, member, prompt, text):
        return None
    said = _by_letters(turn, request, text)
    given = parse.ratings(said, len(request.answers), lists, turn.knowledge.numbers(member.lang))
    if given is None:
        return None
    if not given:
        letters = ", ".join(a.letter for a in request.answers)
        turn.say(member, "rate.how_many" if len(letters) > 1 else "rate.how_many_one", letters=letters)
        return Outcome("clarified", "not as many ratings as answers", request.id)
    turn.save(replace(prompt, kind="rated"))
    rate(turn, member, request, given)
    return Outcome("answer", "rating", request.id)


def corrected(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    """Other ratings after the first, `oops, 4 3`, `i meant B 3`: the last ones count, and are no new question.

    A number alone may be a slip, and with something open numbers may be meant for somebody there.
    """
    lists = turn.knowledge.yes_no(member.lang)
    words = text.split()
    kept = list(dropwhile(lambda word: parse.bare(word) in lists["corrects"], words))
    request = turn.need(Request, prompt.request)
    unsaid = len(kept) == len(words)
    if not kept or (unsaid and (len(request.answers) == 1 or threads.places(turn, member))):
        return None
    said = _by_letters(turn, request, " ".join(kept))
    if not any(sign.isdecimal() for sign in said):
        return None
    return rating(turn, member, prompt, said)


def skip(turn: Turn, member: Member) -> None:
    """No rating and no check-in of what is over: what we asked about it, and would ask, is dropped."""
    for prompt in turn.find(Prompt, "member", member.id):
        if prompt.kind in ("rating", "rated", "checkin"):
            members.end_prompt(turn, prompt)
    for request in turn.walk(Request, "mentee", member.id, newest=True):
        if request.opened < turn.now - timedelta(days=turn.rules.checkin_days + 2):
            break
        turn.forget("request.checkin", request.id)
    turn.say(member, "rate.skipped")


def _begins_a_view(turn: Turn, member: Member, prompt: Prompt, text: str) -> bool:
    """`1 is ok`, `4 but ask first`: a number with which a sentence begins, from somebody who was asked for a view
    after we had asked for a number."""
    said = parse.bare(text).split()[:2]
    if len(said) < 2 or not said[0].isdecimal() or said[1] not in turn.knowledge.yes_no(member.lang)["of_digit"]:
        return False
    return threads.asked_since(turn, member, prompt.asked)


def _by_letters(turn: Turn, request: Request, text: str) -> str:
    """A text that names mentors of a panel with their letters in place of the names: `Ben 4, Cam 2`."""
    for one in request.answers:
        if alias := turn.need(Member, one.mentor).alias:
            text = re.sub(rf"\b{re.escape(alias)}\b", one.letter, text, flags=re.IGNORECASE)
    return text


def rate(turn: Turn, member: Member, request: Request, given: Sequence[int]) -> None:
    """Keep what a mentee says of each answer, in their order."""
    rated = tuple(replace(a, rating=r) for a, r in zip(request.answers, given, strict=True))
    turn.save(replace(request, answers=rated))
    apart_now = []
    for before, one in zip(request.answers, rated, strict=True):
        turn.note("advice.rated", request=request.id, code=request.code, letter=one.letter, rating=one.rating)
        if one.rating == 1 != before.rating:
            _lowest(turn, member, request, one)
        if 1 in (one.rating, before.rating):  # also when it was a slip: they are apart for good
            apart_now.append(one.letter)
    if apart_now:
        letters = turn.words(member, "word.and").join(apart_now)
        turn.say(member, "rate.lowest", letters=f"{request.code} {letters}", request=request.id)
    else:
        several = requests.asks_ratings(turn, member, "rating", "checkin")
        turn.say(member, "rate.thanks_for" if several else "rate.thanks", code=request.code)


def _lowest(turn: Turn, member: Member, request: Request, rated: Answer) -> None:
    """The lowest rating keeps the pair apart for good and tells the operators."""
    apart.part(turn, member.id, rated.mentor, "lowest rating")
    turn.note("request.flagged", request=request.id, code=request.code, rule="lowest rating")
    if hourly.full(turn, f"lowest:{request.id}:{rated.letter}", 1):
        return  # ratings can be changed to and fro
    for operator in members.operators(turn):
        turn.say(operator, "op.lowest", code=request.code, letter=rated.letter)


def checkin_of_code(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    """The same with the code of the question in front."""
    return checkin(turn, member, prompt, text, named=True) or _in_words(turn, member, prompt, text)


def checkin(turn: Turn, member: Member, prompt: Prompt, text: str, *, named: bool = False) -> Outcome | None:
    """What became of the advice; `named` says that the code of the question stood in front."""
    if not named and _begins_a_view(turn, member, prompt, text):
        return None
    if _contradicts_itself(turn, member, text):
        return _ask_checkin_again(turn, member, prompt)
    chosen = replies.digit(turn, member, text) or _told(turn, member, text, surely=named)
    choice = next((c for c in prompt.choices if c.digit == chosen), None)
    if choice is None:
        return _ask_checkin_again(turn, member, prompt) if _says_only_that_tried(turn, member, text) else None
    return _tried(turn, member, prompt, choice.target)


def _contradicts_itself(turn: Turn, member: Member, text: str) -> bool:
    """`1 no change`: the words are another choice than the digit."""
    lists = turn.knowledge.yes_no(member.lang)
    first, _, rest = parse.bare(text).partition(" ")
    others = (rest in lists[name] for digit, name in WAYS.items() if digit != first)
    return first in WAYS and bool(rest) and rest not in lists[WAYS[first]] | lists["yes"] and any(others)


def checkin_in_words(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    """What became of it as people tell it, `i talked to him and it went fine`, when nobody else can be meant."""
    return None if threads.places(turn, member) else _in_words(turn, member, prompt, text)


def _in_words(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    """An answer whose result is not clear is kept: its writer may have it told, or asked as a question after all."""
    knows = turn.knowledge.news
    if (result := knows.came_of(text)) is not None:
        return _tried(turn, member, prompt, result)
    lists = turn.knowledge.yes_no(member.lang)
    asks, short = knows.asks(text), _can_tell(text, lists)
    if asks and short and _begins_with_tried(turn, member, text):  # `it helped a bit but not sure`
        return _ask_checkin_again(turn, member, prompt)
    states = short and not asks and turn.now - prompt.asked <= news.JUST_CLOSED
    if not states and knows.read(text) is None:
        return None
    if any(says(text, lists) for says in (parse.is_kind, parse.takes_back)) or _is_for_new_one(text, lists):
        return None
    return news.keep(turn, member, turn.need(Request, prompt.request), text)


def _is_for_new_one(text: str, lists: parse.Lists) -> bool:
    """`hello`, `another question`: what is meant comes next."""
    said = parse.bare(text)
    return said in lists["thin_whole"] or all(word in lists["thin"] for word in said.split())


def _tried(turn: Turn, member: Member, prompt: Prompt, result: str) -> Outcome:
    """Tell what became of the advice to those whose it was."""
    members.end_prompt(turn, prompt)
    request = turn.need(Request, prompt.request)
    turn.note("advice.tried", request=request.id, code=request.code, result=result)
    best = max((a.rating or 0 for a in request.answers), default=0)
    known = best > 0 or len(request.answers) == 1  # else nobody knows whose advice it was, and nobody is told so
    for one in request.answers:
        if result != "not yet" and (one.rating or 0) == best:
            mentor = turn.need(Member, one.mentor)
            text_id = "news.helped" if result == "helped" else "news.tried"
            text_id = text_id if known else f"{text_id}_some"
            turn.say(mentor, text_id, courtesy=True, code=request.code, request=request.id)
            if result == "helped" and known:
                load = members.load_of(turn, mentor.id)
                turn.save(replace(load, helped=load.helped + 1))
    several = requests.asks_ratings(turn, member, "checkin")
    turn.say(member, "checkin.thanks_for" if several else "checkin.thanks", code=request.code)
    return Outcome("answer", "checkin", request.id)


WAYS = {"1": "helped", "2": "no_change", "3": "not_yet"}
"""The choices of a check-in, and the lists of words that say the same."""


def _told(turn: Turn, member: Member, text: str, *, surely: bool) -> str | None:
    """What became of advice, in words: `it helped`, `2 yes, no change`, `not yet`, `it helped a lot, i got it!`."""
    lists = turn.knowledge.yes_no(member.lang)
    said = parse.bare(text)
    first, _, rest = said.partition(" ")
    kept = replies.kept_words(turn, member, text)
    clause, goes_on = "", ""
    if _can_tell(text, lists) and (surely or not threads.places(turn, member)):
        clause, goes_on = _first_clause(text, lists)
        if first in WAYS and (surely or _goes_on(rest, lists)):
            return first
    for digit, name in WAYS.items():
        if (
            said in lists[name]
            or kept in lists[name]
            or (first == digit and (rest in lists[name] or rest in lists["yes"]))
            or (clause in lists[name] and (" " in clause or not goes_on))
            or (clause == digit and goes_on)
        ):
            return digit
    return None


def _goes_on(rest: str, lists: parse.Lists) -> bool:
    """Whether words behind a digit go on telling (`1 and it helped a lot`), and are none of `2 weeks into my job`."""
    starts = lists["and_so"] | lists["yes"] | lists["tried"] | lists["why_rated"]
    return any(f"{rest} ".startswith(f"{words} ") for words in starts)


def _first_clause(text: str, lists: parse.Lists) -> tuple[str, str]:
    """The words before the first sign, without politeness and a `yes,` in front; and the words behind them."""
    first, *others = [clause for clause in _CLAUSE.split(text) if parse.bare(clause)] or [""]
    if others and parse.bare(first) in lists["yes"]:
        first, *others = others
    return parse.kept_words(first, lists["polite"]), " ".join(others)


_CLAUSE = re.compile(r"[,.;:!)]+|\s-+\s")
MOST_WORDS_THAT_TELL = 14


def _can_tell(text: str, lists: parse.Lists) -> bool:
    """Whether a text may tell of something: it asks nothing, lists nothing and is short."""
    asks = any(parse.bare(clause).partition(" ")[0] in lists["asking"] for clause in _CLAUSE.split(text))
    lists_things = len(re.findall(r"\d", text)) > 1
    return not asks and "?" not in text and not lists_things and len(text.split()) <= MOST_WORDS_THAT_TELL


def _says_only_that_tried(turn: Turn, member: Member, text: str) -> bool:
    """Whether a text says no more than that something was tried, `yes`, `i tried it`, or is a digit of no choice."""
    lists = turn.knowledge.yes_no(member.lang)
    if threads.places(turn, member) or not _can_tell(text, lists):
        return False
    said = replies.after_yes(replies.kept_words(turn, member, text), lists)
    yes = said in lists["yes"] and not parse.is_kind(text, lists)
    short = len(said.split()) <= MOST_WORDS_OF_A_TRY and turn.knowledge.news.came_of(text) is None
    tried = said in lists["tried"] or (short and _begins_with_tried(turn, member, text))
    return yes or tried or replies.digit(turn, member, text) is not None


MOST_WORDS_OF_A_TRY = 4
"""`i tried it once`: in more words than these they tell more."""


def _begins_with_tried(turn: Turn, member: Member, text: str) -> bool:
    lists = turn.knowledge.yes_no(member.lang)
    said = replies.after_yes(replies.kept_words(turn, member, text), lists)
    return any(f"{said} ".startswith(f"{words} ") for words in lists["tried"])


def _ask_checkin_again(turn: Turn, member: Member, prompt: Prompt) -> Outcome:
    code = turn.need(Request, prompt.request).code
    turn.say(member, "checkin.again", code=code, request=prompt.request)
    return Outcome("clarified", "no such choice", prompt.request)
