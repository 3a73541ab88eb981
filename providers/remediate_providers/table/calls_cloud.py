"""Calls: clouds, hosting, networks, databases, monitoring."""

from __future__ import annotations

from remediate_providers.table import parts
from remediate_providers.table.calls import BEARER, Ask, Calls, Lookup, Probe, Renew

_HEROKU = {"Accept": "application/vnd.heroku+json; version=3"}
_CLOUDFLARE = "https://api.cloudflare.com"
_CLOUDFLARE_DOCS = "https://developers.cloudflare.com/api/resources/user/subresources/tokens/"
_TAILSCALE = "https://api.tailscale.com"
_TAILSCALE_ID = parts.named(r"tskey-[a-z]+-(?P<id>[A-Za-z0-9]+)-[A-Za-z0-9]+")
_TAILSCALE_DOCS = (
    "https://tailscale.com/api#tag/keys; that the id is the value's middle is from public code"
)
_DYNATRACE = "Authorization: Api-Token {}"


def _doppler(path: str) -> Calls:
    return Calls(
        base="https://api.doppler.com",
        address="DOPPLER_API_URL",
        check=Probe(
            ask=Ask(method="GET", path=path),
            tells={"owner": "workplace.name", "token_name": "name"} if path == "/v3/me" else {},
        ),
        revoke=Ask(
            method="POST",
            path="/v3/auth/revoke",
            json={"token": "{value}"},
            good=frozenset({200, 204}),
        ),
        source="https://docs.doppler.com/reference/auth-revoke",
        note="Every secret that it could read has leaked with it.",
    )


