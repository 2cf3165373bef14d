"""Answers to what we asked somebody: a hold, a rating, a choice. The newest question that a text fits takes it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta

from smsmentor.core import apart, feedback, members, news, panel, replies, requests, screen, sprints, threads
from smsmentor.core.making import replace
from smsmentor.core.model import Choice, Member, Offer, Prompt, PromptKind, Request, Sprint, Thread
from smsmentor.core.render import short
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand import parse

Taker = Callable[[Turn, Member, Prompt, str], Outcome | None]
"""Takes a text as the answer to a question, or leaves it."""


def answer(turn: Turn, member: Member, text: str) -> Outcome | None:
    """Take a text as the answer to an open question of ours, newest first; None when it fits none."""
    return _taken(turn, member, text, _TAKERS)


def answer_about(turn: Turn, member: Member, request: Request, text: str) -> Outcome | None:
    """Take what follows a code as the answer to what we asked about that closed request: `K43 3 4`."""
    if request.mentee != member.id or request.status != "closed":
        return None
    takers = {"rating": feedback.rating, "rated": feedback.rating, "checkin": feedback.checkin_of_code}
    return _taken(turn, member, text, takers, request.id)


def choose(turn: Turn, member: Member, text: str) -> Outcome | None:
    """Take a text that begins with a code as the answer to `Which one?`, when it says nothing else, and no thanks."""
    if not turn.knowledge.yes_no(member.lang)["thanks"].isdisjoint(parse.bare(text).split()):
        return None
    return _taken(turn, member, text, {"hold": _hold})


def answer_in_words(turn: Turn, member: Member, text: str) -> Outcome | None:
    """The same for questions that any words answer: they come after the commands."""
    return _taken(turn, member, text, _TAKERS_OF_WORDS)


def _taken(turn: Turn, member: Member, text: str, takers: Mapping[str, Taker], request: str = "") -> Outcome | None:
    for prompt in reversed(turn.find(Prompt, "member", member.id)):
        taker = takers.get(prompt.kind) if not request or prompt.request == request else None
        if taker is None or prompt.expires <= turn.now:
            continue
        if outcome := taker(turn, member, prompt, text):
            return outcome
        if prompt.kind in LISTS and replies.digit(turn, member, text) is not None:
            return None  # a digit means what its sender was shown last, and no choice of an older list
    return None


LISTS: tuple[PromptKind, ...] = ("hold", "contact", "sure", "which")
"""Questions that show what each digit is."""


def expire(turn: Turn, prompt: Prompt) -> None:
    """Nobody answered in time: the sender of a kept text is told that it was not sent, with its first words."""
    members.let_go(turn, prompt, "dropped")
    if prompt.kind == "which":  # its list was the last that they saw: a digit from now on is asked back
        for older in _holds(turn, prompt.member):
            turn.save(replace(older, target=OVERTAKEN))
    elif prompt.kind == "report":  # what they write from now on could reach the one whom it is about
        turn.say(turn.need(Member, prompt.member), "report.expired")
    elif prompt.kind in ("hold", "contact", "consent"):  # the others were told that there is nothing to do
        member = turn.need(Member, prompt.member)
        if prompt.kind == "hold" and parse.is_kind(prompt.text, turn.knowledge.yes_no(member.lang)):
            return  # a word of thanks is no loss to be told of
        over = prompt.kind == "hold" and not any(screen.still_open(turn, c.target) for c in prompt.choices)
        code = prompt.choices[0].label.partition(" ")[0] if over else ""
        one = prompt.kind == "hold" and len(prompt.choices) == 1
        text_id = "hold.over" if over else "hold.expired_one" if one else f"{prompt.kind}.expired"
        turn.say(member, text_id, quote=short(prompt.text, 40), code=code)


def _hold(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    lists, said = turn.knowledge.yes_no(member.lang), replies.kept_words(turn, member, text)
    if (meant := _addressed(prompt, text, lists)) and screen.still_open(turn, meant[0].target):
        return threads.deliver(turn, member, meant[0].target, meant[1])
    chosen = replies.digit(turn, member, text)
    if chosen is None and said in lists["drop"]:
        chosen = "0"
    if chosen is None and parse.bare(text).partition(" ")[0] in lists["thanks"] - lists["yes"] - lists["nay"]:
        return None  # `thanks ben`, `thanks to you both` are texts of their own, `ben, thanks` is an answer
    chosen = chosen or _named(prompt, text, lists["choice"])
    if chosen is None and said in lists["ask_anew"]:
        chosen = next((choice.digit for choice in prompt.choices if choice.target == "new"), None)
    if chosen is None and said in lists["yes"] and len(prompt.choices) == 1:
        chosen = prompt.choices[0].digit
    if chosen is None and not _only_choices(turn, member, prompt, text):
        return None
    if prompt.target == OVERTAKEN:
        _ask_again(turn, member, prompt)
        return Outcome("clarified", "another list was shown since")
    if chosen == "0":
        return _next_hold(turn, member, _dropped(turn, member, prompt))
    if not any(screen.still_open(turn, choice.target) for choice in prompt.choices):
        members.let_go(turn, prompt, "dropped")
        turn.say(member, "hold.too_late")
        return _next_hold(turn, member, Outcome("answer", "hold"))
    if chosen is None and (several := _several(turn, member, prompt, text)) and _may_go_to_all(turn, prompt, several):
        members.end_prompt(turn, prompt)
        return _next_hold(turn, member, _placed_with_all(turn, member, prompt, several))
    choice = next((c for c in prompt.choices if c.digit == chosen), None)
    if choice is None:
        turn.say(member, "hold.no_such", choices=threads.listed(prompt.choices, 90))
        return Outcome("clarified", "no such choice")
    members.end_prompt(turn, prompt)
    return _next_hold(turn, member, _placed(turn, member, prompt, choice.target, screened=False))


OVERTAKEN = "overtaken"
"""The target of a hold whose list is not the last that its writer saw."""


def _holds(turn: Turn, member: str) -> list[Prompt]:
    return [p for p in turn.find(Prompt, "member", member) if p.kind == "hold" and p.expires > turn.now]


def _next_hold(turn: Turn, member: Member, outcome: Outcome) -> Outcome:
    """One kept text is settled: an older one is asked about again, as its list is not the one that was seen last."""
    left = [prompt for prompt in _holds(turn, member.id) if prompt.text_id != turn.text_id]
    asked_now = any(p.asked == turn.now for p in turn.find(Prompt, "member", member.id) if p.kind in LISTS)
    if left and not asked_now:
        _ask_again(turn, member, left[-1])
    elif left:
        turn.save(replace(left[-1], target=OVERTAKEN))
    return outcome


def _ask_again(turn: Turn, member: Member, prompt: Prompt) -> None:
    """The same question with the places as they are now."""
    choices = prompt.choices
    if not any(choice.target.startswith(("new", "late")) for choice in choices):
        choices = threads.choices_of(turn, threads.places(turn, member)) or choices
    turn.save(replace(prompt, asked=turn.now, target="", choices=choices))
    turn.say(member, "hold.next", quote=short(prompt.text, 40), choices=threads.listed(choices, 60))


def _named(prompt: Prompt, text: str, small: Collection[str]) -> str | None:
    """The digit of the one choice that a text names as it was shown: `B`, `to B`, `for K43`, `Ben`, `K43 A (Ben)`."""
    said = parse.bare(text).split()
    words = [word for word in said if word not in small] or said
    found = [choice.digit for choice in prompt.choices if _names(choice, words)]
    return found[0] if len(found) == 1 else None


def _names(choice: Choice, words: Sequence[str]) -> bool:
    """Whether words are the code or the letter of a choice, what stands behind them, or all of it."""
    keys, label = _shown(choice)
    others = [word for word in words if word.upper() not in keys]
    return bool(words) and (not others or others == label)


def _shown(choice: Choice) -> tuple[list[str], list[str]]:
    """The code and letter of a choice, and the words behind them."""
    key, _, label = choice.label.partition(" (")
    return key.upper().split(), parse.bare(label).split()


def _addressed(prompt: Prompt, text: str, lists: parse.Lists) -> tuple[Choice, str] | None:
    """`B: thanks`, `to Ben: thanks`: that mentor's as it stands; the other text stays kept. `B: please` is none."""
    head, colon, rest = text.partition(":")
    only_small = all(word in lists["choice"] for word in parse.bare(rest).split())
    if not colon or (only_small and not parse.is_kind(rest, lists)):
        return None
    named = _named(prompt, head, lists["choice"])
    choice = next((c for c in prompt.choices if c.digit == named and c.target.startswith("mentee:")), None)
    return (choice, rest.strip()) if choice and rest.strip() else None


