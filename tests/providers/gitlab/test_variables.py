"""CI/CD variables: what they are besides their value stays, and they are read back."""

from __future__ import annotations

import pytest

from remediate.plugins.outcome import Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.gitlab.variables import (
    GroupVariablesStore,
    InstanceVariablesStore,
    VariablesStore,
)

STORE = VariablesStore()
NEW = {"value": Secret("brand-new-" + "k3Y9" * 5)}


def target(place: str = "acme/app", name: str = "TOKEN") -> Target:
    return Target("gitlab", place, ((name, None),), f"gitlab:{place}#{name}")


def there(gitlab, **more):
    one = {
        "key": "TOKEN",
        "value": "old-old-old",
        "environment_scope": "*",
        "hidden": False,
        **more,
    }
    gitlab.state.variables.append(one)
    return one


def test_a_new_one_is_masked_and_raw(gitlab, around) -> None:
    assert STORE.put(target(), NEW, around(gitlab.environment())).status is Status.DONE
    (one,) = gitlab.state.variables
    assert (one["masked"], one["raw"], one["protected"]) == (True, True, False)


def test_what_it_is_stays(gitlab, around) -> None:
    kept = {"masked": True, "protected": True, "raw": False, "variable_type": "file"}
    one = there(gitlab, **kept, description="ask Bob")
    assert STORE.put(target(), NEW, around(gitlab.environment())).status is Status.DONE
    assert one["value"] == NEW["value"].reveal_text()
    assert {name: one[name] for name in kept} == kept
    assert one["description"] == "ask Bob"


def test_of_several_scopes_one_is_written(gitlab, around) -> None:
    everywhere, production = there(gitlab), there(gitlab, environment_scope="production")
    STORE.put(target("acme/app@production"), NEW, around(gitlab.environment()))
    assert everywhere["value"] == "old-old-old"
    assert production["value"] == NEW["value"].reveal_text()


def test_a_hidden_one_is_written_and_not_claimed_to_be_read(gitlab, around) -> None:
    one = there(gitlab, hidden=True, masked=True)
    vendor = around(gitlab.environment())
    outcome = STORE.put(target(), NEW, vendor)
    assert outcome.status is Status.DONE
    assert "hidden" in outcome.evidence[0].saw
    assert one["value"] == NEW["value"].reveal_text()
    assert STORE.holds(target(), NEW, vendor) is None


def test_a_value_that_can_not_be_masked_leaves_a_masked_variable_alone(gitlab, around) -> None:
    one = there(gitlab, masked=True)
    outcome = STORE.put(
        target(), {"value": Secret("two\nlines of it")}, around(gitlab.environment())
    )
    assert outcome.status is Status.REFUSED
    assert "masks no such value" in outcome.reason
    assert one["value"] == "old-old-old"


def test_without_a_token_or_the_right_to_it_it_says_so(gitlab, around) -> None:
    outcome = STORE.put(target(), NEW, around({"GITLAB_API_URL": gitlab.url}))
    assert "GITLAB_TOKEN" in outcome.reason
    outcome = STORE.put(target("acme/other"), NEW, around(gitlab.environment()))
    assert outcome.status is Status.REFUSED
    assert "maintainer" in outcome.reason


# -- a group's, the server's -----------------------------------------------------------------------


@pytest.mark.parametrize("where", ["group", "server"])
def test_elsewhere_too_it_stays_what_it_is(start, around, where) -> None:
    gitlab = start(admin=True)
    gitlab.state.maintainers["groups", 0] = {gitlab.ada}
    kept = {"masked": True, "protected": True, "raw": False, "variable_type": "file"}
    one = {"key": "TOKEN", "value": "old-old-old", **kept}
    if where == "group":
        other = {**one, "environment_scope": "*"}
        one["environment_scope"] = "production"
        gitlab.state.group_variables["acme"] = [other, one]
        store, place = GroupVariablesStore(), "acme@production"
    else:
        gitlab.state.instance_variables.append(one)
        store, place = InstanceVariablesStore(), "all"
    spec = Target(store.scheme, place, (("TOKEN", None),), f"{store.scheme}:{place}#TOKEN")
    assert store.put(spec, NEW, around(gitlab.environment())).status is Status.DONE
    assert one["value"] == NEW["value"].reveal_text()
    assert {name: one[name] for name in kept} == kept
    assert "environment_scope" in one or where == "server"
    assert where == "server" or other["value"] == "old-old-old"
    assert store.holds(spec, NEW, around(gitlab.environment())) is True


def test_the_servers_are_an_administrators(gitlab, around) -> None:
    spec = Target("gitlab-instance", "all", (("TOKEN", None),), "gitlab-instance:all#TOKEN")
    outcome = InstanceVariablesStore().put(spec, NEW, around(gitlab.environment()))
    assert outcome.status is Status.REFUSED
    assert "an administrator's token" in outcome.reason


# -- who uses it -----------------------------------------------------------------------------------

LEAKED = {"value": Secret("old-old-old")}


def test_whoever_has_the_same_value_is_named(start, around) -> None:
    gitlab = start(admin=True)
    gitlab.state.maintainers["groups", 0] = {gitlab.ada}
    there(gitlab)  # the target itself
    there(gitlab, environment_scope="production")
    there(gitlab, key="OTHER_NAME")
    there(gitlab, key="ANOTHER", value="another value")
    there(gitlab, environment_scope="staging", hidden=True)
    there(gitlab, key="HIDDEN_ELSE", hidden=True)
    gitlab.state.group_variables["acme"] = [
        {"key": "SHARED", "value": "old-old-old", "environment_scope": "*"}
    ]
    gitlab.state.instance_variables.append({"key": "ALL", "value": "old-old-old"})
    facts = STORE.uses(target(), LEAKED, around(gitlab.environment()))
    assert {(row["where"], row["sure"]) for row in facts.known["uses"]} == {
        ("gitlab:acme/app@production#TOKEN", True),
        ("gitlab:acme/app#OTHER_NAME", True),
        ("gitlab:acme/app@staging#TOKEN", False),
        ("gitlab-group:acme#SHARED", True),
        ("gitlab-instance:all#ALL", True),
    }
    assert facts.unknown == {}
    assert "old-old-old" not in repr(facts)


def test_what_may_not_be_read_is_said(gitlab, around) -> None:
    there(gitlab, key="OTHER_NAME")
    facts = STORE.uses(target(), LEAKED, around(gitlab.environment()))
    assert [row["where"] for row in facts.known["uses"]] == ["gitlab:acme/app#OTHER_NAME"]
    assert set(facts.unknown) == {"gitlab-group:acme", "gitlab-instance:all"}
    facts = STORE.uses(target(), LEAKED, around({"GITLAB_API_URL": gitlab.url}))
    assert "GITLAB_TOKEN" in facts.unknown["uses"]


def test_pipelines_that_began_with_the_old_value_are_named(gitlab, around) -> None:
    page = f"{gitlab.url}/acme/app/-/pipelines/7"
    gitlab.state.pipelines += [
        {"id": 7, "status": "running", "ref": "main", "web_url": page},
        {"id": 6, "status": "success", "ref": "main", "web_url": page},
    ]
    outcome = STORE.put(target(), NEW, around(gitlab.environment()))
    assert outcome.data["running"] == [{"run": 7, "workflow": "Pipeline 7 of main", "page": page}]
