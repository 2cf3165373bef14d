"""Where a text can go: the open threads of its sender, the hold when there are several, and the way through."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Literal, NamedTuple

from smsmentor.core import crisis, members, panel, requests, screen, sprints
from smsmentor.core.making import replace
from smsmentor.core.model import Choice, Member, Offer, Prompt, Request, Sprint, Thread
from smsmentor.core.render import short
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand import parse
from smsmentor.core.understand.normal import relay_text

DAY = timedelta(days=1)


class Place(NamedTuple):
    """One place that a text of this member can go to."""

    target: str
    """`offer:<offer>`, `mentor:<thread>`, `mentee:<thread>`, `extend:<request>` or `new`."""
    request: Request
    letter: str = ""

    @property
    def key(self) -> str:
        """How it is named in a list: the code, with the letter of the mentor for a mentee's thread."""
        return f"{self.request.code} {self.letter}".strip()


def places(turn: Turn, member: Member) -> list[Place]:
    """Every open place, oldest first: a mentor's offers and threads, a mentee's requests and panel."""
    found = []
    if member.mentor:
        for offer in members.open_offers(turn, member.id):
            found.append(Place(f"offer:{offer.id}", turn.need(Request, offer.request)))
        for thread in members.open_threads(turn, member.id):
            found.append(Place(f"mentor:{thread.id}", turn.need(Request, thread.request)))
    for request in members.live_requests(turn, member.id):
        found += mentee_places(turn, request)
    return found


def answers_somebody(turn: Turn, member: Member) -> bool:
    """Whether a question of somebody else is open with them: what they write may be advice."""
    return any(place.target.startswith(("offer:", "mentor:")) for place in places(turn, member))


def asked_since(turn: Turn, member: Member, since: datetime) -> bool:
    """Whether a question of somebody else, or more of one, has come to them since then and is open."""
    if not member.mentor:
        return False
    return any(offer.made > since for offer in members.open_offers(turn, member.id)) or any(
        thread.last > since for thread in members.open_threads(turn, member.id)
    )


def mentee_places(turn: Turn, request: Request) -> list[Place]:
    """Where a mentee's text about this request can go: to those who answered and are there, or to the question."""
    if request.status == "draft":
        return []
    threads = turn.find(Thread, "request", request.id) if request.answers else []
    open_now = [Place(f"mentee:{t.id}", request, t.letter) for t in threads if not t.closed]
    return open_now or [Place(f"extend:{request.id}", request)]


def moved(turn: Turn, target: str) -> list[Place]:
    """Where more of a question can go that was kept while the first answers came: those who gave them."""
    kind, _, id = target.partition(":")
    request = turn.get(Request, id) if kind == "extend" else None
    return mentee_places(turn, request) if request is not None and request.status != "closed" else []


def offer_of(turn: Turn, member: Member, request: Request) -> Offer | None:
    """The offer of this request that was made to this member, whatever became of it."""
    return turn.get(Offer, f"{request.id}:{member.id}")


def passed_on(turn: Turn, member: Member, request: Request) -> bool:
    """Whether this member passed on a request that is still open, and so may think again."""
    offer = offer_of(turn, member, request)
    return offer is not None and offer.status == "passed" and request.status != "closed"


def recent_offers(turn: Turn, member: Member) -> list[Offer]:
    """Offers that were taken back within the last day: a text without a code may be a late answer to one."""
    since = turn.now - DAY
    made = _made_since(turn, member, since - DAY)
    return [o for o in made if o.status == "withdrawn" and o.settled is not None and o.settled > since]


def overtaken(turn: Turn, member: Member) -> list[Offer]:
    """Answered offers whose last follow-up was still unanswered when the question closed, within the last day."""
    since = turn.now - DAY
    made = ((offer, turn.need(Request, offer.request)) for offer in _made_since(turn, member, since - 2 * DAY))
    return [o for o, request in made if request.closed is not None and request.closed > since and owes(turn, o)]


