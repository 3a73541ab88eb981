"""The KV version 2 store, on a real OpenBao."""

from __future__ import annotations

import urllib.error
from typing import Any

import pytest

from remediate.plugins.outcome import Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.vault import kv
from remediate_providers.vault.kv import VaultKvStore

STORE = VaultKvStore()


def at(path: str, *keys: tuple[str, str | None]) -> Target:
    return Target("vault", path, keys, f"vault:{path}")


def new(text: str = "new-" + "a1B2" * 6) -> dict[str, Secret]:
    return {"value": Secret(text)}


@pytest.fixture
def path(bao: Any) -> str:
    return f"secret/app/{next(bao.number)}"


def written(bao: Any, path: str, *versions: dict[str, str]) -> str:
    data = path.replace("secret/", "secret/data/", 1)
    for version in versions:
        bao.call("POST", data, {"data": version})
    return data


def test_other_keys_stay_and_older_versions_with_another_value_are_destroyed(
    bao: Any, path: str
) -> None:
    data = written(
        bao, path, {"OTHER": "1"}, {"OTHER": "2", "KEY": "leaked"}, {"OTHER": "3", "KEY": "leaked"}
    )
    outcome = STORE.put(at(path, ("KEY", None)), new(), bao.around())
    assert outcome.status is Status.DONE
    assert outcome.data["destroyed"] == [2, 3]
    assert bao.call("GET", data)["data"]["data"] == {
        "OTHER": "3",
        "KEY": new()["value"].reveal_text(),
    }
    assert bao.call("GET", f"{data}?version=1")["data"]["data"] == {"OTHER": "1"}, "it holds no KEY"
    with pytest.raises(urllib.error.HTTPError):
        bao.call("GET", f"{data}?version=2")


def test_a_deleted_version_could_be_undeleted_and_is_destroyed_too(bao: Any, path: str) -> None:
    data = written(bao, path, {"KEY": "leaked"})
    bao.call("DELETE", data)
    outcome = STORE.put(at(path, ("KEY", None)), new(), bao.around())
    assert outcome.status is Status.DONE
    assert outcome.data["destroyed"] == [1]


def test_what_is_there_already_is_still_cleaned_up_behind(bao: Any, path: str) -> None:
    written(bao, path, {"KEY": "leaked"}, {"KEY": new()["value"].reveal_text()})
    outcome = STORE.put(at(path, ("KEY", None)), new(), bao.around())
    assert outcome.data["destroyed"] == [1]
    assert outcome.data["version"] == 2, "nothing was written"
    assert STORE.put(at(path, ("KEY", None)), new(), bao.around()).status is Status.UNCHANGED


def test_somebody_elses_write_in_between_is_kept(
    bao: Any, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = written(bao, path, {"OTHER": "1"})
    real, once = kv._Writing._write, []

    def late(self: Any, wanted: Any, version: int) -> bool:
        if not once:
            once.append(True)
            bao.call("POST", data, {"data": {"OTHER": "theirs"}})
        return real(self, wanted, version)

    monkeypatch.setattr(kv._Writing, "_write", late)
    outcome = STORE.put(at(path, ("KEY", None)), new(), bao.around())
    assert outcome.status is Status.DONE
    assert bao.call("GET", data)["data"]["data"]["OTHER"] == "theirs"


def test_a_mount_of_two_parts_is_found(bao: Any) -> None:
    mount = f"team/kv{next(bao.number)}"
    bao.call("POST", f"sys/mounts/{mount}", {"type": "kv", "options": {"version": "2"}})
    target = at(f"{mount}/app", ("KEY", None))
    outcome = STORE.put(target, new(), bao.around())
    assert outcome.status is Status.DONE, outcome.reason
    assert bao.call("GET", f"{mount}/data/app")["data"]["data"] == {
        "KEY": new()["value"].reveal_text()
    }


def test_an_engine_of_version_1_is_refused(bao: Any) -> None:
    mount = f"old{next(bao.number)}"
    bao.call("POST", f"sys/mounts/{mount}", {"type": "kv", "options": {"version": "1"}})
    outcome = STORE.put(at(f"{mount}/app", ("KEY", None)), new(), bao.around())
    assert outcome.status is Status.REFUSED
    assert "version 2" in outcome.reason


def test_missing_rights_are_named_and_a_leaked_version_that_stays_is_said(
    bao: Any, path: str
) -> None:
    data = written(bao, path, {"KEY": "leaked"})
    bao.policy("writer", f'path "{data}" {{ capabilities = ["read", "create", "update"] }}')
    writer, nobody = bao.token(policies=["writer"])["client_token"], bao.token()["client_token"]
    refused = STORE.put(at(path, ("KEY", None)), new(), bao.around(token=nobody))
    assert refused.status is Status.REFUSED
    assert "Needed on secret/data/" in refused.reason
    outcome = STORE.put(at(path, ("KEY", None)), new(), bao.around(token=writer))
    assert outcome.status is Status.DONE
    assert "may still hold the leaked value" in str(outcome.data["warnings"])


def test_several_parts_go_together_and_bytes_that_are_no_text_are_refused(
    bao: Any, path: str
) -> None:
    target = at(path, ("ID", "id"), ("KEY", "secret"))
    parts = {"id": Secret("public"), "secret": Secret("hidden-" + "a1" * 9)}
    assert STORE.put(target, parts, bao.around()).status is Status.DONE
    assert STORE.holds(target, parts, bao.around()) is True
    assert STORE.put(target, {"id": Secret("x")}, bao.around()).status is Status.REFUSED
    binary = {"value": Secret(b"\xff\xfe\xfd" * 5)}
    assert STORE.put(at(path, ("KEY", None)), binary, bao.around()).status is Status.REFUSED
