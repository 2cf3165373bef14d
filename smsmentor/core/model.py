"""The records: everything that the service remembers, frozen, with the indexes that a store keeps for them.

Times are aware UTC. A record never changes: `making.replace` makes the next one and `turn.save` keeps it. None is ever
part of a circle, so the garbage collector need not look at them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from msgspec import Struct


@dataclass(frozen=True, slots=True)
class Index:
    """A way to find records: those with equal `key`, in ascending `order`. A key of None leaves the record out."""

    name: str
    key: Callable[[Any], str | None]
    order: Callable[[Any], float] | None = None
    unique: bool = False


_last_moment: tuple[datetime | None, float] = (None, 0.0)


def moment(at: datetime | None) -> float:
    """A sort key for times; what has no time comes first.

    The last one is remembered: an event has one time, which stands in most of what it writes.
    """
    global _last_moment
    if at is None:
        return 0.0
    known = _last_moment
    if known[0] is not at:
        known = _last_moment = (at, at.timestamp())
    return known[1]


class Record(Struct, frozen=True, gc=False):
    """What all records share. `TABLE` names the table that people see in TinyDB and in exports."""

    TABLE: ClassVar[str] = ""
    INDEXES: ClassVar[tuple[Index, ...]] = ()

    id: str


class Window(Struct, frozen=True, gc=False):
    """A weekly window in local wall-clock time. `end <= start` crosses midnight; 1440 is midnight itself."""

    days: tuple[int, ...]
    """0 is Monday."""
    start: int
    """Minutes after local midnight."""
    end: int


MemberState = Literal["active", "opted_out", "suspended", "banned", "erased"]


class Member(Record, frozen=True):
    """Anyone known by one phone number: can be mentee, mentor and operator at once."""

    TABLE: ClassVar[str] = "members"
    INDEXES: ClassVar[tuple[Index, ...]] = (
        Index("phone", lambda m: m.phone or None, unique=True),
        Index("mentor", lambda m: "yes" if m.mentor else None),
        Index("operator", lambda m: "yes" if m.operator else None),
        Index("alias", lambda m: m.alias.casefold() if m.mentor and m.alias else None),
    )

    phone: str
    joined: datetime
    state: MemberState = "active"
    mentor: bool = False
    operator: bool = False
    alias: str = ""
    field: str = ""
    employer: str = ""
    years: int | None = None
    topics: tuple[str, ...] = ()
    skills: str = ""
    zone: str = ""
    lang: str = "en"
    lang_fixed: bool = False
    """They chose it with LANG: what they write does not change it any more."""
    consented: datetime | None = None
    consent_how: str = ""
    wants_outside: bool = True
    hours: tuple[Window, ...] = ()
    """When a mentor may be asked; empty: any time outside quiet hours."""
    offers_a_day: int | None = None
    """LIMIT; None is the service's default."""
    offers_a_week: int | None = None
    open_limit: int | None = None
    """OPEN: how many threads at once; None is the service's default."""
    paused: bool = False
    paused_until: datetime | None = None
    """None while paused: until BACK."""
    automatic: int = 0
    """Automatic answers in a row with nothing useful from this phone (the loop guard counts them)."""
    last_digest: str = ""
    last_text_at: datetime | None = None
    first_told: bool = False
    """The first receipt, with rates and the way out, has been sent."""
    hour_from: datetime | None = None
    hour_count: int = 0
    """Texts from this phone since `hour_from`, for the flood limit."""
    checkins: bool = True
    """Whether to ask a week later what became of advice. SKIP is about one question; a month that is played again asks
    nobody."""
    crisis_told: datetime | None = None
    """When the crisis contacts were last sent for words of danger."""
    crisis_case: str = ""
    """The request under which operators handle it."""
    line: str = ""
    """The one of our numbers that they texted last: they hear from it. Empty where there is no choice."""
    left: datetime | None = None
    """When they last opted out: an older START that comes late does not undo it."""
    parked: int = 0
    """While suspended: the carrier's code for why nothing can be sent there."""
    same_texts: int = 0
    """How often in a row the last text has come."""
    asked: tuple[datetime, ...] = ()
    """When they opened the questions of the last day, as it was with the newest of them."""
    chosen: tuple[str, ...] = ()
    """What they set by text themselves, by the names of the fields: the operator's list does not change it any more."""


