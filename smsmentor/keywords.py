"""Makes the keyword table of the README from the table of commands and the language files.

python -m smsmentor.keywords             print it
python -m smsmentor.keywords README.md   put it between the file's markers
"""

from __future__ import annotations

import sys
from pathlib import Path

from smsmentor import resources
from smsmentor.core.catalogue import Catalogue
from smsmentor.core.commands.table import TABLE

BEGIN, END = "<!-- keywords -->", "<!-- /keywords -->"


def table(words: Catalogue) -> str:
    """One row a command: who may give it, how it is used in the default language, its first word in the others."""
    others = [lang for lang in words.languages if lang != words.default]
    heads = ["who", "text", "what it does", *(str(words.table(lang, "names")["itself"]) for lang in others)]
    rows = [_row(heads), _row(["---"] * len(heads))]
    for name, command in TABLE.items():
        text, _, does = str(words.table(words.default, "use")[name]).partition(": ")
        rows.append(_row([command.who, f"`{text}`", does, *(f"`{words.keyword(lang, name)}`" for lang in others)]))
    return "\n".join(rows)


def put_into(text: str, rows: str) -> str:
    """The text with the table between its markers. Raises ValueError when a marker is missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the markers {BEGIN} and {END} are missing")
    return f"{before}{BEGIN}\n{rows}\n{END}{after}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def main(arguments: list[str]) -> None:
    """Print the table, or put it into the files named."""
    rows = table(Catalogue(resources.languages(resources.data_folder())))
    for name in arguments:
        path = Path(name)
        path.write_text(put_into(path.read_text(encoding="utf-8"), rows), encoding="utf-8")
    if not arguments:
        sys.stdout.write(f"{rows}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
