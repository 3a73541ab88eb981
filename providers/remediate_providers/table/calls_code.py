"""Calls: source code, packages, builds and deployments."""

from __future__ import annotations

from remediate_providers.table.calls import BEARER, Ask, Calls, Lookup, Probe

_AS_TOKEN = "Authorization: token {}"  # noqa: S105 - a template
_GRAPHQL = "/.api/graphql"

CALLS = {
    "buildkite-token": Calls(
        base="https://api.buildkite.com",
        address="BUILDKITE_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/v2/access-token"),
            tells={"scopes": "scopes", "owner": "user.email"},
        ),
        revoke=Ask(method="DELETE", path="/v2/access-token", good=frozenset({204})),
        source="https://buildkite.com/docs/apis/rest-api/access-token",
    ),
    "npm-token": Calls(
        base=None,
        address="NPM_CONFIG_REGISTRY",
        check=Probe(ask=Ask(method="GET", path="/-/whoami"), tells={"owner": "username"}),
        lookup=Lookup(
            ask=Ask(method="GET", path="/-/npm/v1/tokens", query={"perPage": "100"}),
            entries="objects",
            shows="token",
            fits="ends",
            id="key",
        ),
        revoke=Ask(method="DELETE", path="/-/npm/v1/tokens/token/{id}", good=frozenset({200, 204})),
        permission="no second factor on writing; else: npm token revoke",
        source="npm's own client, npm-profile",
        note="It can work for up to an hour longer.",
    ),
    "crates-token": Calls(
        base=None,
        address="CRATES_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/api/v1/me", auth="Authorization: {}"),
            # A token that may only publish is refused here in other words.
            alive=frozenset({200, 403}),
            alive_says=('"login"', "does not have the required permissions"),
            dead=frozenset({401, 403}),
            dead_says=("authentication failed",),
            tells={"owner": "user.login"},
        ),
        revoke=Ask(
            method="DELETE",
            path="/api/v1/tokens/current",
            auth="Authorization: {}",
            good=frozenset({200, 204}),
        ),
        source="kingfisher's rules 1.99; the words of a refusal are from the registry's own sources, src/auth.rs",
    ),
    "sourcegraph-token": Calls(
        base=None,
        address="SRC_ENDPOINT",
        check=Probe(
            ask=Ask(
                method="POST",
                path=_GRAPHQL,
                auth=_AS_TOKEN,
                json={"query": "query { currentUser { username } }"},
            ),
            alive_says=('"username"',),
            tells={"owner": "data.currentUser.username"},
        ),
        revoke=Ask(
            method="POST",
            path=_GRAPHQL,
            auth=_AS_TOKEN,
            json={
                "query": "mutation ($token: String!) "
                "{ deleteAccessToken(byToken: $token) { alwaysNil } }",
                "variables": {"token": "{value}"},
            },
        ),
        source="Sourcegraph's own client, internal/gqltestutil",
    ),
    "sonar-token": Calls(
        base="https://sonarcloud.io",
        address="SONAR_HOST_URL",
        check=Probe(
            ask=Ask(method="GET", path="/api/authentication/validate", auth="basic {}:"),
            dead=frozenset({200}),
            alive_says=('"valid":true',),
            dead_says=('"valid":false',),
        ),
        regions=True,
        source="https://sonarcloud.io/web_api/api/authentication/validate",
        checked=False,
    ),
    "postman-api-key": Calls(
        base="https://api.getpostman.com",
        address="POSTMAN_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/me", auth="X-API-Key: {}"),
            tells={"owner": "user.username"},
        ),
        regions=True,
        source="kingfisher's rules 1.99",
    ),
    "circleci-token": Calls(
        base="https://circleci.com",
        address="CIRCLECI_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/api/v2/me", auth="Circle-Token: {}"),
            tells={"owner": "login"},
        ),
        regions=True,
        source="https://circleci.com/docs/api/v2/",
    ),
    "terraform-token": Calls(
        base="https://app.terraform.io",
        address="TFE_ADDRESS",
        check=Probe(
            ask=Ask(
                method="GET",
                path="/api/v2/account/details",
                auth=BEARER,
                headers={"Content-Type": "application/vnd.api+json"},
            ),
            tells={"owner": "data.attributes.username"},
        ),
        regions=True,
        source="https://developer.hashicorp.com/terraform/cloud-docs/api-docs/account",
    ),
    "pulumi-token": Calls(
        base="https://api.pulumi.com",
        address="PULUMI_BACKEND_URL",
        check=Probe(
            ask=Ask(method="GET", path="/api/user", auth=_AS_TOKEN), tells={"owner": "githubLogin"}
        ),
        regions=True,
        source="kingfisher's rules 1.99",
    ),
    "prefect-token": Calls(
        base="https://api.prefect.cloud",
        address="PREFECT_CLOUD_API_URL",
        check=Probe(ask=Ask(method="GET", path="/api/me/workspaces")),
        source="kingfisher's rules 1.99",
    ),
}