class Load(Record, frozen=True):
    """What being asked has cost a mentor, for caps, rest and fairness. The id is the member's."""

    TABLE: ClassVar[str] = "loads"

    asked: tuple[datetime, ...] = ()
    """Moments of the offers of the last 7 days, oldest first."""
    silent: int = 0
    """Offers in a row without any reply."""
    rest_until: datetime | None = None
    passes: tuple[datetime, ...] = ()
    """PASSes of the last day."""
    answers: int = 0
    helped: int = 0
    """Mentees who said that it helped."""
    rhythm: tuple[float, ...] = ()
    """How often asked in each part of the local week, then how often that was answered (`core.rhythm`)."""
    expected: float = 0.0
    """The answers that the pool as a whole would have given to those asks."""
    debt: float = 0.0
    """What was given lately, in asks, as it stood at `debt_at` (`core.debt`)."""
    debt_at: datetime | None = None


class Standing(Record, frozen=True):
    """A mentor's place on one shelf of the pool: a topic, or `*` for all, with zone and HOURS; free longest first."""

    TABLE: ClassVar[str] = "standings"
    INDEXES: ClassVar[tuple[Index, ...]] = (
        Index("shelf", lambda s: s.shelf, lambda s: s.rank),
        Index("mentor", lambda s: s.mentor),
    )

    mentor: str
    shelf: str
    rank: float
    """From when they may be asked again by their own clock, as seconds (`pool.free_from`)."""


RequestState = Literal["draft", "clarifying", "gathering", "asking", "answered", "closed"]


class Answer(Struct, frozen=True, gc=False):
    """A filled place: the letter that the mentee sees, and their rating. What became of it is a fact."""

    letter: str
    mentor: str
    at: datetime
    outside: bool = False
    rating: int | None = None


class Request(Record, frozen=True):
    """One question and all that follows from it."""

    TABLE: ClassVar[str] = "requests"
    INDEXES: ClassVar[tuple[Index, ...]] = (
        Index("code", lambda r: r.code or None),
        Index("mentee", lambda r: r.mentee, lambda r: moment(r.opened)),
        Index("status", lambda r: r.status, lambda r: moment(r.opened)),
        Index("live", lambda r: r.mentee if r.status != "closed" else None, lambda r: moment(r.opened)),
        Index("waiting", lambda r: "yes" if r.waiting else None, lambda r: r.turn_in_line),
        Index("skilled", lambda r: "yes" if r.skills else None),
        Index("kept", lambda r: "yes" if r.closed and not r.forgotten else None, lambda r: moment(r.closed)),
    )

    code: str
    mentee: str
    question: str
    opened: datetime
    status: RequestState = "gathering"
    topics: tuple[str, ...] = ()
    """Of the operator's table."""
    skills: tuple[str, ...] = ()
    """Of the pool's own, in the words that mentors typed (`own_skills`)."""
    places: int = 3
    outside: bool = True
    """One place is kept for another field and employer, until its deadline."""
    outside_until: datetime | None = None
    answers: tuple[Answer, ...] = ()
    wave: int = 0
    asked_at: datetime | None = None
    last_part: datetime | None = None
    """When the newest piece of the question came."""
    parts: int = 0
    """How many texts were added to it once mentors had it."""
    waiting: bool = False
    """Nobody could be asked: whoever frees up goes to the oldest waiting request."""
    front: bool = False
    """A mentor who was asked has left: it goes before all others that wait."""
    avoid: tuple[str, ...] = ()
    """Mentors who are asked only when there is nobody else: those of a sprint's earlier weeks."""
    follow_up: str = ""
    """What the mentee asked a mentor who left, for the next one who can be asked."""
    told: tuple[str, ...] = ()
    """The waiting notes that were sent."""
    further: int = 0
    """How many further views MORE has asked for."""
    closed: datetime | None = None
    reason: str = ""
    """Why it closed: done, expired, withdrawn, erased."""
    flagged: str = ""
    forgotten: bool = False
    """Its time is over: all words that belong to it are gone (`core.retention`)."""

    @property
    def asked_under(self) -> tuple[str, ...]:
        """Whom it is for, the nearest first: who has the skill, who knows the topic."""
        return (*self.skills, *self.topics)

    @property
    def turn_in_line(self) -> float:
        """The order of waiting, each oldest first: a mentor left; nobody was asked yet; no answer yet; the others."""
        claim = 0 if self.front else 3 if self.answers else 2 if self.wave else 1
        return claim * 1e10 + moment(self.opened)