def talked_since(turn: Turn, member: Member, target: str) -> bool:
    """Whether this member talked with the mentee of another question after the offer of this target was made: a text
    without a code may be meant for that one."""
    offer = turn.need(Offer, target.partition(":")[2])
    others = (o for o in _made_since(turn, member, offer.made - 2 * DAY) if o.request != offer.request)
    threads = (t for o in others if o.status == "answered" for t in turn.find(Thread, "request", o.request))
    return any(t.mentor == member.id and t.last > offer.made for t in threads)


def _made_since(turn: Turn, member: Member, since: datetime) -> Iterator[Offer]:
    return takewhile(lambda offer: offer.made >= since, turn.walk(Offer, "mentor", member.id, newest=True))


def owes(turn: Turn, offer: Offer) -> bool:
    """Whether its mentor had a follow-up to answer when the question closed."""
    over = offer.status == "answered" and turn.need(Request, offer.request).status == "closed"
    threads = turn.find(Thread, "request", offer.request) if over else []
    return any(t.mentor == offer.mentor and t.owes for t in threads)


def deliver(turn: Turn, member: Member, target: str, text: str, *, screened: bool = False) -> Outcome:
    """Bring a text where it belongs, after a look at what must not pass."""
    text = relay_text(text)
    if heard := _in_danger(turn, member, target, text):
        return heard
    if not screened and (held := screen.held_for_sender(turn, member, target, text)):
        return held
    kind, _, id = target.partition(":")
    if kind == "sprint":
        return sprints.send_check_in(turn, member, turn.need(Sprint, id), text)
    if kind == "new" and turn.rules.consent_first and member.consent_how == "texted first":
        return _ask_consent(turn, member, text)
    if kind == "new":
        return requests.begin(turn, member, text, thin=parse.thin(text, turn.knowledge.yes_no(member.lang)))
    if kind == "extend":
        request = turn.need(Request, id)
        if requests.is_full(turn, request, text):
            turn.say(member, "ask.full", code=request.code, request=request.id)
            return Outcome("clarified", "the question is long enough", request.id)
        more = panel.go_on_with_others if request.answers else requests.extend
        return more(turn, member, request, text)
    if kind in ("offer", "late"):
        offer = turn.need(Offer, id)
        if kind == "offer" and offer.status == "answered":
            # They answered in other words while these were held: these go on in the thread.
            found = [t for t in turn.find(Thread, "request", offer.request) if t.mentor == offer.mentor]
            return _through(turn, member, found[0], f"mentor:{found[0].id}", text)
        request = turn.need(Request, offer.request)
        # When two part, their open offers are withdrawn: an open one needs no look.
        perhaps_over = kind == "late" or offer.status == "withdrawn"
        if perhaps_over and members.blocked(turn, member.id, request.mentee):
            return _over(turn, member, request)
        if held := screen.held_for_receiver(turn, member, f"offer:{id}", text, request):
            return held
        return (
            panel.late(turn, member, offer, request, text)
            if kind == "late"
            else panel.answer(turn, member, offer, text)
        )
    return _through(turn, member, turn.need(Thread, id), target, text)


def _in_danger(turn: Turn, member: Member, target: str, text: str) -> Outcome | None:
    """Words of danger that only two texts together have: `i dont want to`, `live anymore`. Each alone was calm."""
    kind, _, id = target.partition(":")
    before = ""
    if kind == "extend":
        before = turn.need(Request, id).question
    elif kind == "mentee":
        before = turn.need(Thread, id).awaiting
    if not before and kind != "new":  # a new question may be joined of kept texts
        return None
    together = f"{before} {text}"[-LONGEST_THOUGHT:] if before else text
    if not crisis.is_meant(turn, together):
        return None
    if kind == "extend" and (request := turn.need(Request, id)).status in ("clarifying", "gathering"):
        requests.close(turn, request, "withdrawn")  # nobody has read its first half yet, and nobody shall
    return crisis.hear(turn, member, together)


