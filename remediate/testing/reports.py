"""The contract that every report format passes, ours and anyone's.

Subclass `ReportFormatContract` in a test module, give it the format and samples of what its scanner
really wrote, and pytest runs the rest::

    class TestAcmeScanner(ReportFormatContract):
        make = AcmeScanner
        samples = (document("samples/acme.json"),)
        foreign = (document("samples/gitleaks.json"),)
        needed = ("secret", "file")

It needs nothing but pytest to find it; the checks are the same on every run.
"""

# ruff: noqa: D102, S311
# The tests' names say what they hold; noise has to be the same on every run.

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from remediate.errors import ReportError
from remediate.model import Finding
from remediate.plugins.report import Document, ReportFormat
from remediate.reports.canonical import canonical
from remediate.reports.places import repository_path

_CUTS = 200
_SEED = 20261124


def document(path: Path | str) -> Document:
    """A sample file as a document."""
    return Document(str(path), Path(path).read_bytes())


class ReportFormatContract:
    """What `ReportFormat` promises, as tests. Not collected itself: its name is no test's."""

    make: ClassVar[Callable[[], ReportFormat]]
    """Makes the format: its class."""
    samples: ClassVar[Sequence[Document]]
    """What its scanner wrote; at least one with findings."""
    foreign: ClassVar[Sequence[Document]] = ()
    """What other scanners wrote."""
    needed: ClassVar[Sequence[str]] = ()
    """For JSON formats: the fields of an entry without which it can't be read."""

    def test_it_has_a_name_and_a_title(self) -> None:
        format_ = type(self).make()
        _hold(format_.name == format_.name.lower().strip() != "", "a name in lower case")
        _hold(bool(format_.title.strip()), "a title for people")

    def test_it_recognises_its_samples(self) -> None:
        format_ = type(self).make()
        for sample in self.samples:
            _hold(format_.recognises(sample), f"{sample.name} is recognised")
            renamed = Document("-", sample.data)
            _hold(
                format_.recognises(renamed), f"{sample.name} is recognised by content, not by name"
            )

    def test_it_leaves_other_reports_to_others(self) -> None:
        format_ = type(self).make()
        for sample in self.foreign:
            _hold(not format_.recognises(sample), f"{sample.name} is not taken for its own")

    def test_recognising_never_raises_whatever_the_bytes(self) -> None:
        format_ = type(self).make()
        for noise in _noise(self.samples):
            format_.recognises(noise)

    def test_it_does_not_recognise_what_holds_nothing(self) -> None:
        format_ = type(self).make()
        for data in (b"", b"\n", b"  \r\n", b"\xef\xbb\xbf", b"\0", b"\xff\xfe"):
            _hold(not format_.recognises(Document("-", data)), f"{data!r} is nobody's")

    def test_its_findings_are_whole(self) -> None:
        format_ = type(self).make()
        for sample in self.samples:
            findings = format_.read(sample)
            for finding in findings:
                _well_formed(finding)
            _hold(findings == format_.read(sample), "reading again gives the same")
        _hold(any(format_.read(s) for s in self.samples), "one sample has findings")

    def test_findings_do_not_show_their_values(self) -> None:
        format_ = type(self).make()
        for sample in self.samples:
            for finding in format_.read(sample):
                if finding.value is not None:
                    _hold(finding.value.reveal_text() not in repr(finding), "no value in a repr")

    def test_a_report_cut_off_is_read_or_refused(self) -> None:
        format_ = type(self).make()
        for sample in self.samples:
            whole = len(format_.read(sample))
            for cut in _cuts(sample):
                findings = _read_or_refused(format_, cut, _values(format_, sample))
                _hold(findings is None or len(findings) <= whole, "nothing is made up")

    def test_a_report_of_noise_is_read_or_refused(self) -> None:
        format_ = type(self).make()
        for noise in _noise(self.samples):
            _read_or_refused(format_, noise, ())

    def test_a_needed_field_that_is_missing_renamed_or_null_is_refused(self) -> None:
        format_ = type(self).make()
        for sample in self.samples:
            for damaged, how in _damaged(sample, self.needed):
                refused = _read_or_refused(format_, damaged, _values(format_, sample)) is None
                _hold(refused, f"{sample.name} with {how} is refused")