OfferState = Literal["sent", "answered", "passed", "lapsed", "withdrawn"]
Seat = Literal["near", "general", "outside"]
"""What an offer is for: the topic, any view, or the view from outside."""


class Offer(Record, frozen=True):
    """One mentor being asked about one request. The id is `request:mentor`, so nobody is asked twice."""

    TABLE: ClassVar[str] = "offers"
    INDEXES: ClassVar[tuple[Index, ...]] = (
        Index("request", lambda o: o.request, lambda o: moment(o.made)),
        Index("mentor", lambda o: o.mentor, lambda o: moment(o.made)),
        Index(
            "open",
            lambda o: o.mentor if o.status in ("sent", "lapsed") else None,
            lambda o: moment(o.made),
        ),
    )

    request: str
    mentor: str
    made: datetime
    status: OfferState = "sent"
    wave: int = 1
    seat: Seat = "near"
    settled: datetime | None = None
    late: str = ""
    """A late answer, kept until the mentee says whether it is wanted."""
    follow_up: str = ""
    """A mentee's follow-up that was handed to this mentor because an earlier one left."""
    silence_counted: bool = False


class Thread(Record, frozen=True):
    """The conversation of a mentee with one mentor inside a request. The id is `request:letter`."""

    TABLE: ClassVar[str] = "threads"
    INDEXES: ClassVar[tuple[Index, ...]] = (
        Index("request", lambda t: t.request, lambda t: moment(t.opened)),
        Index("open", lambda t: t.mentor if not t.closed else None, lambda t: moment(t.opened)),
    )

    request: str
    letter: str
    mentee: str
    mentor: str
    opened: datetime
    last: datetime
    """When a text last went through it."""
    awaiting: str = ""
    """What the mentee asked last and has no answer yet: it goes to another mentor when this one leaves."""
    closed: bool = False
    owes: bool = False
    """Whether a follow-up had no answer yet when it closed: one that comes late may be welcome still."""


class Code(Record, frozen=True):
    """A short name in use: the id is the code itself. Kept 7 days after its request closed, then free again."""

    TABLE: ClassVar[str] = "codes"
    INDEXES: ClassVar[tuple[Index, ...]] = (Index("length", lambda c: str(len(c.id))),)

    request: str


class Choice(Struct, frozen=True, gc=False):
    """One numbered way on in a prompt: where the kept text would go."""

    digit: str
    target: str
    """Where the kept text would go (a place's target), or a word of the prompt's kind."""
    label: str = ""


PromptKind = Literal[
    "hold",
    "contact",
    "hard",
    "shown",
    "rating",
    "rated",
    "checkin",
    "late",
    "declined",
    "report",
    "forget",
    "consent",
    "practice",
    "sprint",
    "sure",
    "which",
    "whom",
    "news",
]


class Prompt(Record, frozen=True):
    """A question that we asked a member, open until answered or expired. A hold is one of these."""

    TABLE: ClassVar[str] = "prompts"
    INDEXES: ClassVar[tuple[Index, ...]] = (
        Index("member", lambda p: p.member, lambda p: moment(p.asked)),
        Index("request", lambda p: p.request or None, lambda p: moment(p.asked)),
    )

    member: str
    kind: PromptKind
    asked: datetime
    expires: datetime
    request: str = ""
    text: str = ""
    """The text that is kept while we ask."""
    text_id: str = ""
    """The inbound text that it came from."""
    choices: tuple[Choice, ...] = ()
    target: str = ""


