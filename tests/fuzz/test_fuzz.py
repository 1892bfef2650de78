"""A few hundred mutants, the same ones every time; `make fuzz` draws as many others as you like."""

import json
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from agent.errors import GpgUnavailableError
from agent.ports import OpenedFile, SealedFile
from tests.fuzz import documents, openings
from tests.fuzz.findings import FindingError, Record
from tests.fuzz.known_session import KnownSession
from tests.fuzz.reader import read
from tests.fuzz.run import names, run_mutants
from tests.fuzz.vocabulary import Place
from tests.kit.openpgp import KeyWorld

PLACE = Place("praxis-1", "dentport", datetime.fromisoformat("2027-01-04T06:30:00Z"))


def test_no_mutant_is_opened_imported_or_left_waiting(openpgp_world: KeyWorld, tmp_path: Path) -> None:
    record = Record("every-time-the-same", tmp_path)
    run_mutants(record, names(250), openpgp_world, workers=2)
    assert record.findings == []
    # Mutants that all fail at the first look would prove nothing.
    ends = {layer: {how for one, how in record.outcomes if one == layer} for layer, _ in record.outcomes}
    assert {"damaged", "unexpected_structure"} <= ends["outer"]
    assert {"opened unchanged", "damaged", "unexpected_structure"} <= ends["inner"]
    assert {"accepted", "invalid_document"} <= ends["document"]
    assert {"imported", "refused invalid_document"} <= ends["story"]
    assert any(how.startswith("quarantined") for how in ends["story"])
    assert record.answers.total() > 0


# --- the judges find something ---------------------------------------------------------------------


class Gullible:
    """A sealer that believes everything."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def seal(self, plaintext: object, sealed: object, signer: str | None = None) -> SealedFile:
        raise AssertionError("the judges open files and seal none")

    def open(self, sealed: bytes, now: datetime) -> OpenedFile:
        return OpenedFile(self.content, "", "A" * 40, now)


class Stumbling(Gullible):
    """A sealer that blames itself for what is the file's fault."""

    def open(self, sealed: bytes, now: datetime) -> OpenedFile:
        raise GpgUnavailableError("gpg was ended by signal 6")


@pytest.mark.parametrize(
    ("sealer", "told"),
    [
        (Gullible(openings.FOREIGN), "never signed"),
        (Gullible(openings.CONTENTS[0]), "another signer"),
        (Stumbling(b""), "not refused, but GpgUnavailableError"),
    ],
)
def test_sealer_that_is_wrong_is_found_out_and_the_mutant_is_kept(
    openpgp_world: KeyWorld, tmp_path: Path, sealer: Gullible, told: str
) -> None:
    session = KnownSession(openpgp_world)
    files = openings.Originals(sealer, "B" * 40, session, (), (), (), ())
    with pytest.raises(FindingError, match=told) as found:
        openings.opened(files, b"mutant")
    record = Record("a-seed", tmp_path / "kept")
    record.note("outer/7", found.value)
    (line,) = record.findings
    assert "--seed a-seed --only outer/7" in line
    assert (tmp_path / "kept" / "outer-7.mutant").read_bytes() == b"mutant"


def test_files_made_for_the_fuzzing_are_opened_like_any_other(
    openpgp_world: KeyWorld, dentport_ring: Path
) -> None:
    files = openings.originals(openpgp_world, dentport_ring)
    for sealed in files.sealed:
        assert openings.opened(files, sealed) == "opened unchanged"
    for signed in files.signed:
        assert openings.opened(files, files.session.encrypted(signed, Random(1))) == "opened unchanged"
    stranger, *_ = files.strangers_signed
    assert openings.opened(files, files.session.encrypted(stranger, Random(1))) == "wrong_signer"


def test_unspoiled_document_is_lawful_to_both_readers() -> None:
    for number in range(50):
        content = documents.document(Random(number), PLACE, spoil=0)
        assert read(content) is not None
        assert documents.judged(content)[0] == "accepted"


def test_second_reader_finds_a_codec_that_is_too_lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    content = documents.document(Random(3), PLACE, spoil=0)
    monkeypatch.setattr(documents, "read", lambda _content: None)
    with pytest.raises(FindingError, match="unlawful"):
        documents.judged(content)


def test_second_reader_finds_a_codec_that_is_too_strict_or_reads_something_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = documents.document(Random(3), PLACE, spoil=0)
    lines = [json.loads(line) for line in content.split(b"\n")[:-2]]
    monkeypatch.setattr(documents, "read", lambda _content: lines)
    with pytest.raises(FindingError, match="lawful document is refused"):
        documents.judged(content[:-5])
    lines[0]["sequence"] += 1
    with pytest.raises(FindingError, match="not what stands there"):
        documents.judged(content)
