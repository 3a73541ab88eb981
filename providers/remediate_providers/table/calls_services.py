"""Calls: models, messages, mail, and everything else."""

from __future__ import annotations

from remediate_providers.table import parts
from remediate_providers.table.calls import BASIC, PLAIN, Ask, Calls, Lookup, Probe, Renew

_ANTHROPIC = "x-api-key: {}"
_ANTHROPIC_HEADERS = {"anthropic-version": "2023-06-01"}
_ANTHROPIC_DOCS = "https://platform.claude.com/docs/en/api/admin/api_keys"
_LINEAR = "https://api.linear.app"
_VIEWER = {"query": "{ viewer { email } }"}


def _models(base: str, address: str, path: str, source: str = "kingfisher's rules 1.99") -> Calls:
    """A vendor of models, whose keys can be looked at and not ended by any call."""
    return Calls(
        base=base,
        address=address,
        check=Probe(ask=Ask(method="GET", path=path)),
        source=source,
    )


CALLS = {
    "huggingface-token": Calls(
        base="https://huggingface.co",
        address="HF_ENDPOINT",
        check=Probe(
            ask=Ask(method="GET", path="/api/whoami-v2"),
            tells={"owner": "name", "role": "auth.accessToken.role"},
        ),
        revoke=Ask(
            method="POST",
            path="/api/credentials/revoke",
            who="nobody",
            auth="",
            json={"credentials": ["{value}"]},
            good=frozenset({200, 202}),
        ),
        source="kingfisher's rules 2.14",
    ),
    "openai-api-key": Calls(
        base="https://api.openai.com",
        address="OPENAI_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/v1/models"),
            alive=frozenset({200, 403}),
            # A restricted key may be refused with 401 as well, in other words.
            dead_says=("invalid_api_key", "account_deactivated"),
        ),
        lookup=Lookup(
            ask=Ask(
                method="GET",
                path="/v1/organization/projects/{OPENAI_PROJECT_ID}/api_keys",
                who="own",
                # Without it, keys of whoever has left the project are left out, and work all the same.
                query={"limit": "100", "owner_project_access": "any"},
            ),
            entries="data",
            shows="redacted_value",
            fits="ends",
        ),
        revoke=Ask(
            method="DELETE",
            path="/v1/organization/projects/{OPENAI_PROJECT_ID}/api_keys/{id}",
            who="own",
        ),
        own=("OPENAI_ADMIN_KEY",),
        needs=("OPENAI_PROJECT_ID",),
        permission="an Admin API key of the project's organization",
        source="https://platform.openai.com/docs/api-reference/project-api-keys",
    ),
    "openai-admin-key": Calls(
        base="https://api.openai.com",
        address="OPENAI_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/v1/organization/admin_api_keys"),
            alive=frozenset({200, 403}),
            dead_says=("invalid_api_key", "account_deactivated"),
        ),
        lookup=Lookup(
            ask=Ask(
                method="GET",
                path="/v1/organization/admin_api_keys",
                who="either",
                query={"limit": "100"},
            ),
            entries="data",
            shows="redacted_value",
            fits="ends",
        ),
        revoke=Ask(method="DELETE", path="/v1/organization/admin_api_keys/{id}", who="either"),
        own=("OPENAI_ADMIN_KEY",),
        source="https://platform.openai.com/docs/api-reference/admin-api-keys",
    ),
    "anthropic-api-key": Calls(
        base="https://api.anthropic.com",
        address="ANTHROPIC_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/v1/models", auth=_ANTHROPIC, headers=_ANTHROPIC_HEADERS),
            dead_says=("authentication_error",),
        ),
        lookup=Lookup(
            ask=Ask(
                method="GET",
                path="/v1/organizations/api_keys",
                who="own",
                auth=_ANTHROPIC,
                headers=_ANTHROPIC_HEADERS,
                query={"limit": "1000", "status": "active"},
            ),
            entries="data",
            shows="partial_key_hint",
            fits="ends",
            most=1000,
        ),
        revoke=Ask(
            method="POST",
            path="/v1/organizations/api_keys/{id}",
            who="own",
            auth=_ANTHROPIC,
            headers=_ANTHROPIC_HEADERS,
            json={"status": "inactive"},
        ),
        own=("ANTHROPIC_ADMIN_KEY",),
        permission="an Admin API key of the same organization",
        source=_ANTHROPIC_DOCS,
        note="Disabled, not deleted: it can be made active again.",
    ),
    "anthropic-admin-key": Calls(
        base="https://api.anthropic.com",
        address="ANTHROPIC_API_URL",
        check=Probe(
            ask=Ask(
                method="GET",
                path="/v1/organizations/me",
                auth=_ANTHROPIC,
                headers=_ANTHROPIC_HEADERS,
            ),
            dead_says=("authentication_error",),
            tells={"owner": "name"},
        ),
        source=_ANTHROPIC_DOCS,
    ),
    "replicate-token": Calls(
        base="https://api.replicate.com",
        address="REPLICATE_API_URL",
        check=Probe(ask=Ask(method="GET", path="/v1/account"), tells={"owner": "username"}),
        source="https://replicate.com/docs/reference/http#account.get",
    ),
    "groq-api-key": _models("https://api.groq.com", "GROQ_API_URL", "/openai/v1/models"),
    "openrouter-api-key": Calls(
        base="https://openrouter.ai",
        address="OPENROUTER_API_URL",
        check=Probe(ask=Ask(method="GET", path="/api/v1/key"), tells={"owner": "data.label"}),
        lookup=Lookup(
            ask=Ask(method="GET", path="/api/v1/keys", who="own"),
            entries="data",
            shows="label",
            fits="ends",
            id="hash",
        ),
        revoke=Ask(method="DELETE", path="/api/v1/keys/{id}", who="own"),
        own=("OPENROUTER_MANAGEMENT_KEY",),
        permission="a management key of the same account",
        source="https://openrouter.ai/docs/features/provisioning-api-keys",
    ),
    "fal-api-key": Calls(
        base="https://api.fal.ai",
        address="FAL_API_URL",
        check=Probe(
            ask=Ask(
                method="GET",
                path="/v1/models/pricing",
                auth="Authorization: Key {}",
                query={"endpoint_id": "fal-ai/flux/dev"},
            )
        ),
        revoke=Ask(
            method="DELETE",
            path="/v1/keys/{id}",
            auth="Authorization: Key {}",
            good=frozenset({204}),
        ),
        parts=parts.named(r"(?P<id>[a-f0-9-]{36}):[a-f0-9]{32}"),
        source="kingfisher's rules 1.99",
    ),
    "discord-webhook-url": Calls(
        base="https://discord.com",
        address="DISCORD_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/{hook}", auth=""),
            dead=frozenset({404}),
            alive_says=('"token"',),
            dead_says=("Unknown Webhook",),
            tells={"channel": "channel_id", "server": "guild_id"},
        ),
        revoke=Ask(method="DELETE", path="/{hook}", auth="", good=frozenset({204})),
        parts=parts.webhook,
        source="https://discord.com/developers/docs/resources/webhook#delete-webhook-with-token",
        note="The address is the credential, and so stands in the request's own address.",
    ),
    "discord-bot-token": Calls(
        base="https://discord.com",
        address="DISCORD_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/api/v10/users/@me", auth="Authorization: Bot {}"),
            tells={"owner": "username"},
        ),
        source="https://discord.com/developers/docs/resources/user#get-current-user",
    ),
    "telegram-bot-token": Calls(
        base="https://api.telegram.org",
        address="TELEGRAM_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/bot{value}/getMe", auth=""),
            dead=frozenset({401}),
            alive_says=('"ok":true',),
            tells={"owner": "result.username"},
        ),
        source="https://core.telegram.org/bots/api#getme",
        note="Telegram takes a token in the request's address alone.",
    ),
    "sendgrid-api-key": Calls(
        base="https://api.sendgrid.com",
        address="SENDGRID_API_URL",
        check=Probe(ask=Ask(method="GET", path="/v3/scopes"), tells={"scopes": "scopes"}),
        revoke=Ask(method="DELETE", path="/v3/api_keys/{id}", who="either", good=frozenset({204})),
        renew=Renew(
            ask=Ask(
                method="POST",
                path="/v3/api_keys",
                who="own",
                json={"name": "Replaces a leaked key", "scopes": "{scopes}"},
                good=frozenset({201}),
            ),
            value="api_key",
            id="api_key_id",
            ids=Ask(method="GET", path="/v3/api_keys", who="own", query={"limit": "1000"}),
            entries="result",
            entry="api_key_id",
            drop=Ask(method="DELETE", path="/v3/api_keys/{id}", who="own", good=frozenset({204})),
            copies=("scopes",),
        ),
        own=("SENDGRID_API_KEY",),
        parts=parts.named(r"SG\.(?P<id>[A-Za-z0-9_-]{22})\.[A-Za-z0-9_-]{43}"),
        regions=True,
        permission="the scopes api_keys.delete and api_keys.create",
        # The id is the value's middle: SG.xxxxxxxx.yyyyyyyy and xxxxxxxx in the example of a key's making.
        source="https://www.twilio.com/docs/sendgrid/api-reference/api-keys",
    ),
    "resend-api-key": Calls(
        base="https://api.resend.com",
        address="RESEND_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/domains"),
            alive=frozenset({200}),
            dead=frozenset({400, 401, 403}),
            # 401 is also the answer to a living key that may only send.
            dead_says=("API key is invalid",),
        ),
        source="https://resend.com/docs/api-reference/errors",
        note="Resend's list of keys does not tell which of them is which.",
    ),
    "mailchimp-api-key": Calls(
        base="https://{dc}.api.mailchimp.com",
        address="MAILCHIMP_API_URL",
        check=Probe(ask=Ask(method="GET", path="/3.0/ping", auth="basic x:{}")),
        parts=parts.named(r"[a-f0-9]{32}-(?P<dc>us\d{1,2})"),
        source="https://mailchimp.com/developer/marketing/api/ping/",
    ),
    "twilio-api-key": Calls(
        base="https://api.twilio.com",
        address="TWILIO_API_URL",
        check=Probe(
            ask=Ask(
                method="GET",
                path="/2010-04-01/Accounts/{TWILIO_ACCOUNT_SID}/Keys/{value}.json",
                who="own",
                auth=BASIC,
            ),
            dead=frozenset({404}),
            alive_says=('"sid"',),
            tells={"name": "friendly_name"},
        ),
        revoke=Ask(
            method="DELETE",
            path="/2010-04-01/Accounts/{TWILIO_ACCOUNT_SID}/Keys/{value}.json",
            who="own",
            auth=BASIC,
            good=frozenset({204}),
        ),
        own=("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"),
        regions=True,  # of another account it is not found either
        permission="the auth token of the key's account",
        source="https://www.twilio.com/docs/iam/api-keys/key-resource-v1",
    ),
    "linear-api-key": Calls(
        base=_LINEAR,
        address="LINEAR_API_URL",
        check=Probe(
            ask=Ask(method="POST", path="/graphql", auth=PLAIN, json=_VIEWER),
            dead=frozenset({400, 401}),
            alive_says=('"email"',),
            dead_says=("AUTHENTICATION_ERROR",),
            tells={"owner": "data.viewer.email"},
        ),
        source="https://linear.app/developers/graphql; the words of a refusal are from public code",
    ),
    "linear-oauth-token": Calls(
        base=_LINEAR,
        address="LINEAR_API_URL",
        check=Probe(
            ask=Ask(method="POST", path="/graphql", json=_VIEWER),
            dead=frozenset({400, 401}),
            alive_says=('"email"',),
            dead_says=("AUTHENTICATION_ERROR",),
            tells={"owner": "data.viewer.email"},
        ),
        revoke=Ask(method="POST", path="/oauth/revoke", form={"token": "{value}"}),
        source="https://linear.app/developers/oauth-2-0-authentication; the words of a refusal are from public code",
    ),
    "notion-token": Calls(
        base="https://api.notion.com",
        address="NOTION_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/v1/users/me", headers={"Notion-Version": "2022-06-28"}),
            tells={"owner": "name"},
        ),
        source="https://developers.notion.com/reference/get-self",
    ),
    "airtable-token": Calls(
        base="https://api.airtable.com",
        address="AIRTABLE_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/v0/meta/whoami"), tells={"owner": "id", "scopes": "scopes"}
        ),
        source="https://airtable.com/developers/web/api/get-user-id-scopes",
    ),
    "asana-token": Calls(
        base="https://app.asana.com",
        address="ASANA_API_URL",
        check=Probe(ask=Ask(method="GET", path="/api/1.0/users/me"), tells={"owner": "data.email"}),
        source="https://developers.asana.com/reference/getuser",
    ),
    "figma-token": Calls(
        base="https://api.figma.com",
        address="FIGMA_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/v1/me", auth="X-Figma-Token: {}"),
            dead=frozenset({401, 403}),
            dead_says=("Invalid token",),
            tells={"owner": "handle"},
        ),
        source="https://developers.figma.com/docs/rest-api/; public code tells of a refusal with 401 and with 403",
        checked=False,
    ),
    "contentful-token": Calls(
        base="https://api.contentful.com",
        address="CONTENTFUL_API_URL",
        check=Probe(ask=Ask(method="GET", path="/users/me"), tells={"owner": "email"}),
        lookup=Lookup(
            ask=Ask(method="GET", path="/users/me/access_tokens", query={"limit": "100"}),
            entries="items",
            shows="sys.redactedValue",
            fits="end",
            id="sys.id",
        ),
        revoke=Ask(method="PUT", path="/users/me/access_tokens/{id}/revoked"),
        regions=True,
        permission="the scope content_management_manage",
        source="https://www.contentful.com/developers/docs/references/content-management-api/access-tokens/",
    ),
    "dropbox-token": Calls(
        base="https://api.dropboxapi.com",
        address="DROPBOX_API_URL",
        check=Probe(ask=Ask(method="POST", path="/2/check/user", json={"query": "remediate"})),
        revoke=Ask(method="POST", path="/2/auth/token/revoke"),
        source="https://www.dropbox.com/developers/documentation/http/documentation#auth-token-revoke",
    ),
    "mapbox-secret-token": Calls(
        base="https://api.mapbox.com",
        address="MAPBOX_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/tokens/v2", auth="", query={"access_token": "{value}"}),
            dead=frozenset({200, 401}),
            alive_says=('"TokenValid"',),
            dead_says=("TokenRevoked", "TokenInvalid"),
            tells={"owner": "token.user"},
        ),
        revoke=Ask(
            method="DELETE",
            path="/tokens/v2/{user}/{id}",
            auth="",
            query={"access_token": "{value}"},
            good=frozenset({204}),
        ),
        parts=parts.mapbox,
        permission="the scope tokens:write",
        source="https://docs.mapbox.com/api/accounts/tokens/; the claims of a token are from public code",
        note="Mapbox takes a token in the request's address alone.",
    ),
    "launchdarkly-token": Calls(
        base="https://app.launchdarkly.com",
        address="LAUNCHDARKLY_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/api/v2/caller-identity", auth=PLAIN),
            tells={"owner": "memberId", "token_name": "tokenName"},
        ),
        lookup=Lookup(
            ask=Ask(
                method="GET",
                path="/api/v2/tokens",
                auth=PLAIN,
                query={"showAll": "true", "limit": "100"},
            ),
            entries="items",
            shows="token",
            fits="end",
            id="_id",
        ),
        revoke=Ask(method="DELETE", path="/api/v2/tokens/{id}", auth=PLAIN, good=frozenset({204})),
        regions=True,
        permission="a role with deleteAccessToken",
        source="https://launchdarkly.com/docs/api/access-tokens/delete-token",
    ),
    "shippo-token": Calls(
        base="https://api.goshippo.com",
        address="SHIPPO_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/addresses/", auth="Authorization: ShippoToken {}")
        ),
        source="https://docs.goshippo.com/docs/guides_general/authentication/",
    ),
    "brevo-api-key": Calls(
        base="https://api.brevo.com",
        address="BREVO_API_URL",
        check=Probe(
            ask=Ask(method="GET", path="/v3/account", auth="api-key: {}"),
            # An address that is not authorised is refused with 401 as well.
            dead_says=("Key not found",),
            tells={"owner": "email"},
        ),
        source="https://developers.brevo.com/reference/getaccount; the words of a refusal are from public code",
    ),
}