def _only_choices(turn: Turn, member: Member, prompt: Prompt, text: str) -> bool:
    """`both`, `1 or 2`, `yes`: an answer to `Which one?`, also one that does not tell which, and no text of its own."""
    lists, numbers = turn.knowledge.yes_no(member.lang), turn.knowledge.numbers(member.lang)
    if replies.kept_words(turn, member, text) in lists["yes"] | lists["off"]:
        return True
    if ":" in text:  # `both of you: thanks`
        return False
    if _several(turn, member, prompt, text):
        return True
    telling = {*lists["all"], *lists["joins"], *numbers, *numbers.values()}
    for choice in prompt.choices:
        keys, label = _shown(choice)
        telling |= {key.lower() for key in keys}
        telling |= set(label) if choice.target.startswith("mentee:") else set()
    said = set(parse.bare(text).split())
    return not said.isdisjoint(telling) and said <= telling | lists["choice"]


def _several(turn: Turn, member: Member, prompt: Prompt, text: str) -> list[Choice]:
    """The choices of `both`, `1 and 2`, `A and C`; none where it is not told which: `1 or 2`, `both` of three."""
    lists, numbers = turn.knowledge.yes_no(member.lang), turn.knowledge.numbers(member.lang)
    said = parse.bare(text).split()
    if not lists["either"].isdisjoint(said):
        return []
    phrases = {word for words in lists["all_of_them"] if words in " ".join(said) for word in words.split()}
    every = (lists["all"] | phrases).intersection(said)
    if every:
        two_of_more = len(prompt.choices) > 2 and not lists["both"].isdisjoint(said)
        only = set(said) <= every | lists["joins"] | lists["choice"]
        return list(prompt.choices) if only and not two_of_more else []
    found: dict[str, Choice] = {}
    for word in said:
        named = [c for c in prompt.choices if numbers.get(word, word) == c.digit or word.upper() in _shown(c)[0]]
        if len(named) == 1:
            found[named[0].digit] = named[0]
        elif not named and word not in lists["joins"] | lists["choice"]:
            return []
    return list(found.values()) if len(found) > 1 else []


