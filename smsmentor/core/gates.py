"""The gates that a text passes, in `decide.GATES`: each knows one kind of text, and lets the others pass on."""

from __future__ import annotations

from datetime import timedelta

from smsmentor.core import abuse, crisis, erasing, leaving, members, news, panel, prompts, requests, threads
from smsmentor.core.commands import asking, mentoring, operator, safety, standing
from smsmentor.core.commands.kit import Asked, Command
from smsmentor.core.commands.menu import menu_text
from smsmentor.core.commands.table import TABLE
from smsmentor.core.events import Inbound
from smsmentor.core.making import replace
from smsmentor.core.model import Code, Member, Offer, Prompt, Request, Thread
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand import codes, parse
from smsmentor.core.understand.normal import plain

DIGITS_OF_AN_ANSWER = 2
"""Up to so many digits alone, when nothing was asked, are an answer that comes too late, and no question."""

MOST_WORDS_OF_A_CHOICE = 4
"""Words behind a code that may still name places and nothing else: `K43 B (Cam)`, `K43 A and K43 B`."""


def carrier_words(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """STOP and START: they come before anything of ours, also before what keeps floods out."""
    word = event.opt_out or turn.knowledge.carrier.read(event.body)
    if leaving.overtaken(member, word, event.at):
        return Outcome("ignored", "a later START or STOP counts")
    if word == "stop":
        leaving.opt_out(turn, member)
        return Outcome("command", "STOP")
    if member.state == "opted_out":
        if word == "start" and (refused := abuse.no_way_back(turn, member)):
            return Outcome("dropped", refused)
        if word == "start":
            answered = event.opt_out is not None or abuse.too_many(turn, member)
            leaving.opt_in(turn, turn.save(abuse.counted(turn, member)), answered=answered)
            return Outcome("command", "START")
        if _is_forget_me(turn, member, event.body):
            # Nothing can be asked back here, so these two words are enough.
            erasing.erase(turn, member)
            return Outcome("command", "FORGET")
        return Outcome("ignored", "opted out")
    if word == "start" and event.opt_out:
        return Outcome("command", "START")
    return None


def answered_carrier_words(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """HELP, START of somebody who is here, and plain requests to be left alone: they change nothing, and a flood of
    them costs an answer each."""
    word = event.opt_out or turn.knowledge.carrier.read(event.body)
    if word == "start" and parse.bare(event.body) not in turn.knowledge.yes_no(member.lang)["yes"]:
        turn.say(member, menu_text(turn, member))
        return Outcome("command", "START")
    if word == "help":
        return leaving.help_contact(turn, member, event)
    if word == "stop?" and (closed := _closes_by_code(turn, member, event.body)):
        return closed
    if word == "stop?":
        turn.say(member, "carrier.sure")
        return Outcome("clarified", "opt-out?")
    return None


def _is_forget_me(turn: Turn, member: Member, text: str) -> bool:
    lists = turn.knowledge.yes_no(member.lang)
    found = parse.calls(text, turn.knowledge.words.keywords(member.lang), lists)
    return any(call.command == "forget" and call.exact and parse.bare(call.rest) in lists["me"] for call in found)


def kept_out(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """Banned members, floods, and the same text delivered again under another id."""
    if member.state == "banned":
        return Outcome("dropped", "banned")
    digest = members.digest(event.body)
    # Most texts are new, and then neither the time nor the number of the same ones matters.
    gap = abuse.since_last(member, event) if digest == member.last_digest else None
    doubled = gap is not None and gap <= timedelta(seconds=turn.rules.same_text_seconds)
    same_texts = abuse.same_texts(member, gap, event)
    since, count = abuse.hour_of(turn, member)
    turn.save(
        replace(
            member,
            last_digest=digest,
            last_text_at=max(event.at, member.last_text_at or event.at),
            same_texts=same_texts,
            hour_from=since,
            hour_count=count + 1,
        )
    )
    if doubled:
        return Outcome("dropped", "same text again")
    reason = ""
    if count >= turn.rules.texts_an_hour:
        reason = "too many texts"
    elif 0 < turn.rules.same_texts <= same_texts:
        reason = "same text many times"
    if not reason or crisis.is_untold(turn, member, event.body):
        return None
    return Outcome("dropped", reason)


def reactions(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """`Liked "..."` and its like count as thanks and are never relayed; so are automatic replies of phones."""
    found = turn.knowledge.reactions.read(event.body)
    return Outcome("ignored", "automatic" if found == "auto" else "reaction") if found else None


def nothing_to_read(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """No words: a picture alone is answered, emptiness is not."""
    words = bool(plain(event.body))
    if event.media:
        alone = "picture.alone" if member.first_told or member.mentor else "picture.first"
        turn.say(member, "picture.not_passed" if words else alone)
    if words:
        return None
    return Outcome("clarified", "picture") if event.media else Outcome("ignored", "empty")


def danger(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """Words of self-harm or violence: before any text could be swallowed or relayed."""
    return crisis.hear(turn, member, event.body)


def after_a_crisis(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """Plain words of somebody who may be in danger: nothing for peers. What REPORT asked for goes to the team."""
    if not crisis.is_fresh(turn, member):
        return None
    reports = any(p.kind == "report" and p.expires > turn.now for p in turn.find(Prompt, "member", member.id))
    return None if reports else crisis.goes_on(turn, member, event.body)


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
    if called := _command(turn, member, rest, request) or _unknown_word(turn, member, rest):
        return called
    if request.mentee == member.id and (lettered := _lettered(turn, member, rest, [request])):
        return lettered
    lists = turn.knowledge.yes_no(member.lang)
    if request.mentee == member.id and _takes_back(request, rest, lists):
        return _close(turn, member, request)
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


def our_question(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """The answer to something that we asked: an open hold, a rating, a choice."""
    return prompts.answer(turn, member, event.body)


def command(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """An exact command, `B: text` for one mentor of the panel, or a plain question to the service itself."""
    return (
        _command(turn, member, event.body)
        or _unknown_word(turn, member, event.body)
        or _closes_by_code(turn, member, event.body)
        or _lettered(turn, member, event.body, None)
        or _asked_of_us(turn, member, event.body)
    )


def _asked_of_us(turn: Turn, member: Member, text: str) -> Outcome | None:
    """`Can i talk to a human`, `i dont want to be a mentor anymore`: said to us, and answered with the word for it."""
    lists = turn.knowledge.yes_no(member.lang)
    if member.mentor and parse.says(text, lists["leave_pool"], lists["polite"]):
        turn.say(member, "pause.leave")
        return Outcome("clarified", "how to leave the pool")
    if parse.says(text, lists["asks_service"], lists["polite"]):
        turn.say(member, "ask.service")
        return Outcome("clarified", "about the service")
    return None


def _unknown_word(turn: Turn, member: Member, text: str) -> Outcome | None:
    """`MEET`, `events`, `COME 2`: a word that people know from elsewhere and that does nothing here. It is for nobody
    else either, when it stands in capitals, with what belongs to it, or alone where nothing is open."""
    said = parse.bare(text).split() if len(text) <= LONGEST_UNKNOWN else []
    if not said or said[0] not in turn.knowledge.yes_no(member.lang)["unknown"]:
        return None
    word = said[0].upper()
    shouted = "?" not in text and text.lstrip(" .,:;!\"'(").startswith(word)
    with_its_own = "?" not in text and len(said) == 2 and (said[1].isdecimal() or said[1] in "bcdef")
    small = turn.knowledge.languages.small_words
    alone = len(said) == 1 and not threads.places(turn, member)
    if not ((shouted and small.isdisjoint(said[1:])) or with_its_own or alone):
        return None
    turn.say(member, "command.unknown", word=word)
    return Outcome("clarified", "a word that does nothing here")


LONGEST_UNKNOWN = 24
"""Characters of a text that is such a word and what belongs to it."""


def _closes_by_code(turn: Turn, member: Member, text: str) -> Outcome | None:
    """`drop K43`, `cancel K43`: other words for DONE, by the one who asked."""
    head, _, tail = text.strip().rpartition(" ") if len(text) <= LONGEST_UNKNOWN else ("", "", "")
    if not head or parse.bare(head) not in turn.knowledge.yes_no(member.lang)["closes"]:
        return None
    coded = codes.read(tail)
    known = turn.get(Code, coded.code) if coded and not coded.rest else None
    request = turn.need(Request, known.request) if known else None
    return _close(turn, member, request) if request is not None and request.mentee == member.id else None


def _close(turn: Turn, member: Member, request: Request) -> Outcome:
    asked = Asked(turn, member, parse.Call("done", "", True, False, True), request)
    return asking.done(asked, request) or Outcome("command", "DONE", request.id)


def _command(turn: Turn, member: Member, text: str, request: Request | None = None) -> Outcome | None:
    keywords = turn.knowledge.words.keywords(member.lang)
    lists = turn.knowledge.yes_no(member.lang)
    incomplete, shouted = "", False
    for call in _asked_for_language(turn, text) or parse.calls(text, keywords, lists):
        found = TABLE.get(call.command)
        if found is None:
            continue
        if found.who == "operator" and not member.operator:
            if call.shouted and call.rest.partition(" ")[0].isupper():  # who runs this, from a phone that is not listed
                turn.say(member, "op.not_listed")
                return Outcome("clarified", "not a listed number")
            continue
        if found.who == "operator" and not turn.verified:
            turn.say(member, "op.not_confirmed")
            return Outcome("dropped", "not confirmed by the carrier")
        asked = Asked(turn, member, call, request, text)
        wanted = found.grammar(asked)
        if wanted is None:
            if found.fits(member) and found.meant(asked):
                incomplete, shouted = call.command, call.shouted or not asked.bare
            elif found.meant(asked) and _is_no_answer(asked):
                return _not_yours(turn, member, found)
            continue
        if not found.fits(member):
            if _is_no_answer(asked, any(map(str.isdecimal, call.rest))):
                return _not_yours(turn, member, found)
            continue
        return found.act(asked, wanted) or Outcome("command", found.name)
    if incomplete and (shouted or not threads.places(turn, member)):
        turn.say(member, "command.how", use=turn.knowledge.words.table(member.lang, "use")[incomplete])
        return Outcome("clarified", "incomplete command")
    return _done_at_the_end(turn, member, text, request) or safety.at_the_end(turn, member, text, request)


def _is_no_answer(asked: Asked, complete: bool = False) -> bool:
    """Whether a mentor's keyword, or a `complete` command, from somebody who is none can be no words for a mentor.

    In capitals it never is; in small letters `hours` may be while one talks with them, and `pause` hardly is.
    """
    if not asked.call.exact or asked.call.shouted:
        return asked.call.exact
    open_places = threads.places(asked.turn, asked.member)
    talks = any(place.target.startswith("mentee:") for place in open_places)
    surely = complete or (asked.bare and not (asked.call.phrase and open_places))
    return surely and (not talks or asked.call.command == "pause")


def _not_yours(turn: Turn, member: Member, found: Command) -> Outcome:
    turn.say(member, "pause.mentee" if found.name == "PAUSE" else "command.not_yours", word=found.name)
    return Outcome("clarified", "not for this role")


def _asked_for_language(turn: Turn, text: str) -> list[parse.Call]:
    """`en espanol por favor`: LANG in the words that people use for it."""
    lang = turn.knowledge.language_asked_for(text)
    return [parse.Call("lang", lang, True, False, True)] if lang else []


def _done_at_the_end(turn: Turn, member: Member, text: str, request: Request | None) -> Outcome | None:
    if not members.live_requests(turn, member.id):
        return None
    words = turn.knowledge.spellings("done", member.lang)
    if not asking.is_done(text, words, turn.knowledge.yes_no(member.lang)):
        return None
    asked = Asked(turn, member, parse.Call("done", "", True, False, True), request)
    return asking.done(asked, request or "") or Outcome("command", "DONE")


def _lettered(turn: Turn, member: Member, text: str, within: list[Request] | None) -> Outcome | None:
    """`B: text`, when somebody of that letter is on the panel of an open request; behind a code `B text` as well."""
    behind_code = parse.letter_first(text, turn.knowledge.yes_no(member.lang)) if within is not None else None
    found = parse.lettered(text) or behind_code
    if found is None:
        return None
    if within is None and (several := _for_several(turn, member, text)):
        return several
    letter, rest = found
    live = within if within is not None else members.live_requests(turn, member.id)
    panel = [t for r in live for t in turn.find(Thread, "request", r.id)]
    named = [t for t in panel if t.letter == letter]
    surely = behind_code is not None or parse.surely_lettered(text)
    if not named and surely and any(not t.closed for t in panel):
        return threads.hold(turn, member, threads.places(turn, member), rest or text, "more.no_such_kept", code=letter)
    if not named:
        closed = asking.closed_with(turn, member, letter) if surely and not panel and rest else None
        thanks = parse.is_kind(rest, turn.knowledge.yes_no(member.lang))
        return threads.hold_of_closed(turn, member, closed, rest) if closed and not thanks else None
    return _to_letter(turn, member, letter, named, rest)


def _to_letter(turn: Turn, member: Member, letter: str, named: list[Thread], text: str) -> Outcome:
    asked = Asked(turn, member, parse.Call("more", "", True, True, True))
    return asking.to_letter(asked, letter, named, text) or Outcome("relayed", request=named[0].request)


def _for_several(turn: Turn, member: Member, text: str) -> Outcome | None:
    """`A: thanks. B: how many?`: to each what is theirs, when each letter is that of one mentor of theirs."""
    parts = parse.lettered_parts(text)
    if not parts:
        return None
    panel = [t for r in members.live_requests(turn, member.id) for t in turn.find(Thread, "request", r.id)]
    named = {letter: [t for t in panel if t.letter == letter] for letter, _ in parts}
    if any(len(found) != 1 for found in named.values()):
        return None
    outcomes = [_to_letter(turn, member, letter, named[letter], words) for letter, words in parts]
    return next((outcome for outcome in outcomes if outcome.kind != "relayed"), outcomes[0])


def our_question_in_words(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """The answer to something that any words answer: what happened (REPORT), the practice question."""
    return prompts.answer_in_words(turn, member, event.body)


def open_places(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """The only open thread takes a text; with several it is held and asked."""
    found = threads.places(turn, member)
    lists = turn.knowledge.yes_no(member.lang)
    if (
        found
        and standing.just_joined(turn, member)
        and (called := standing.first_topics(turn, member, event.body, least=2))
    ):
        return called
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
    if takes_back or same or only_asks or _is_digits(bare) or parse.is_for_us(event.body, lists):
        requests.say_how_it_stands(turn, member, place.request)
        return Outcome("clarified", "no answer yet", place.request.id)
    return Outcome("ignored", "thanks") if parse.is_kind(event.body, lists) else None


def _is_digits(bare: str) -> bool:
    return bare.isdecimal() and len(bare) <= DIGITS_OF_AN_ANSWER


def new_request_or_menu(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """Nothing is open: a mentee's text is a new question, a mentor's gets a gentle menu."""
    lists = turn.knowledge.yes_no(member.lang)
    if parse.is_kind(event.body, lists):
        return Outcome("ignored", "thanks")
    if member.operator and (paged := operator.of_a_page(turn, member, event.body)):
        return paged
    if member.mentor and (called := standing.first_topics(turn, member, event.body)):
        return called
    if member.mentor:
        thin = parse.thin(event.body, lists)
        turn.say(member, "menu.mentor" if thin else "menu.nothing_open")
        return Outcome("clarified", "menu")
    if parse.takes_back(event.body, lists):
        return Outcome("ignored", "nothing to take back")
    said = parse.bare(event.body)
    digit, _, words = said.partition(" ")
    if not said or (_is_digits(digit) and (not words or words in lists["yes"] | lists["helped"] | lists["no_change"])):
        turn.say(member, menu_text(turn, member))
        return Outcome("clarified", "menu")
    return news.hear(turn, member, event.body) or threads.deliver(turn, member, "new", event.body)
