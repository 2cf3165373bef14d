"""What a command is: its name, who may give it, the grammar that the rest must fit, and what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from smsmentor.core.making import replace
from smsmentor.core.model import Code, Member, Request
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand import codes
from smsmentor.core.understand.normal import plain
from smsmentor.core.understand.parse import Call

MOST_WORDS_MEANT = 3
"""Words after a keyword in capitals that are no grammar of it and still no text for others."""

Who = Literal["anyone", "mentee", "mentor", "operator"]


@dataclass(frozen=True)
class Asked:
    """A call in its situation: who gave it, and the request that a code in front of it named."""

    turn: Turn
    member: Member
    call: Call
    request: Request | None = None
    text: str = ""
    """The text as it came, without a code in front."""

    @property
    def bare(self) -> bool:
        """The whole text is the command."""
        return not self.call.rest

    @property
    def rest(self) -> str:
        """What follows the keyword, for matching: lower case, without punctuation at its ends."""
        return plain(self.call.rest).strip(" .,!:;-")


@dataclass(frozen=True)
class Command:
    """One command. `grammar` returns what `act` needs, or None when the text is not this command after all.

    It must say None to any ordinary sentence that begins with the keyword: free text is never stolen.
    """

    name: str
    """As in `text.settled` and in `[keywords]`, there in lower case."""
    who: Who
    grammar: Callable[[Asked], Any]
    act: Callable[[Asked, Any], Outcome | None]
    """An Outcome other than `command` when it only asked back."""
    personal: bool = False
    """What follows it is about its sender, and for nobody else: what does not fit is asked back, not passed on."""
    usage: str = ""
    """The text id of its line in the keyword table; by default `use.<name>`."""

    def meant(self, asked: Asked) -> bool:
        """Whether a text that does not fit the grammar was surely meant for this command all the same.

        `OPEN`, `HOURS never`, `open 99`: the keyword alone, or before a number, or in capitals before a few words that
        make no sentence.
        """
        if not asked.call.exact or "?" in asked.call.rest or (asked.call.phrase and not asked.call.rest):
            return False
        words = plain(asked.call.rest).split()
        if not words:
            return True
        if not self.personal or not asked.call.shouted or len(words) > MOST_WORDS_MEANT:
            return self.personal and len(words) == 1 and words[0].lstrip("+-").isdecimal()
        small = asked.turn.knowledge.languages.small_words - asked.turn.knowledge.yes_no(asked.member.lang)["never"]
        return small.isdisjoint(words)

    def fits(self, member: Member) -> bool:
        """Whether this member may give it."""
        if self.who == "mentor":
            return member.mentor
        return self.who != "operator" or member.operator


def alone(asked: Asked) -> bool | None:
    """The grammar of a command that takes nothing else."""
    return True if asked.bare else None


def of_request(asked: Asked) -> Request | str | None:
    """The grammar of a command about one request: alone, or with a code before or after it."""
    if asked.bare:
        return asked.request or ""
    named = codes.read(asked.call.rest.removeprefix("with ").removeprefix("con "))
    if named is None or named.rest or not named.tight or asked.request is not None:
        return None
    code = asked.turn.get(Code, named.code)
    return asked.turn.need(Request, code.request) if code else named.code


def change(asked: Asked, what: str, **fields: object) -> Member:
    """Keep what members set about themselves; `what` is told in the fact."""
    member = asked.turn.need(Member, asked.member.id)
    chosen = tuple(sorted({*member.chosen, *fields}))
    member = asked.turn.save(replace(member, chosen=chosen, **fields))  # type: ignore[arg-type]
    asked.turn.note("member.changed", member=member.id, what=what)
    return member