LONGEST_THOUGHT = 1600
"""Characters of several texts in which words of danger are looked for."""


def _ask_consent(turn: Turn, member: Member, text: str) -> Outcome:
    """The operator wants a plain OK before anything is asked; the question is kept meanwhile."""
    until = turn.now + timedelta(hours=turn.rules.expiry_hours)
    kept = next((p for p in turn.find(Prompt, "member", member.id) if p.kind == "consent"), None)
    if kept is not None and parse.is_for_us(text, turn.knowledge.yes_no(member.lang)):
        turn.say(member, "consent.ask")
        return Outcome("clarified", "consent")
    if kept is not None:
        text = f"{kept.text} {text}"[: turn.rules.question_longest]
        members.let_go(turn, kept, "consent")
    asked = Prompt(turn.new_id("p"), member.id, "consent", turn.now, until, text=text, text_id=turn.text_id)
    turn.save(asked)
    turn.remind("prompt.expire", asked.id, until)
    turn.note("text.held", text=turn.text_id, member=member.id, why="consent")
    turn.say(member, "consent.ask")
    return Outcome("held", "consent")


def _through(turn: Turn, member: Member, thread: Thread, target: str, text: str) -> Outcome:
    request = turn.need(Request, thread.request)
    from_mentor = target.startswith("mentor:")
    if thread.closed and not from_mentor and request.status != "closed":
        panel.take_over(turn, request, thread.letter, text)
        return Outcome("relayed", request=request.id)
    if thread.closed:
        return _over(turn, member, request)
    if held := screen.held_for_receiver(turn, member, target, text, request):
        return held
    pass_through(turn, thread, request, text, from_mentor=from_mentor)
    return Outcome("relayed", request=request.id)


def _over(turn: Turn, member: Member, request: Request) -> Outcome:
    text_id = "code.closed" if request.status == "closed" else "code.over"
    turn.say(member, "thread.closed" if member.id == request.mentee else text_id, code=request.code)
    return Outcome("clarified", "the thread is closed", request.id)


def to_named(turn: Turn, member: Member, found: list[Place], text: str) -> Outcome | None:
    """`Ben: why?`, `thanks ben`, `thanks B`, `thank you both`: to those whom a mentee names.

    A name in other words tells nothing. In thanks names that are everyday words are none (`thanks, will do`), and
    nowhere is one that two of them have.
    """
    lists = turn.knowledge.yes_no(member.lang)
    said = parse.bare(text).split()
    theirs = [turn.need(Thread, id) for kind, _, id in (p.target.partition(":") for p in found) if kind == "mentee"]
    aliases = [parse.bare(turn.need(Member, thread.mentor).alias) for thread in theirs]
    head, _, rest = text.partition(":")
    if rest.strip() and aliases.count(addressed := parse.bare(head)) == 1 and addressed:
        return deliver(turn, member, f"mentee:{theirs[aliases.index(addressed)].id}", rest.strip())
    known = {alias for alias in aliases if aliases.count(alias) == 1 and alias not in lists["kind"]}
    named = [thread for thread, alias in zip(theirs, aliases, strict=True) if alias in known.intersection(said)]
    thanks = not (lists["thanks"] - lists["yes"]).isdisjoint(said)
    letters = _letters(said, lists) if thanks else frozenset()
    named = named or [t for t in theirs if t.letter in letters and sum(t.letter == o.letter for o in theirs) == 1]
    of_all = not lists["all"].isdisjoint(said[1:]) or any(
        f" {words} " in f" {' '.join(said)} " for words in lists["all_of_them"]
    )
    if not named and thanks and of_all:
        named = theirs
    if letters:
        known |= {*map(str.lower, letters), *lists["joins"]}
    plain_thanks = " ".join(word for word in said if word not in known)
    if not named or not plain_thanks or "?" in text or not parse.is_kind(plain_thanks, lists):
        return None
    for thread in named:
        pass_through(turn, thread, turn.need(Request, thread.request), relay_text(text), from_mentor=False, thanks=True)
    return Outcome("relayed", request=named[0].request)


