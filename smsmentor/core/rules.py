"""The numbers of the product: every default is a setting that an operator may change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """Each field is a setting: `SMSMENTOR_PLACES=2`, `places = 2` in the TOML file, or `play --set places=2`."""

    name: str = "Peer Line"
    """What the service calls itself in texts."""
    team_contact: str = ""
    """Where people get human help, shown by HELP: a phone number, an address or a page."""
    zone: str = "America/New_York"
    """The service's own zone, for members whose number names none."""
    lang: str = "en"
    country: str = "US"
    consent_first: bool = False
    """Ask a new mentee to reply OK before the question is sent."""

    gather_seconds: int = 30
    gather_longest_seconds: int = 120
    places: int = 3
    further_views: int = 2
    """How many times MORE may add a place."""
    outside_hold_minutes: int = 45
    """How long a place is kept for the view from outside."""
    open_requests: int = 2
    questions_a_day: int = 5
    """New questions of one person, each of which asks several mentors. One that nobody was asked, or that waited for
    `silence_hours` without an answer, does not count. 0 is no limit."""
    drafts: int = 3
    """Questions of one person that are kept until there is room for them."""
    question_longest: int = 3600
    """Characters of a question with all that is added to it: every mentor who is asked gets them."""
    question_parts: int = 10
    """Texts that are added to a question once mentors have it."""
    expiry_hours: int = 24
    notes_after_minutes: tuple[int, ...] = (10, 45)
    """When a mentee who waits is told so, at most."""
    hold_minutes: int = 120
    code_kept_days: int = 7
    checkin_days: int = 7
    rating_hours: int = 48
    sprint_weeks: int = 3
    sprint_answer_days: int = 5
    late_hours: int = 48
    words_kept_days: int = 30
    """So long after a question closed its words and the numbers on its texts are kept; counts and outcomes stay."""

    quiet_from: str = "21:00"
    quiet_until: str = "08:00"
    awake_minutes: int = 30
    """So long after a text of their own somebody is awake in their night: replies of people still go out."""

    patience_minutes: float = 1.0
    """G of the doubling patience: the wait before a further ask when only the panel's own asks are in flight."""
    patience_growth: float = 2.0
    patience_longest_minutes: float = 60.0
    patience_half_life_hours: float = 1.0
    patience_after_answer: float = 16.0
    """How much longer the waits are once the mentee has a first answer: the other places may take their time."""
    spare_hours: float = 2.0
    """So long must somebody have been free whom a request asks that has asked for all its places already."""
    spare_hours_after_answer: float = 36.0
    """And so much longer for a request that has an answer."""
    same_pair_days: float = 14.0
    """So long somebody else is asked first before a mentor gets another question of the same mentee."""
    offers_a_day: int = 2
    offers_a_week: int = 5
    open_limit: int = 1
    cooldown_hours: float = 4.0
    silence_hours: float = 4.0
    silent_offers_pause: int = 3
    thread_rest_hours: float = 4.0
    """After this long without a text a thread no longer counts as open for the mentor's OPEN limit."""
    retry_minutes: float = 15.0
    """How soon a waiting request looks again for someone who may be asked."""

    same_text_seconds: int = 4
    automatic_in_a_row: int = 5
    texts_an_hour: int = 60
    """More from one phone than this are dropped."""
    team_texts_an_hour: int = 5
    """So many texts of one phone to the team (REPORT, ASK TEAM, what the filter refused) are told to operators singly;
    what comes beyond them is told together. 0 is no limit."""
    team_texts_an_hour_of_all: int = 30
    """The same for all phones."""
    team_together_minutes: int = 30
    """How long such texts are gathered."""
    crisis_page_minutes: int = 5
    crisis_text_minutes: int = 60
    late_after_minutes: int = 10
    """A timer that fires later than this after its moment was held up by downtime: no courtesies then."""

    send_tries: int = 6
    """A text that the carrier does not take now is tried at least so often, and at least so long:"""
    try_hours: float = 48.0
    unreached_days: float = 3.0
    """A phone that no text has reached for so long, and that said nothing, is given up until it texts."""
    lease_seconds: int = 60
    relay_longest: int = 1200
    """Characters of one person's text that are relayed in one piece."""
    monthly_segments: int = 0
    """The budget; 0 is none."""

    filtered_alarm: int = 3
    """Operators are told when so many texts of a day, and 2 % of them, were filtered as spam; 0 is never."""
    automatic_a_minute: int = 1
    """At most so many texts that nobody asked for to one phone, from its last own text on; 0 is no limit."""
    automatic_in_15_minutes: int = 5
    automatic_an_hour: int = 11
    carrier_class: str = ""
    """The class of our registration in `data/carrier_classes.toml`, which sets `daily_segments`; empty: none."""
    daily_segments: int = 0
    """The cap of the strictest carrier of our registration; 0 is that of the class, or none."""
    daily_zone: str = "America/Los_Angeles"
    """The zone whose midnight begins the cap anew."""
    newcomers_an_hour: int = 200
    """New numbers that are let in; on simulated phones there is no limit, and none of the next two."""
    newcomers_an_hour_abroad: int = 20
    """The same for each country but the service's own."""
    countries: str = ""
    """Countries whose numbers are let in, like `US,CA`; empty: every one."""
    newcomers_in_danger_an_hour: int = 20
    """New numbers beyond these that are let in all the same, for words of danger; 0 is no limit."""
    same_texts: int = 5
    """A longer text that comes so often in a row within the hour is dropped from then on; 0 is no limit."""
    same_newcomers: int = 20
    """A longer text that so many new numbers begin with, an hour or less between them, is dropped from then on; 0 is no
    limit."""