CALLS = {
    "google-oauth-token": Calls(
        base="https://oauth2.googleapis.com",
        address="GOOGLE_OAUTH_URL",
        check=Probe(
            # As Google's own libraries ask: then it stands in no address, and in no log of one.
            ask=Ask(method="POST", path="/tokeninfo"),
            dead=frozenset({400, 401}),
            alive_says=('"expires_in"',),
            dead_says=("invalid_token",),
            tells={"owner": "email", "scopes": "scope"},
        ),
        revoke=Ask(method="POST", path="/revoke", auth="", form={"token": "{value}"}),
        source="https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke, and getTokenInfo "
        "of Google's own google-auth-library",
        note="Its refresh token ends with it.",
    ),
    "digitalocean-token": Calls(
        base="https://api.digitalocean.com",
        address="DIGITALOCEAN_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/v2/account"),
            alive=frozenset({200, 403}),  # 403: accepted, for other calls
            tells={"owner": "account.email"},
        ),
        revoke=Ask(
            method="POST",
            path="/v1/oauth/revoke",
            form={"token": "{value}"},
            base="https://cloud.digitalocean.com",
        ),
        source="https://docs.digitalocean.com/reference/api/oauth/",
    ),
    "heroku-api-key": Calls(
        base="https://api.heroku.com",
        address="HEROKU_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/account", headers=_HEROKU), tells={"owner": "email"}
        ),
        lookup=Lookup(
            ask=Ask(method="GET", path="/oauth/authorizations", headers=_HEROKU),
            shows="access_token.token",
            most=200,
        ),
        revoke=Ask(method="DELETE", path="/oauth/authorizations/{id}", headers=_HEROKU),
        permission="the scope global",
        source="https://devcenter.heroku.com/articles/platform-api-reference#oauth-authorization",
    ),
    "cloudflare-api-token": Calls(
        base=_CLOUDFLARE,
        address="CLOUDFLARE_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/client/v4/user/tokens/verify"),
            alive_says=('"active"',),
            tells={"token_id": "result.id", "expires": "result.expires_on"},
        ),
        lookup=Lookup(ask=Ask(method="GET", path="/client/v4/user/tokens/verify"), id="result.id"),
        revoke=Ask(method="DELETE", path="/client/v4/user/tokens/{id}", who="either"),
        own=("CLOUDFLARE_API_TOKEN",),
        permission="User API Tokens: Edit, on your own CLOUDFLARE_API_TOKEN of the same user",
        source=_CLOUDFLARE_DOCS,
    ),
    "cloudflare-account-token": Calls(
        base=_CLOUDFLARE,
        address="CLOUDFLARE_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/client/v4/accounts/{CLOUDFLARE_ACCOUNT_ID}/tokens/verify"),
            alive_says=('"active"',),
            tells={"token_id": "result.id", "expires": "result.expires_on"},
        ),
        lookup=Lookup(
            ask=Ask(method="GET", path="/client/v4/accounts/{CLOUDFLARE_ACCOUNT_ID}/tokens/verify"),
            id="result.id",
        ),
        revoke=Ask(
            method="DELETE",
            path="/client/v4/accounts/{CLOUDFLARE_ACCOUNT_ID}/tokens/{id}",
            who="either",
        ),
        own=("CLOUDFLARE_API_TOKEN",),
        needs=("CLOUDFLARE_ACCOUNT_ID",),
        # Asked of the wrong account it is refused as well.
        regions=True,
        permission="Account API Tokens: Edit, on your own CLOUDFLARE_API_TOKEN",
        source="https://developers.cloudflare.com/api/resources/accounts/subresources/tokens/",
    ),
    "tailscale-key": Calls(
        base=_TAILSCALE,
        address="TAILSCALE_API_URL",
        check=Probe(ask=Ask(method="GET", path="/api/v2/tailnet/-/devices")),
        revoke=Ask(method="DELETE", path="/api/v2/tailnet/-/keys/{id}", who="either"),
        own=("TAILSCALE_API_KEY",),
        parts=_TAILSCALE_ID,
        source=_TAILSCALE_DOCS,
    ),
    "tailscale-auth-key": Calls(
        base=_TAILSCALE,
        address="TAILSCALE_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/api/v2/tailnet/-/keys/{id}", who="own"),
            dead=frozenset({200, 404}),
            alive_says=('"capabilities"',),
            dead_says=('"invalid":true', "not found"),
            tells={"capabilities": "capabilities", "expires": "expires"},
        ),
        revoke=Ask(method="DELETE", path="/api/v2/tailnet/-/keys/{id}", who="own"),
        renew=Renew(
            ask=Ask(
                method="POST",
                path="/api/v2/tailnet/-/keys",
                who="own",
                json={"capabilities": "{capabilities}", "description": "Replaces a leaked key"},
            ),
            value="key",
            id="id",
            ids=Ask(method="GET", path="/api/v2/tailnet/-/keys", who="own"),
            entries="keys",
            entry="id",
            drop=Ask(method="DELETE", path="/api/v2/tailnet/-/keys/{id}", who="own"),
            copies=("capabilities",),
        ),
        own=("TAILSCALE_API_KEY",),
        parts=_TAILSCALE_ID,
        regions=True,  # of another tailnet it is not found either
        permission="the scope auth_keys",
        source=_TAILSCALE_DOCS + "; what a dead one's entry shows is from memory",
        note="Machines that joined with it stay: look under Machines.",
        checked=False,
    ),
    "doppler-personal-token": _doppler("/v3/me"),
    "doppler-cli-token": _doppler("/v3/me"),
    "doppler-service-token": _doppler("/v3/me"),
    "doppler-service-account-token": _doppler("/v3/me"),
    "doppler-scim-token": _doppler("/v3/scim/v2/ServiceProviderConfig"),
    "doppler-audit-token": _doppler("/v3/auditlogs"),
    "dynatrace-token": Calls(
        base=None,
        address="DYNATRACE_ENV_URL",
        check=Probe(
            ask=Ask(method="GET", path="/api/v2/apiTokens/{id}", who="own", auth=_DYNATRACE),
            dead=frozenset({404}),
            alive_says=('"enabled":true',),
            tells={"scopes": "scopes", "owner": "owner", "last_used": "lastUsedDate"},
        ),
        revoke=Ask(
            method="DELETE",
            path="/api/v2/apiTokens/{id}",
            who="own",
            auth=_DYNATRACE,
            good=frozenset({204}),
        ),
        renew=Renew(
            ask=Ask(
                method="POST",
                path="/api/v2/apiTokens",
                who="own",
                auth=_DYNATRACE,
                json={"name": "Replaces a leaked token", "scopes": "{scopes}"},
                good=frozenset({201}),
            ),
            value="token",
            id="id",
            ids=Ask(
                method="GET",
                path="/api/v2/apiTokens",
                who="own",
                auth=_DYNATRACE,
                query={"pageSize": "1000"},
            ),
            entries="apiTokens",
            entry="id",
            drop=Ask(
                method="DELETE",
                path="/api/v2/apiTokens/{id}",
                who="own",
                auth=_DYNATRACE,
                good=frozenset({204}),
            ),
            copies=("scopes",),
        ),
        own=("DYNATRACE_API_TOKEN",),
        parts=parts.named(r"(?P<id>dt0[a-z]\d{2}\.[A-Z0-9]{24})\.[A-Z0-9]{64}"),
        regions=True,
        permission="the scopes apiTokens.read and apiTokens.write",
        source="https://docs.dynatrace.com/docs/dynatrace-api/environment-api/tokens-v2; how a deleted one is "
        "answered is from memory",
        checked=False,
    ),
    "openshift-token": Calls(
        base=None,
        address="OPENSHIFT_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/apis/user.openshift.io/v1/users/~"),
            tells={"owner": "metadata.name"},
        ),
        revoke=Ask(method="DELETE", path="/apis/oauth.openshift.io/v1/useroauthaccesstokens/{id}"),
        parts=parts.openshift,
        regions=True,
        source="oc logout, and https://docs.redhat.com: managing user-owned OAuth access tokens",
    ),
    "scaleway-access-key": Calls(
        base="https://api.scaleway.com",
        address="SCW_API_URL",
        check=Probe(
            ask=Ask(
                method="GET",
                path="/iam/v1alpha1/api-keys/{value}",
                who="own",
                auth="X-Auth-Token: {}",
            ),
            dead=frozenset({404}),
            alive_says=('"access_key"',),
            tells={"description": "description", "expires": "expires_at"},
        ),
        revoke=Ask(
            method="DELETE",
            path="/iam/v1alpha1/api-keys/{value}",
            who="own",
            auth="X-Auth-Token: {}",
            good=frozenset({204}),
        ),
        own=("SCW_SECRET_KEY",),
        regions=True,
        permission="IAMManager",
        source="https://www.scaleway.com/en/developers/api/iam/; how a deleted one is answered is from memory",
        checked=False,
    ),
    "netlify-token": Calls(
        base="https://api.netlify.com",
        address="NETLIFY_API_URL",
        check=Probe(ask=Ask(method="GET", path="/api/v1/user"), tells={"owner": "email"}),
        source="https://open-api.netlify.com/",
        note="Netlify's list of tokens does not tell which of them is which.",
    ),
    "render-api-key": Calls(
        base="https://api.render.com",
        address="RENDER_API_URL",
        check=Probe(ask=Ask(method="GET", path="/v1/services", query={"limit": "1"})),
        source="kingfisher's rules 1.99",
    ),
    "supabase-token": Calls(
        base="https://api.supabase.com",
        address="SUPABASE_API_URL",
        check=Probe(ask=Ask(method="GET", path="/v1/organizations")),
        source="kingfisher's rules 1.99",
    ),
    "neon-api-key": Calls(
        base="https://console.neon.tech",
        address="NEON_API_URL",
        check=Probe(ask=Ask(method="GET", path="/api/v2/auth")),
        source="kingfisher's rules 1.99",
    ),
    "sentry-user-token": Calls(
        base="https://sentry.io",
        address="SENTRY_URL",
        check=Probe(
            ask=Ask(method="GET", path="/api/0/projects/", auth=BEARER),
            alive=frozenset({200, 403}),
        ),
        regions=True,
        source="kingfisher's rules 1.99",
    ),
    "grafana-service-account-token": Calls(
        base=None,
        address="GRAFANA_URL",
        check=Probe(
            ask=Ask(method="GET", path="/api/org"),
            alive=frozenset({200, 403}),
            tells={"owner": "name"},
        ),
        regions=True,
        source="https://grafana.com/docs/grafana/latest/developers/http_api/org/",
    ),
}
