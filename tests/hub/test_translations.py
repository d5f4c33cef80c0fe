"""Compiled translations are committed, as a fresh machine has no gettext: they must match their source."""

from __future__ import annotations

from pathlib import Path

import polib

LOCALE = Path(__file__).resolve().parents[2] / "locale"


def test_every_compiled_catalogue_says_what_its_source_says() -> None:
    sources = sorted(LOCALE.glob("*/LC_MESSAGES/*.po"))
    assert sources
    for source in sources:
        wanted = {
            (entry.msgctxt, entry.msgid): (entry.msgstr, entry.msgstr_plural)
            for entry in polib.pofile(str(source)).translated_entries()
        }
        compiled = {
            (entry.msgctxt, entry.msgid): (entry.msgstr, entry.msgstr_plural)
            for entry in polib.mofile(str(source.with_suffix(".mo")))
        }
        assert compiled == wanted, f"{source} was changed: run `make messages` and commit the result"