class Sprint(Record, frozen=True):
    """Some weeks on one skill, with a check-in a week that goes to a different mentor each time."""

    TABLE: ClassVar[str] = "sprints"
    INDEXES: ClassVar[tuple[Index, ...]] = (
        Index("member", lambda s: s.member, lambda s: moment(s.started)),
        Index("running", lambda s: s.member if s.ended is None else None, lambda s: moment(s.started)),
        Index("kept", lambda s: "yes" if s.ended and (s.skill or s.notes) else None, lambda s: moment(s.ended)),
    )

    member: str
    skill: str
    started: datetime
    topics: tuple[str, ...] = ()
    weeks: int = 3
    week: int = 0
    """The week that it is in, from 1."""
    requests: tuple[str, ...] = ()
    """The check-ins, each a request to one mentor."""
    notes: tuple[str, ...] = ()
    """The progress of each check-in in the mentee's own words."""
    ended: datetime | None = None


class Invitation(Record, frozen=True):
    """A word that lets people JOIN as mentors; the id is the word in lower case."""

    TABLE: ClassVar[str] = "invitations"

    made: datetime
    until: datetime | None = None
    left: int | None = None
    """How many may still use it; None: any number."""


class Pair(Record, frozen=True):
    """Two members and what stands between them; the id is both member ids in order, `a|b`."""

    TABLE: ClassVar[str] = "pairs"
    INDEXES: ClassVar[tuple[Index, ...]] = (
        Index("one", lambda p: p.id.partition("|")[0] if p.blocked else None),
        Index("other", lambda p: p.id.partition("|")[2] if p.blocked else None),
    )

    blocked: bool = False
    last: datetime | None = None
    """When one was last offered the other's question."""


class Text(Record, frozen=True):
    """An inbound text as it came, and the one outcome that it had. The id is the provider's."""

    TABLE: ClassVar[str] = "texts"
    INDEXES: ClassVar[tuple[Index, ...]] = (
        Index("request", lambda t: t.request or None),
        Index("aside", lambda t: None if t.of_party else t.member),
        Index("kept", lambda t: "yes" if t.body and not t.request else None, lambda t: moment(t.at)),
    )

    member: str
    body: str
    at: datetime
    outcome: str = ""
    detail: str = ""
    """The command's name, or the reason of a drop."""
    request: str = ""
    of_party: bool = False
    """Its member is a party to the request (`Turn.is_party`): FORGET finds it there, and `aside` leaves it out."""


OutState = Literal["queued", "leased", "sent", "delivered", "failed", "dropped"]


TOO_MANY = "too many at once"
"""Why a text waits that nobody asked for; a word from its phone lets it go."""
QUIET = "quiet"
"""Why a text waits for the morning; a word from its phone lets replies of people go."""


class OutText(Record, frozen=True):
    """A text to be sent, durable until the carrier has taken it; the outbox is the table of these."""

    TABLE: ClassVar[str] = "outbox"
    INDEXES: ClassVar[tuple[Index, ...]] = (
        Index("pending", lambda t: "yes" if t.pending else None, lambda t: moment(t.not_before)),
        Index("to", lambda t: t.member if t.pending else None, lambda t: moment(t.queued)),
        Index(
            "held_up",
            lambda t: t.member if t.status == "queued" and t.report in (TOO_MANY, QUIET) else None,
            lambda t: moment(t.queued),
        ),
        Index("provider_id", lambda t: t.provider_id or None),
        Index("request", lambda t: t.request or None),
        Index("aside", lambda t: t.member if t.phone and not t.of_party else None),
        Index("beside", lambda t: t.writer if t.writer and t.body and not t.request else None),
        Index("kept", lambda t: "yes" if t.phone and not t.request else None, lambda t: moment(t.queued)),
    )

    member: str
    phone: str
    body: str
    text_id: str
    """The message's name in the catalogue, such as `offer.new`."""
    segments: int
    encoding: Literal["GSM-7", "UCS-2"]
    queued: datetime
    not_before: datetime
    status: OutState = "queued"
    direct: bool = False
    """An answer to what this phone just texted, or urgent: goes out in quiet hours too."""
    attempts: int = 0
    leased_until: datetime | None = None
    unsure: bool = False
    """A try was made whose outcome nobody knows: look it up before trying again."""
    useless_after: datetime | None = None
    """Past this moment it is dropped instead of sent."""
    provider_id: str = ""
    report: str = ""
    """The carrier's newest status for it."""
    code: int = 0
    sent: datetime | None = None
    request: str = ""
    offer: str = ""
    farewell: bool = False
    """The last text to someone who is erased: its words and number go as soon as it has left."""
    sender: str = ""
    """The one of our numbers that it leaves from; empty: the gateway chooses."""
    tried: datetime | None = None
    """When the first try failed."""
    returned: int = 0
    """How often these words came back undelivered before, as rows of their own."""
    of_party: bool = False
    """As in `Text`."""
    writer: str = ""
    """The member whose words it brings; empty for those of the one who asked the question that it is about.
    FORGET finds it by the request, and where there is none by `beside`."""
    erased: bool = False
    """Who wrote the words in it was erased while it was on its way: it is not tried again, and they go with its end."""

    @property
    def pending(self) -> bool:
        return self.status in ("queued", "leased")


