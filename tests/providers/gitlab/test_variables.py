"""CI/CD variables: what they are besides their value stays, and they are read back."""

from __future__ import annotations

from remediate.plugins.outcome import Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.gitlab.variables import VariablesStore

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