def _hold(condition: bool, what: str) -> None:
    """An assertion that python -O does not drop."""
    if not condition:
        raise AssertionError(what)


def _read_or_refused(
    format_: ReportFormat, document: Document, values: Sequence[str]
) -> Sequence[Finding] | None:
    """The findings; None where it was refused as it should be: file and line, and no value told."""
    try:
        return format_.read(document)
    except ReportError as error:
        _hold(bool(error.file and error.expected), "an error names the file and what was expected")
        told = f"{error.message} {error.hint}"
        _hold(not any(value in told for value in values), "an error holds no value")
        _hold(error.__context__ is None, "an error keeps no exception that holds the report")
        if document.data.strip() and _is_text(document.data):
            _hold(error.line is not None and error.line >= 1, "an error names the line")
        return None


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


def _well_formed(finding: Finding) -> None:
    place = finding.location
    if finding.value is not None:
        _hold(
            bool(canonical(finding.value.reveal())), "a value is not empty; a missing one is None"
        )
    if place.path is not None:
        _hold(repository_path(place.path) == place.path, "a path stays within the repository")
    if place.start_line is not None:
        _hold(place.start_line >= 1, "lines count from 1")
        _hold(
            (place.end_line or place.start_line) >= place.start_line, "an end is not before a start"
        )
    _hold(place.url is None or place.path is None, "a place is in git or is not")
    _hold(finding.rule.isprintable() and finding.source.isprintable(), "names can be shown")


def _values(format_: ReportFormat, sample: Document) -> list[str]:
    values = (finding.value for finding in format_.read(sample))
    return [value.reveal_text() for value in values if value is not None]


def _cuts(sample: Document) -> Iterator[Document]:
    """The sample ended early, at every place of a short one and at many of a long one."""
    size = len(sample.data)
    places = (
        range(size) if size <= _CUTS else sorted(random.Random(_SEED).sample(range(size), _CUTS))
    )
    for place in places:
        yield Document(sample.name, sample.data[:place])


def _noise(samples: Sequence[Document]) -> Iterator[Document]:
    """Random bytes, random text that opens like a report, and samples with bytes overwritten."""
    chance = random.Random(_SEED)
    for length in (0, 1, 2, 3, 7, 64, 1000):
        for opening in (b"", b"[", b"{", b"[{", b'[{"', b"<", b"\xff\xfe", b"\xef\xbb\xbf", b"#"):
            yield Document("noise", opening + chance.randbytes(length))
            letters = bytes(chance.choice(b'[]{},:" \n\\u0aE-') for _ in range(length))
            yield Document("noise", opening + letters)
    yield Document("deep", b"[" * 100_000)
    yield Document("deep", b'[{"a":' * 100_000)
    yield Document("deep", b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    for sample in samples:
        for _ in range(40):
            data = bytearray(sample.data)
            for _ in range(chance.randint(1, 8)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            yield Document("noise", bytes(data))


def _damaged(sample: Document, needed: Sequence[str]) -> Iterator[tuple[Document, str]]:
    """The sample with each needed field of each entry taken out, renamed, made null or a list."""
    if not needed:
        return
    whole = json.loads(sample.data)
    for name in needed:
        for which, count in _entries_with(whole, name):
            for how, change in _CHANGES.items():
                entries = json.loads(sample.data)
                target = entries[which] if count else entries
                value = target.pop(name)
                target.update(change(name, value))
                data = json.dumps(entries, indent=1).encode()
                yield Document(sample.name, data), f"field {name} {how}"


def _entries_with(whole: Any, name: str) -> Iterator[tuple[int, int]]:
    entries = whole if isinstance(whole, list) else [whole]
    for index, entry in enumerate(entries):
        if isinstance(entry, dict) and name in entry:
            yield index, len(whole) if isinstance(whole, list) else 0


_CHANGES: Mapping[str, Callable[[str, Any], dict[str, Any]]] = {
    "missing": lambda _name, _value: {},
    "renamed": lambda name, value: {f"{name}_": value},
    "null": lambda name, _value: {name: None},
    "a list": lambda name, value: {name: [value]},
    "an object": lambda name, value: {name: {name: value}},
    "true": lambda name, _value: {name: True},
}
