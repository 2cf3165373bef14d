"""Where a text goes that is for people: by the code at its start, or by what is open for its sender."""

from __future__ import annotations

from datetime import timedelta

from smsmentor.core import called, members, panel, prompts, replies, requests, threads
from smsmentor.core.commands import asking, mentoring, standing
from smsmentor.core.events import Inbound
from smsmentor.core.model import Code, Member, Offer, Request, Thread
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand import codes, parse

MOST_WORDS_OF_A_CHOICE = 4
"""Words behind a code that may still name places and nothing else: `K43 B (Cam)`, `K43 A and K43 B`."""


def code_at_start(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """`K43 text`: for the thread of that code, when it is one of this member's."""
    coded = codes.read(event.body)
    if coded is None:
        return None
    if len(coded.rest) <= 1 and (answered := prompts.answer(turn, member, event.body)):
        return answered
    short = len(coded.rest) > 1 and len(coded.rest.split()) <= MOST_WORDS_OF_A_CHOICE
    if short and (chosen := prompts.choose(turn, member, event.body)):
        return chosen
    known = turn.get(Code, coded.code)
    request = turn.need(Request, known.request) if known else None
    if request is not None and (rated := prompts.answer_about(turn, member, request, coded.rest)):
        return rated
    if request is not None and (takes := _places_in(turn, member, request)) is not None:
        return _coded(turn, member, request, coded.rest, takes)
    open_places = threads.places(turn, member)
    if not coded.plainly or not (open_places or codes.valid(coded.code) or not coded.rest):
        return None
    # A word of ours behind it is for no other question: `K34 DONE`.
    nothing_kept = not coded.rest or _is_word_of_ours(turn, member, coded.rest)
    if not open_places and coded.rest and parse.is_kind(coded.rest, turn.knowledge.yes_no(member.lang)):
        return Outcome("ignored", "thanks")
    if not open_places and not nothing_kept and not member.mentor:
        return threads.hold_for_one(turn, member, "new", coded.rest, "code.unknown_ask", coded.code)
    if not open_places:
        turn.say(member, "code.unknown_none", code=coded.code, ask=requests.how_to_ask(turn, member))
        return Outcome("clarified", "not a code of theirs")
    if nothing_kept:
        turn.say(member, "code.unknown_bare", code=coded.code, codes=", ".join(p.key for p in open_places[:4]))
        return Outcome("clarified", "not a code of theirs")
    return threads.hold(turn, member, open_places, coded.rest, "code.unknown", code=coded.code)


def _is_word_of_ours(turn: Turn, member: Member, text: str) -> bool:
    """Whether a text is a command and nothing else."""
    keywords, lists = turn.knowledge.words.keywords(member.lang), turn.knowledge.yes_no(member.lang)
    return any(call.exact and not call.rest for call in parse.calls(text, keywords, lists))


def _places_in(turn: Turn, member: Member, request: Request) -> list[threads.Place] | None:
    """This member's places in a request; empty when it is theirs but closed to them; None when it is not theirs."""
    found = [p for p in threads.places(turn, member) if p.request.id == request.id]
    if found:
        return found
    offer = threads.offer_of(turn, member, request)
    return [] if request.mentee == member.id or offer is not None else None


def _coded(turn: Turn, member: Member, request: Request, rest: str, found: list[threads.Place]) -> Outcome:
    if not rest.strip("?!. "):
        passed = threads.passed_on(turn, member, request)
        if not found and request.mentee == member.id:
            return asking.already_closed(turn, member, request)
        turn.say(
            member, "code.no_text" if found else "pass.still" if passed else _over_text(request), code=request.code
        )
        return Outcome("clarified", "code alone", request.id)
    if said := called.command(turn, member, rest, request) or called.unknown_word(turn, member, rest):
        return said
    if request.mentee == member.id and (lettered := called.lettered(turn, member, rest, [request])):
        return lettered
    lists = turn.knowledge.yes_no(member.lang)
    if request.mentee == member.id and _takes_back(request, rest, lists):
        return called.close(turn, member, request)
    if len(found) == 1:
        return _no_view(turn, member, found[0], rest) or threads.deliver(turn, member, found[0].target, rest)
    if found:
        return threads.hold(turn, member, found, rest)
    offer = threads.offer_of(turn, member, request)
    thinks_again = threads.passed_on(turn, member, request)
    if thinks_again and parse.is_no_view(rest, turn.knowledge.yes_no(member.lang)):
        turn.say(member, "pass.still", code=request.code, request=request.id)
        return Outcome("clarified", "no view after PASS", request.id)
    no_view = request.status == "closed" and parse.is_no_view(rest, lists)  # `K43 hi`: nothing to offer anybody
    withdrawn = offer is not None and offer.status == "withdrawn" and not no_view
    if offer and (withdrawn or thinks_again) and not members.blocked(turn, member.id, request.mentee):
        if thinks_again and len(request.answers) < request.places:
            panel.think_again(turn, offer)  # before: words that wait for a digit go on, unless they pass once more
        return threads.deliver(turn, member, f"offer:{offer.id}", rest)
    if offer and not parse.is_kind(rest, turn.knowledge.yes_no(member.lang)) and threads.owes(turn, offer):
        return threads.deliver(turn, member, f"late:{offer.id}", rest)
    return _closed(turn, member, request, rest)


def _takes_back(request: Request, rest: str, lists: parse.Lists) -> bool:
    return parse.bare(rest) in lists["closes"] or (not request.answers and parse.takes_back(rest, lists))


def _closed(turn: Turn, member: Member, request: Request, rest: str) -> Outcome:
    """A code that is theirs but closed: said, and the text kept for one digit that brings it elsewhere."""
    open_places = threads.places(turn, member)
    lists, own = turn.knowledge.yes_no(member.lang), request.mentee == member.id
    if own and parse.is_kind(rest, lists):
        return Outcome("ignored", "thanks", request.id)
    if not own and (parse.is_kind(rest, lists) or parse.is_no_view(rest, lists)):
        turn.say(member, _over_text(request), code=request.code)
        return Outcome("clarified", "closed", request.id)
    if own:
        return threads.hold_of_closed(turn, member, request, rest)
    if open_places:
        return threads.hold(turn, member, open_places, rest, "code.closed_kept", code=request.code)
    offer = threads.offer_of(turn, member, request)
    is_there = turn.need(Member, request.mentee).state == "active"
    if offer is not None and is_there and not members.blocked(turn, member.id, request.mentee):
        return threads.hold_for_one(turn, member, f"late:{offer.id}", rest, "code.closed_late", request.code)
    turn.say(member, _over_text(request), code=request.code)
    return Outcome("clarified", "closed", request.id)


def _over_text(request: Request) -> str:
    """What a mentor hears who has no part in a question any more; it may be open with others."""
    return "code.closed" if request.status == "closed" else "code.over"


def open_places(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """The only open thread takes a text; with several it is held and asked."""
    found = threads.places(turn, member)
    lists = turn.knowledge.yes_no(member.lang)
    if (
        found
        and standing.just_joined(turn, member)
        and (named := standing.first_topics(turn, member, event.body, least=2))
    ):
        return named
    if dropped := _drops_draft(turn, member, found, event.body):
        return dropped
    if len(found) == 1:
        if found[0].target.startswith("extend:") and (said := _no_part_of_a_question(turn, member, event, found[0])):
            return said
        if _may_be_another(turn, found[0], event.body, lists):
            code = found[0].request.code
            return threads.hold(turn, member, found, event.body, "hold.another", code, or_new=True)
        if _is_digit(event.body) and _was_asked_nothing(turn, found[0]):
            return _digit_for_nothing(turn, member, found)
        return _no_view(turn, member, found[0], event.body) or threads.deliver(
            turn, member, found[0].target, event.body
        )
    if found and _is_digit(event.body):
        return _digit_for_nothing(turn, member, found)
    if found:
        return (
            threads.to_named(turn, member, found, event.body)
            or threads.only_a_sign(turn, member, event.body)
            or _no_view_on_any(turn, member, found, event.body)
            or threads.hold(turn, member, found, event.body)
        )
    if not member.mentor or any(says(event.body, lists) for says in (parse.thin, parse.is_kind, parse.is_no_view)):
        return None
    if asking.asks_for_oneself(event.body, lists):  # a question of their own begins with ASK
        return None
    late = [f"offer:{offer.id}" for offer in threads.recent_offers(turn, member)]
    late += [f"late:{offer.id}" for offer in threads.overtaken(turn, member)]
    if len(late) != 1 or threads.talked_since(turn, member, late[0]):
        return None
    return threads.deliver(turn, member, late[0], event.body)


ANOTHER_THOUGHT = timedelta(hours=1)
"""So long after the last part of a question, what stands on its own may be another one."""


FEWEST_WORDS_ON_ITS_OWN = 5


def _may_be_another(turn: Turn, place: threads.Place, text: str, lists: parse.Lists) -> bool:
    """Whether a text, hours after a question that nobody has answered, asks something of its own.

    It refers to nothing, and its topic is not the same. Whoever was asked would read it as more of the old question.
    """
    request = place.request
    if request.status != "asking" or turn.now - (request.last_part or request.opened) < ANOTHER_THOUGHT:
        return False
    words = parse.bare(text).split()
    on_its_own = len(words) >= FEWEST_WORDS_ON_ITS_OWN and lists["refers"].isdisjoint(words)
    if not on_its_own or words[0] in lists["goes_on"] or not turn.knowledge.news.asks(text):
        return False
    best = turn.knowledge.topics.best(text)
    return best is None or best.topic not in request.topics


def _drops_draft(turn: Turn, member: Member, found: list[threads.Place], text: str) -> Outcome | None:
    """DROP, `forget it`: a question that is kept until another one closes. It may be advice with somebody's open."""
    live = members.live_requests(turn, member.id)
    drafts = [request for request in live if request.status == "draft"]
    if not drafts or not parse.takes_back(text, turn.knowledge.yes_no(member.lang)):
        return None
    if any(place.target.startswith(("offer:", "mentor:")) for place in found):
        return None
    offered = len(live) - len(drafts) < turn.rules.open_requests  # the oldest, when a place was free for it
    requests.drop_draft(turn, member, drafts[0] if offered else drafts[-1])
    return Outcome("command", "DROP")


def _no_view_on_any(turn: Turn, member: Member, found: list[threads.Place], text: str) -> Outcome | None:
    """`sorry cant` with several offers open and nothing else: which one it passes on is asked, and no place taken."""
    offers = all(place.target.startswith("offer:") for place in found)
    if not offers or not parse.is_no_view(text, turn.knowledge.yes_no(member.lang)):
        return None
    mentoring.ask_which(turn, member, [place.request.code for place in found])
    return Outcome("clarified", "no view")


def _is_digit(text: str) -> bool:
    digit = parse.bare(text) if len(text) <= LONGEST_DIGIT else ""
    return digit.isdecimal() and len(digit) == 1


LONGEST_DIGIT = 8
"""Characters of a text that is one digit, with signs around it."""


def _was_asked_nothing(turn: Turn, place: threads.Place) -> bool:
    """Whether a place is a mentor's conversation in which the mentee waits for no answer."""
    kind, _, id = place.target.partition(":")
    return kind == "mentor" and not turn.need(Thread, id).awaiting


def _digit_for_nothing(turn: Turn, member: Member, found: list[threads.Place]) -> Outcome:
    """A digit for a text that is no longer kept: more likely texted twice than meant for somebody."""
    turn.say(member, "hold.none", codes=", ".join(place.key for place in found[:4]))
    return Outcome("clarified", "a digit for no kept text")


def _no_view(turn: Turn, member: Member, place: threads.Place, text: str) -> Outcome | None:
    """`ok`, `not for me` to an offer: hardly the view that was asked for, so its sender is asked before it goes."""
    if not place.target.startswith("offer:"):
        return None
    lists = turn.knowledge.yes_no(member.lang)
    said = parse.bare(text)
    why, _, last = said.rpartition(" ")
    # "not for me, pass": `no pass` may be a view.
    if turn.knowledge.words.keywords(member.lang).get(last) == "pass" and why not in lists["nay"]:
        if why and parse.is_no_view(why, lists):
            mentoring.passed(turn, member, turn.need(Offer, place.target.partition(":")[2]), place.request, None)
            return Outcome("command", "PASS", place.request.id)
        return None
    hardly = parse.is_no_view(text, lists) or said in lists["yes"] | lists["nay"]
    return threads.ask_if_meant(turn, member, place, text) if hardly else None


def _no_part_of_a_question(turn: Turn, member: Member, event: Inbound, place: threads.Place) -> Outcome | None:
    """`ok thanks` after the receipt, `any news?`, `never mind`, the same text again: nothing for mentors to read."""
    lists = turn.knowledge.yes_no(member.lang)
    bare = parse.bare(event.body)
    takes_back = parse.takes_back(event.body, lists)
    if takes_back and turn.first(Offer, "request", place.request.id) is None:
        requests.done(turn, place.request)
        return Outcome("command", "DONE", place.request.id)
    if parse.says(event.body, lists["announces"], lists["polite"]) and place.request.status != "clarifying":
        turn.say(member, "command.how", use=turn.knowledge.words.table(member.lang, "use")["ask"])
        return Outcome("clarified", "how to ask another one", place.request.id)
    # Once mentors have it, it is theirs too: how to take it back is said, and done on that word.
    same = bare == parse.bare(place.request.question)
    only_asks = not bare and "?" in event.body
    if takes_back or same or only_asks or replies.is_digits(bare) or parse.is_for_us(event.body, lists):
        requests.say_how_it_stands(turn, member, place.request)
        return Outcome("clarified", "no answer yet", place.request.id)
    return Outcome("ignored", "thanks") if parse.is_kind(event.body, lists) else None
