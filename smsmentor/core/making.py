"""How a record is changed: records are msgspec's structs, which are made, compared, written and read in C."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # By its name a type checker looks at each field that is changed.
    from dataclasses import replace as replace
else:
    from msgspec.structs import replace as replace