class Timer(Record, frozen=True):
    """Something to look at later. The id is `kind:subject`, so that setting it again moves it."""

    TABLE: ClassVar[str] = "timers"
    INDEXES: ClassVar[tuple[Index, ...]] = (
        Index("due", lambda t: "yes", lambda t: moment(t.due)),
        Index("subject", lambda t: t.subject),
    )

    kind: str
    subject: str
    due: datetime


OF_EACH_TEXT = frozenset({"text.settled", "thread.relayed"})
"""Facts that nearly each text leaves: nobody looks for them by name, and an index of them would cost each text."""


class Fact(Record, frozen=True):
    """Something that happened, in the past tense, for people, statistics and audit; never read to decide."""

    TABLE: ClassVar[str] = "facts"
    INDEXES: ClassVar[tuple[Index, ...]] = (
        Index("rare", lambda f: None if f.fact in OF_EACH_TEXT else f.fact, lambda f: moment(f.at)),
    )

    at: datetime
    fact: str
    data: dict[str, Any]
    """Ids and codes, never bodies or numbers."""


class Wave(Record, frozen=True):
    """Who was considered for a wave and why each was taken or skipped. The id is `request:number`."""

    TABLE: ClassVar[str] = "waves"
    INDEXES: ClassVar[tuple[Index, ...]] = (Index("request", lambda w: w.request, lambda w: moment(w.at)),)

    request: str
    at: datetime
    considered: tuple[Considered, ...] = ()


class Considered(Struct, frozen=True, gc=False):
    """One candidate of a wave: the member, whether taken, and a reason key of the catalogue's `why` table."""

    member: str
    taken: bool
    reason: str
    detail: str = ""


class Suppressed(Record, frozen=True):
    """A hash of a number that was erased: so that an opt-out stays honoured, else for an hour, against floods."""

    TABLE: ClassVar[str] = "suppressed"
    INDEXES: ClassVar[tuple[Index, ...]] = (Index("lately", lambda s: None if s.opted_out else "yes"),)

    at: datetime
    opted_out: bool = True
    hour_count: int = 0
    """How many texts came from it in the hour of its erasing."""
    asked: tuple[datetime, ...] = ()
    """When it had opened the questions of its last day."""
    to_team: int = 0
    """What it had brought before the team within the hour."""


class Apart(Record, frozen=True):
    """A block whose one end was erased, so that it stays when the number comes back; the id is both ends."""

    TABLE: ClassVar[str] = "apart"
    INDEXES: ClassVar[tuple[Index, ...]] = (
        Index("any", lambda _: "yes"),
        Index("number", lambda a: a.number),
        Index("other", lambda a: a.other),
    )

    number: str
    """The hash of the erased number."""
    other: str
    """The member at the other end, or the hash of their number when they were erased too."""


class Tally(Record, frozen=True):
    """Small counters and learned numbers of the whole service; the id names the counter."""

    TABLE: ClassVar[str] = "tallies"

    values: dict[str, Any]


RECORDS: tuple[type[Record], ...] = (
    Member,
    Load,
    Standing,
    Request,
    Offer,
    Thread,
    Code,
    Prompt,
    Invitation,
    Sprint,
    Pair,
    Text,
    OutText,
    Timer,
    Fact,
    Wave,
    Suppressed,
    Apart,
    Tally,
)
"""Every record class, in the order of an export."""