def _letters(said: list[str], lists: parse.Lists) -> frozenset[str]:
    """The letters of a panel in thanks: `thanks b, will do`, `thanks a and c`; `thanks a lot` and `gracias a los dos`
    have none."""
    others = frozenset("bcdef")
    found = others.intersection(said)
    if "a" in said:  # a word besides, unless it ends the text or another letter is joined to it
        behind = said[said.index("a") + 1 :]
        joined = behind[:1] and behind[0] in lists["joins"] and others.intersection(behind[1:2])
        found |= {"a"} if joined or not behind else set()
    return frozenset(map(str.upper, found))


def only_a_sign(turn: Turn, member: Member, text: str) -> Outcome | None:
    """A thumb or a heart without words, with several open: nobody needs to be asked whom it is for."""
    kind = not parse.bare(text) and parse.is_kind(text, turn.knowledge.yes_no(member.lang))
    return Outcome("ignored", "thanks") if kind else None


def pass_through(
    turn: Turn, thread: Thread, request: Request, text: str, *, from_mentor: bool, thanks: bool = False
) -> None:
    """A text goes from one end of a thread to the other. Thanks wait for no answer."""
    if not thanks and not from_mentor:
        thanks = _is_thanks(turn, thread, text)
    awaiting = thread.awaiting if thanks else f"{thread.awaiting} {text}".strip()
    turn.save(replace(thread, last=turn.now, awaiting="" if from_mentor else awaiting))
    turn.note("thread.relayed", request=request.id, code=request.code, letter=thread.letter, by="AB"[from_mentor])
    if from_mentor:
        mentee = turn.need(Member, thread.mentee)
        letter = panel.with_code(turn, mentee, request, thread.letter)
        panel.say_in_pieces(turn, mentee, "advice.more", text, request, letter=letter, writer=thread.mentor)
    else:
        mentor = turn.need(Member, thread.mentor)
        panel.say_in_pieces(turn, mentor, "thread.says" if thanks else "thread.asks", text, request, code=request.code)


def _is_thanks(turn: Turn, thread: Thread, text: str) -> bool:
    """Whether a mentee only thanks, perhaps by name: `thanks ben`. `Never mind` waits for no answer either."""
    lists = turn.knowledge.yes_no(turn.need(Member, thread.mentee).lang)
    if parse.is_kind(text, lists) or parse.takes_back(text, lists):
        return True
    said, name = f" {parse.bare(text)} ", f" {parse.bare(turn.need(Member, thread.mentor).alias)} "
    named = name in said and "?" not in text and bool(name.strip())
    return named and parse.is_kind(said.replace(name, " ", 1), lists)


def hold(
    turn: Turn,
    member: Member,
    found: list[Place],
    text: str,
    text_id: str = "hold.ask",
    code: str = "",
    *,
    or_new: bool = False,
) -> Outcome:
    """Keep a text that could go to several places, or be a new question, and ask its sender which."""
    choices = choices_of(turn, found)
    if or_new:
        choices += (Choice(str(len(choices) + 1), "new", turn.words(member, "code.unknown_ask_short")),)
    if earlier := _begun(turn, member, choices):
        text, text_id = f"{earlier.text} {text}", "hold.ask_both"
        members.let_go(turn, earlier, "joined")
    prompt = _keep(turn, member, "hold", text, choices=choices)
    kept = prompt.expires - turn.now
    room = 150 - len(turn.words(member, text_id, choices="", code=code, kept=kept))
    turn.say(member, text_id, choices=listed(choices, room), code=code, kept=kept)
    turn.note("text.held", text=prompt.text_id, member=member.id, choices=len(choices))
    return Outcome("held")


