"""The manual steps: what a person does at which page, where no call can or none was allowed."""

from __future__ import annotations

from urllib.parse import quote

from remediate.model import Credential, ManualStep
from remediate_providers.aws import keys

AFTER = "remediate asks iam:ListAccessKeys again"


def user_page(user: str | None) -> str:
    """The console's page with a user's access keys."""
    if user is None:
        return keys.CONSOLE_USERS
    return f"{keys.CONSOLE_USERS}/details/{quote(user, safe='')}?section=security_credentials"


def deactivate(credential: Credential, user: str | None, why: str) -> ManualStep:
    """Deactivate a user's key."""
    key_id = credential.public_id or "the key"
    whose = f"of user {user}" if user else "(whoever it belongs to)"
    named = f" --user-name {user}" if user else ""
    return ManualStep(
        id=f"deactivate-{key_id}",
        title=f"Deactivate access key {key_id} {whose}",
        why=why,
        url=user_page(user),
        instructions=(
            f"Sign in to account {credential.account or 'that the key belongs to'} with rights on IAM.",
            f"Security credentials > Access keys > {key_id} > Actions > Deactivate.",
            f"Or: aws iam update-access-key{named} --access-key-id {key_id} --status Inactive",
            "Then: remediate resume",
        ),
        check=AFTER,
    )


def deactivate_service_credential(
    credential: Credential, *, step: str, title: str, section: str, why: str
) -> ManualStep:
    """Deactivate what IAM made for one service alone. *section*: where the console shows it."""
    user = credential.labels.get("user", "")
    return ManualStep(
        id=step,
        title=title,
        why=why,
        url=user_page(user or None),
        instructions=(
            f"Sign in to account {credential.account} with rights on IAM.",
            f"Security credentials > {section} > Actions > Deactivate.",
            f"Or: aws iam list-service-specific-credentials --user-name {user}; with the id it shows:",
            f"aws iam update-service-specific-credential --user-name {user} --service-specific-credential-id ID --status Inactive",
            "Then: remediate resume",
        ),
        check="remediate asks iam:ListServiceSpecificCredentials again",
    )


def root_key(credential: Credential) -> ManualStep:
    """Deactivate a key of the account's root user, which nobody else can."""
    return ManualStep(
        id=f"deactivate-root-{credential.public_id}",
        title=f"Deactivate the root user's access key {credential.public_id} now",
        why="It is a key of the account's root user: only root itself may change it, and no policy limits it.",
        url=keys.CONSOLE_ROOT,
        instructions=(
            f"Sign in as the root user of account {credential.account or 'that it belongs to'}.",
            f"Access keys > {credential.public_id} > Actions > Deactivate.",
            "Make no new root key: give what used it a role, or a user with few rights.",
            "Then: remediate resume",
        ),
        check="remediate tries the key once more and expects it to be refused",
        owner="whoever holds the root user's password and second factor",
    )


def session_key(credential: Credential, arn: str | None = None) -> ManualStep:
    """End the sessions of a role or a user: a temporary key has no switch of its own."""
    whose = f" ({arn})" if arn else ""
    return ManualStep(
        id=f"revoke-sessions-{credential.public_id}",
        title=f"End the session that temporary key {credential.public_id} belongs to{whose}",
        why="IAM can't deactivate a temporary key; it ends by itself, after 36 hours at most, or by a "
        "policy that denies every session begun before now.",
        url=keys.CONSOLE_ROLES,
        instructions=(
            f"Sign in to account {credential.account or 'that the key belongs to'}.",
            f"Find the role: CloudTrail > Event history > AWS access key: {credential.public_id}.",
            "Open the role > Revoke sessions > Revoke active sessions.",
            "For a role of IAM Identity Center: end the user's sessions there.",
            "Then: remediate resume",
        ),
        check="nothing: a session's key can't be asked about by others",
    )


def deny_sessions(credential: Credential, user: str | None, why: str) -> ManualStep:
    """Deny the sessions that were begun with the key, which live on after it."""
    return ManualStep(
        id=f"deny-sessions-{credential.public_id}",
        title=f"Deny the sessions that were begun with access key {credential.public_id}",
        why="The key is inactive, but temporary credentials that it made live on, up to 36 hours; "
        f"they could not be denied: {why}",
        url=user_page(user).replace("security_credentials", "permissions"),
        instructions=(
            "Let your credentials do iam:PutUserPolicy on this user, then: remediate resume",
            "Or by hand: Permissions > Add permissions > Create inline policy > JSON.",
            "Deny * on * under the condition DateLessThan, aws:TokenIssueTime: the present time.",
        ),
        check="remediate looks for the inline policy of that name",
    )


def foreign(credential: Credential, mine: str) -> ManualStep:
    """Act with credentials of the account that the key belongs to."""
    return ManualStep(
        id=f"other-account-{credential.public_id}",
        title=f"Act on access key {credential.public_id} from its own account, {credential.account}",
        why=f"Your credentials are of account {mine}, the key is of account {credential.account}.",
        url=keys.CONSOLE_USERS,
        instructions=(
            f"Where account {credential.account} is yours: AWS_PROFILE=<a profile of it> remediate resume",
            "Where it is not: tell its owner, and AWS (trustandsafety@support.aws.com).",
            "To let the key deactivate itself: insist = true in its [[credential]] table.",
        ),
        check=AFTER,
    )


def make_room(credential: Credential, user: str, why: str, candidate: str | None) -> ManualStep:
    """Free one of a user's two places for keys."""
    how = (
        f"If it can go: aws iam delete-access-key --user-name {user} --access-key-id {candidate}"
        if candidate
        else "Find out what uses the other key, give it another way in, and delete it."
    )
    return ManualStep(
        id=f"make-room-{credential.public_id}",
        title=f"Delete one of the two access keys of user {user}",
        why=why,
        url=user_page(user),
        instructions=(
            how,
            "Deleting can't be undone; what a key did stays in CloudTrail for 90 days.",
            "Then: remediate resume",
        ),
        check="remediate makes the new key as soon as there is room for it",
    )


def new_key(credential: Credential, user: str | None, why: str) -> ManualStep:
    """Make the new key by hand, or let the responder's credentials do it."""
    return ManualStep(
        id=f"replace-{credential.public_id}",
        title=f"Create a new access key for user {user or 'of the leaked one'}",
        why=why,
        url=user_page(user),
        instructions=(
            "Either use credentials that may do it: AWS_PROFILE=<another> remediate resume",
            "(docs/providers/aws.md has the policy that they need.)",
            "Or: Security credentials > Access keys > Create access key. Hand in id and secret, in one",
            f"line on standard input: remediate resume --value replace-{credential.public_id}",
        ),
        check="remediate tries the new key, and looks that it is another than the old one",
        takes_value=True,
    )


def delete(credential: Credential, user: str | None, why: str) -> ManualStep:
    """Delete a key that is inactive."""
    key_id = credential.public_id
    named = f" --user-name {user}" if user else ""
    return ManualStep(
        id=f"delete-{key_id}",
        title=f"Delete access key {key_id}",
        why=why,
        url=user_page(user),
        instructions=(
            f"Security credentials > Access keys > {key_id} > Actions > Delete.",
            f"Or: aws iam delete-access-key{named} --access-key-id {key_id}",
        ),
        check=AFTER,
    )