def _may_go_to_all(turn: Turn, prompt: Prompt, wanted: Sequence[Choice]) -> bool:
    """Whether a kept text can go to several places as it stands: each is a conversation or a question that is open,
    and nothing in it has to be asked about first."""
    open_now = all(
        c.target != "new" and screen.still_open(turn, c.target) and not threads.moved(turn, c.target) for c in wanted
    )
    return open_now and not turn.knowledge.contacts.find(prompt.text)


def _placed_with_all(turn: Turn, member: Member, prompt: Prompt, wanted: Sequence[Choice]) -> Outcome:
    turn.note("text.placed", text=prompt.text_id, member=member.id, where="several")
    placed = [threads.deliver(turn, member, choice.target, prompt.text) for choice in wanted]
    return Outcome("answer", prompt.kind, placed[0].request)


def _contact(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    chosen = replies.digit(turn, member, text)
    said, lists = replies.kept_words(turn, member, text), turn.knowledge.yes_no(member.lang)
    chosen = "1" if said in lists["send_without"] else "2" if said in lists["drop"] else chosen
    if chosen == "1":
        members.end_prompt(turn, prompt)
        return _placed(turn, member, prompt, prompt.target, screened=True)
    if chosen in ("2", "0"):
        return _dropped(turn, member, prompt)
    if {said, parse.bare(text)}.isdisjoint(lists["yes"] | lists["ok"]) and not parse.is_for_us(text, lists):
        return None
    # Which of the two is not told, and an older question of ours must not get it.
    turn.say(member, "screen.choose")
    return Outcome("clarified", "no such choice")


def _sure(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    """Whether a text that was hardly a view is one after all."""
    lists = turn.knowledge.yes_no(member.lang)
    said = replies.kept_words(turn, member, text)
    chosen = replies.digit(turn, member, text)
    if chosen == "1" or said in lists["send_without"] or (said in lists["yes"] and said not in lists["no_view"]):
        members.end_prompt(turn, prompt)
        return _placed(turn, member, prompt, prompt.target, screened=False)
    return _dropped(turn, member, prompt) if chosen == "0" or said in lists["drop"] | lists["nay"] else None


def _news(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    """TELL brings the news to those who answered, ASK makes a question of it; anything else is none of the two."""
    lists, request = turn.knowledge.yes_no(member.lang), turn.need(Request, prompt.request)
    said = {parse.bare(text), replies.kept_words(turn, member, text)}
    readers = news.readers(turn, request)
    if said & (lists["drop"] | lists["nay"]):
        members.let_go(turn, prompt, "dropped")
        return Outcome("answer", "news", request.id)
    agrees = bool(said & (lists["yes"] - lists["thanks"]))
    if said & lists["ask_anew"] or (agrees and not readers):
        members.end_prompt(turn, prompt)
        return _placed(turn, member, prompt, "new", screened=False)
    if said & lists["tell"] and readers:
        news.tell(turn, member, request, readers, prompt)
        return Outcome("answer", "news", request.id)
    word, _, more = text.strip().partition(" ")
    if readers and word.isupper() and parse.bare(word) in lists["tell"] and parse.bare(more):
        return news.tell_more(turn, member, request, readers, prompt, more)
    if not agrees and parse.is_kind(text, lists):
        news.end_thought(turn, prompt)
        return Outcome("ignored", "thanks")
    if not agrees and not said & (lists["tell"] | lists["send_without"]):
        return None
    news.ask(turn, member, request)
    return Outcome("clarified", "no such choice", request.id)


def _placed(turn: Turn, member: Member, prompt: Prompt, target: str, *, screened: bool) -> Outcome:
    """Send the kept text on. The digit is the answer; where the text went is a fact of its own.

    More of a question, which has its first answers meanwhile, goes on with who gave them; of several one is chosen.
    """
    found = threads.moved(turn, target)
    target = found[0].target if found else target
    turn.note("text.placed", text=prompt.text_id, member=member.id, where=target.partition(":")[0])
    if len(found) > 1:
        threads.hold(turn, member, found, prompt.text)
        return Outcome("answer", prompt.kind, found[0].request.id)
    if screen.still_open(turn, target):
        placed = threads.deliver(turn, member, target, prompt.text, screened=screened)
        return Outcome("answer", prompt.kind, placed.request)
    turn.say(member, "hold.too_late")
    return Outcome("answer", prompt.kind)


def _dropped(turn: Turn, member: Member, prompt: Prompt) -> Outcome:
    members.let_go(turn, prompt, "dropped")
    turn.say(member, "hold.dropped")
    return Outcome("answer", prompt.kind)


def _late(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    lists = turn.knowledge.yes_no(member.lang)
    wanted = not {parse.bare(text), replies.kept_words(turn, member, text)}.isdisjoint(lists["yes"] - lists["thanks"])
    if not wanted and replies.kept_words(turn, member, text) in lists["skip"] | lists["nay"]:
        # Words that somebody who has written since could be meant by are none to us.
        places = (turn.get(Thread, place.target.partition(":")[2]) for place in threads.places(turn, member))
        if any(thread is not None and thread.last > prompt.asked for thread in places):
            return None
        for waiting in requests.late_views(turn, member.id, prompt.request):
            turn.save(replace(waiting, kind="declined"))
        turn.say(member, "late.declined")
        return Outcome("answer", "late", prompt.request)
    if not wanted and replies.called(turn, member, text) != "more":
        return None
    return show_late(turn, member, turn.need(Request, prompt.request))


def _declined(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    """MORE after all."""
    if replies.called(turn, member, text) != "more":
        return None
    return show_late(turn, member, turn.need(Request, prompt.request))


def show_late(turn: Turn, member: Member, request: Request) -> Outcome | None:
    """MORE: the late view of a question that waits for its mentee's word; of several the one that came first."""
    waiting = requests.late_views(turn, member.id, request.id)
    if not waiting:
        return None
    members.end_prompt(turn, waiting[0])
    panel.show_late(turn, member, turn.need(Offer, waiting[0].target))
    if len(waiting) > 1 and waiting[1].kind == "late":
        turn.say(member, "late.another", code=request.code, request=request.id)
    return Outcome("command", "MORE", request.id)


def _hard(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    """SHOW, BLOCK or REPORT for a text that the filter holds back."""
    shows = replies.kept_words(turn, member, text) in turn.knowledge.yes_no(member.lang)["show"]
    wanted = "show" if shows else replies.called(turn, member, text)
    if wanted not in ("show", "block", "report"):
        return None
    if wanted == "show":
        prompt = screen.hard_ones(turn, member, prompt.target)[0]  # of several the one that came first
    members.let_go(turn, prompt, "shown" if wanted == "show" else "dropped")
    request = turn.need(Request, prompt.request)
    writer = screen.who_wrote(turn, prompt.target, request)
    if wanted == "show":
        # Nothing waits for an answer any more, but BLOCK and REPORT alone go on to mean who wrote this.
        turn.save(replace(prompt, kind="shown", text=""))
        turn.say(member, "screen.shown", code=request.code, quote=prompt.text, request=request.id, writer=writer)
        _keep_going(turn, prompt, request)
        if screen.hard_ones(turn, member, prompt.target):
            turn.say(member, "screen.hard", code=request.code, request=request.id)
    elif wanted == "block":
        apart.part(turn, member.id, writer, "BLOCK")
        turn.say(member, "block.done")
    else:
        letter = next((a.letter for a in request.answers if a.mentor == writer), "")
        screen.report(turn, member, request, letter, prompt.text_id)
    return Outcome("command", wanted.upper(), request.id)


def _keep_going(turn: Turn, prompt: Prompt, request: Request) -> None:
    """A shown text counts as said: the thread waits for its answer."""
    kind, _, id = prompt.target.partition(":")
    if kind == "mentee" and (thread := turn.get(Thread, id)) is not None and not thread.closed:
        turn.save(replace(thread, last=turn.now, awaiting=prompt.text))


def _report(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    """The one question of REPORT: what happened? Whatever is no command goes to the operators, unless it takes REPORT
    back."""
    members.end_prompt(turn, prompt)
    if replies.kept_words(turn, member, text) in turn.knowledge.yes_no(member.lang)["drop"] or parse.bare(text) == "0":
        turn.say(member, "report.dropped")
        return Outcome("answer", "report", prompt.request)
    return screen.file_report(turn, member, prompt.request, prompt.target, text)


def _consent(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    """OK: the kept question goes on its way, and the consent is dated."""
    lists = turn.knowledge.yes_no(member.lang)
    said = {
        parse.bare(text),
        replies.kept_words(turn, member, text),
        parse.kept_words(text, lists["polite"] - lists["ok"]),
        replies.after_yes(replies.kept_words(turn, member, text), lists),
    }
    if said & (lists["drop"] | lists["skip"] | lists["off"]):
        return _dropped(turn, member, prompt)
    if not said & (lists["ok"] | lists["yes"]):
        return None
    members.end_prompt(turn, prompt)
    turn.note("text.placed", text=prompt.text_id, member=member.id, where="new")
    turn.save(replace(turn.need(Member, member.id), consented=turn.now, consent_how="replied OK"))
    turn.note("member.consented", member=member.id, how="OK")
    return threads.deliver(turn, turn.need(Member, member.id), "new", prompt.text)


def _practice_passed(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    return _practice(turn, member, prompt, text) if replies.called(turn, member, text) == "pass" else None


def _practice(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    """Any words answer the practice question. When a real one has come meanwhile, nobody knows which they are for."""
    places = threads.places(turn, member)
    if places and replies.called(turn, member, text) == "pass":
        return None
    members.end_prompt(turn, prompt)
    if places:
        return threads.hold(turn, member, places, text)
    turn.say(member, "practice.done")
    return Outcome("answer", "practice")


def _sprint(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    """The week's progress: free words, when they cannot be meant for an open thread and are no command."""
    sprint = turn.get(Sprint, prompt.target)
    if sprint is None or sprint.ended is not None or replies.called(turn, member, text) is not None:
        return None
    if parse.thin(text, turn.knowledge.yes_no(member.lang)) or threads.places(turn, member):
        return None
    members.end_prompt(turn, prompt)
    return sprints.check_in(turn, member, sprint, text)


MOST_NAMED = 4
"""So many are named in one text; another one can be named all the same."""
WHICH_MINUTES = 15
"""Nothing is kept meanwhile, and a digit that comes later is rather said to somebody who asked for a number."""


def ask_which(turn: Turn, member: Member, command: str, candidates: Sequence[Request]) -> None:
    """Ask which of their open questions a command is for, `done` or `more`."""
    settle_which(turn, member)
    choices = tuple(
        Choice(str(number), request.id, f"{request.code} ({requests.label(request)})")
        for number, request in enumerate(candidates, start=1)
    )
    until = turn.now + timedelta(minutes=WHICH_MINUTES)
    asked = turn.save(
        Prompt(turn.new_id("p"), member.id, "which", turn.now, until, choices=choices, target=command),
    )
    turn.remind("prompt.expire", asked.id, until)
    turn.say(member, "which.question", choices=threads.listed(choices, 120))


def ask_whom(turn: Turn, member: Member, others: Mapping[str, str]) -> None:
    """Ask whom BLOCK is for: each by how they are shown, `K43 B (Ben)`, with their member id."""
    _settle(turn, member, "whom")
    choices = tuple(Choice(str(number), id, shown) for number, (shown, id) in enumerate(others.items(), start=1))
    until = turn.now + timedelta(minutes=WHICH_MINUTES)
    asked = turn.save(
        Prompt(turn.new_id("p"), member.id, "whom", turn.now, until, choices=choices, target="block"),
    )
    turn.remind("prompt.expire", asked.id, until)
    turn.say(member, "block.which", names=", ".join([*others][:MOST_NAMED]))


def _whom(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    """The code, the letter or the name of the one whom BLOCK is for."""
    lists = turn.knowledge.yes_no(member.lang)
    chosen = _named(prompt, text, lists["choice"])
    if chosen is None and replies.kept_words(turn, member, text) not in lists["drop"] | lists["nay"]:
        return None
    members.end_prompt(turn, prompt)
    if chosen is None:
        turn.say(member, "which.none")
        return Outcome("answer", "whom")
    apart.part(turn, member.id, next(c.target for c in prompt.choices if c.digit == chosen), "BLOCK")
    turn.say(member, "block.done")
    return Outcome("command", "BLOCK")


def settle_which(turn: Turn, member: Member) -> None:
    """Which question was meant is known by now: a digit that comes later must not reach the other one."""
    _settle(turn, member, "which")


def _settle(turn: Turn, member: Member, kind: PromptKind) -> None:
    for prompt in turn.find(Prompt, "member", member.id):
        if prompt.kind == kind:
            members.end_prompt(turn, prompt)


def _which(turn: Turn, member: Member, prompt: Prompt, text: str) -> Outcome | None:
    """A digit, a code, a few words of its label, or `both`; `never mind` leaves all as it is."""
    lists = turn.knowledge.yes_no(member.lang)
    chosen = replies.digit(turn, member, text) or _named(prompt, text, lists["choice"])
    if chosen == "0" or replies.kept_words(turn, member, text) in lists["drop"]:
        members.end_prompt(turn, prompt)
        turn.say(member, "which.none")
        return Outcome("answer", "which")
    one = [c for c in prompt.choices if c.digit == chosen]
    wanted = one or _several(turn, member, prompt, text)
    live = [r for c in wanted if (r := turn.need(Request, c.target)).status != "closed"]
    if not live:
        return None
    members.end_prompt(turn, prompt)
    for request in live:
        if prompt.target == "done":
            requests.done(turn, request)
        else:
            panel.more_views(turn, member, request)
    return Outcome("command", prompt.target.upper(), live[0].id)


_TAKERS: Mapping[str, Taker] = {
    "hold": _hold,
    "contact": _contact,
    "sure": _sure,
    "rating": feedback.rating,
    "rated": feedback.corrected,
    "checkin": feedback.checkin,
    "late": _late,
    "declined": _declined,
    "hard": _hard,
    "consent": _consent,
    "practice": _practice_passed,
    "which": _which,
    "whom": _whom,
    "news": _news,
}
"""FORGET ME is a command of its own: nothing else answers that question."""
_TAKERS_OF_WORDS: Mapping[str, Taker] = {
    "report": _report,
    "practice": _practice,
    "sprint": _sprint,
    "checkin": feedback.checkin_in_words,
}