def choices_of(turn: Turn, found: list[Place]) -> tuple[Choice, ...]:
    """The digits of a list of places, as they are shown."""
    return tuple(
        Choice(str(number), place.target, f"{place.key} ({_label(turn, place)})")
        for number, place in enumerate(found[:4], start=1)
    )


JOINED_WITHIN = timedelta(minutes=2)
"""What is held within this after another text, with the same list, goes with it: one digit is for both."""


def _begun(turn: Turn, member: Member, choices: tuple[Choice, ...]) -> Prompt | None:
    """The text just kept for the same places, of which a new one is the next part."""
    kept = [p for p in turn.find(Prompt, "member", member.id) if p.kind == "hold" and p.expires > turn.now]
    if not kept or turn.now - kept[-1].asked > JOINED_WITHIN or kept[-1].text_id == turn.text_id:
        return None
    same = [choice.target for choice in kept[-1].choices] == [choice.target for choice in choices]
    return kept[-1] if same else None


def hold_for_one(turn: Turn, member: Member, target: str, text: str, text_id: str, code: str) -> Outcome:
    """Keep a text that can go to one place only, but not without its sender's word."""
    choices = (Choice("1", target, turn.words(member, f"{text_id}_short")),)
    prompt = _keep(turn, member, "hold", text, choices=choices)
    turn.say(member, text_id, code=code, kept=prompt.expires - turn.now)
    turn.note("text.held", text=prompt.text_id, member=member.id, choices=1)
    return Outcome("held")


def hold_of_closed(turn: Turn, member: Member, request: Request, text: str) -> Outcome:
    """Keep what a mentee writes to a question of theirs that is closed, for a place that is open or a new question."""
    if open_places := places(turn, member):
        return hold(turn, member, open_places, text, "code.closed_kept", code=request.code)
    return hold_for_one(turn, member, "new", text, "code.closed_ask", request.code)


def ask_if_meant(turn: Turn, member: Member, place: Place, text: str) -> Outcome:
    """Keep a text that is hardly an answer to an offer until its sender says that it is one. Silence drops it."""
    members.drop_prompts(turn, member.id, "sure", place.target)
    kept = _keep(turn, member, "sure", text, request=place.request.id, target=place.target)
    turn.say(member, "hold.sure", code=place.request.code, request=place.request.id)
    turn.note("text.held", text=kept.text_id, member=member.id, why="no view")
    return Outcome("held", "no view", place.request.id)


def _keep(
    turn: Turn,
    member: Member,
    kind: Literal["hold", "sure"],
    text: str,
    *,
    choices: tuple[Choice, ...] = (),
    request: str = "",
    target: str = "",
) -> Prompt:
    """What somebody wrote, kept for the time of a hold."""
    until = turn.now + timedelta(minutes=turn.rules.hold_minutes)
    kept = Prompt(
        turn.new_id("p"),
        member.id,
        kind,
        turn.now,
        until,
        request=request,
        text=relay_text(text),
        text_id=turn.text_id,
        choices=choices,
        target=target,
    )
    turn.save(kept)
    turn.remind("prompt.expire", kept.id, until)
    return kept


def _label(turn: Turn, place: Place) -> str:
    """What a person knows a place by: the words of the question, or who of the panel it is."""
    kind, _, id = place.target.partition(":")
    if kind == "mentee":
        mentor = turn.need(Member, turn.need(Thread, id).mentor)
        return mentor.alias or mentor.field or turn.words(turn.need(Member, place.request.mentee), "word.peer")
    return requests.label(place.request)


def listed(choices: tuple[Choice, ...], room: int) -> str:
    """`1 = K43 (boss takes credit) 2 = M13 (salary talk)`, the labels as long as the room allows."""
    for width in (24, 16, 10, 0):
        parts = []
        for choice in choices:
            key, _, words = choice.label.partition(" (")
            shown = f" ({short(words.rstrip(')'), width)})" if width and words else ""
            parts.append(f"{choice.digit} = {key}{shown}")
        if len(" ".join(parts)) <= room:
            break
    return " ".join(parts)
