"""The proxy lets exactly one call go wrong, in exactly the way that was ordered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from remediate.http import Answer, Http, HttpError
from remediate.testing.proxy import FaultyLine, Trouble
from remediate_providers.loopback import Loopback, Reply, Request


@pytest.fixture
def done() -> list[str]:
    """What took effect at the vendor."""
    return []


@pytest.fixture
def line(done: list[str]) -> Iterator[FaultyLine]:
    def answer(request: Request) -> Reply:
        done.append(f"{request.path} {request.body.decode()}".strip())
        return Reply(204) if request.method == "DELETE" else Reply(200, {"number": len(done)})

    vendor = Loopback(answer, "vendor")
    with FaultyLine(vendor.url) as made:
        yield made
    vendor.close()


def ask(line: FaultyLine, path: str, method: str = "POST") -> Answer | HttpError:
    """One request, asked once."""
    try:
        return Http({}).send(method, line.url + path, json={"a": 1})
    except HttpError as error:
        return error


def test_without_trouble_everything_goes_through(line, done) -> None:
    answers = [ask(line, "/a"), ask(line, "/b?key=hidden")]
    assert [a.json() for a in answers if isinstance(a, Answer)] == [{"number": 1}, {"number": 2}]
    assert done == ['/a {"a": 1}', '/b {"a": 1}']
    assert [str(call) for call in line.calls] == ["POST /a", "POST /b"]


@pytest.mark.parametrize(
    ("trouble", "effect", "status"),
    [
        (Trouble.TIMEOUT_BEFORE, False, None),
        (Trouble.TIMEOUT_AFTER, True, None),
        (Trouble.LIMITED, False, 429),
        (Trouble.LIMITED_BARE, False, 429),
        (Trouble.OUT_OF_ORDER, False, 500),
        (Trouble.OUT_OF_ORDER_AFTER, True, 502),
        (Trouble.MALFORMED, True, 200),
        (Trouble.REFUSED, False, None),
        (Trouble.CRASH, True, None),
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_one_call_goes_wrong(line, done, trouble, effect, status, at) -> None:
    line.arm(trouble, at)
    answers = [ask(line, f"/{number}") for number in range(at + 1)]
    assert all(isinstance(a, Answer) and a.status == 200 for a in answers[:-1])
    assert any(one.startswith(f"/{at}") for one in done) is effect
    last = answers[-1]
    if status is None:
        assert isinstance(last, HttpError)
        assert last.sent is (trouble is not Trouble.REFUSED)
    else:
        assert isinstance(last, Answer)
        assert last.status == status
        assert last.json() in (None, {})


def test_retry_after_is_given_or_not(line) -> None:
    for trouble, wait in ((Trouble.LIMITED, 1.0), (Trouble.LIMITED_BARE, None)):
        line.arm(trouble)
        answer = ask(line, "/a")
        assert isinstance(answer, Answer)
        assert answer.limited
        assert answer.retry_after == wait
        again = ask(line, "/a")
        assert isinstance(again, Answer)
        assert again.status == 200


def test_five_hundred_comes_three_times_for_the_same_call_alone(line) -> None:
    line.arm(Trouble.OUT_OF_ORDER, 1)
    paths = ["/a", "/b", "/a", "/b", "/b", "/b"]
    statuses = [a.status for path in paths if isinstance(a := ask(line, path), Answer)]
    assert statuses == [200, 500, 200, 500, 500, 200]


@pytest.mark.parametrize("trouble", [Trouble.REFUSED, Trouble.CRASH])
def test_nobody_listens_until_it_is_healed(line, trouble) -> None:
    line.arm(trouble, 0)
    ask(line, "/a")
    refused = ask(line, "/b")
    assert isinstance(refused, HttpError)
    assert "refused" in str(refused)
    line.heal()
    assert isinstance(ask(line, "/b"), Answer)


def test_an_answer_without_a_body_becomes_one_with_a_bad_one(line) -> None:
    line.arm(Trouble.MALFORMED)
    answer = ask(line, "/a", "DELETE")
    assert isinstance(answer, Answer)
    assert answer.status == 200
    assert answer.json() is None


def test_an_environment_is_led_through_it(line) -> None:
    given = {"ACME_API_URL": f"{line.upstream}/api", "ACME_TOKEN": "x"}
    assert line.through(given) == {"ACME_API_URL": f"{line.url}/api", "ACME_TOKEN": "x"}


@pytest.mark.parametrize("upstream", ["https://acme.example", "http://127.0.0.1", "nowhere"])
def test_it_leads_to_loopback_alone(upstream) -> None:
    with pytest.raises(ValueError, match="a line leads to"):
        FaultyLine(upstream)
