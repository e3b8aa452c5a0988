"""``hinomi key``: keys for programs and people."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed
from hinomi.cli.output import say, show, show_done, show_one
from hinomi.text import _

CREATE = "key create --name winlog --scope ingest --source winlog"


@click.group("key", epilog=examples(CREATE, "key list"))
def command() -> None:
    """Make, list and revoke API keys."""


@command.command(
    "create",
    epilog=examples(
        CREATE, "key create --name aoba --scope read --scope audit --tenant kita/aoba --role board --days 365"
    ),
)
@click.option("--name", required=True, help=_("What it is for."))
@click.option("--scope", "scopes", multiple=True, required=True, help=_("ingest, read, act, audit, admin; repeatable."))
@click.option("--tenant", default="", help=_("Subtree: prefecture/municipality/school; default all."))
@click.option(
    "--role", default="", help=_("Role its holder decides in: operator, operator_lead, board, auditor, admin.")
)
@click.option("--source", "sources", multiple=True, help=_("For ingest: the sources it may send for; repeatable."))
@click.option("--person", help=_("Person of the directory whom it belongs to."))
@click.option("--days", type=int, help=_("Ends after so many days."))
@listed
@configured
def create(
    client: Client,
    name: str,
    scopes: tuple[str, ...],
    tenant: str,
    role: str,
    sources: tuple[str, ...],
    person: str | None,
    days: int | None,
    fmt: str,
) -> None:
    """Make a key; it is printed once and kept only as a hash."""
    body = {
        "name": name, "scopes": list(scopes), "tenant": tenant, "role": role,
        "sources": list(sources) or None, "person": person, "days": days,
    }  # fmt: skip
    made = client.post("keys", body)
    show_one(made, fmt)
    say(_("Keep the key now: it is not shown again."))


@command.command("list", epilog=examples("key list", "key list -o csv"))
@listed
@configured
def list_(client: Client, fmt: str) -> None:
    """List keys, without secrets."""
    columns = ("id", "name", "scopes", "tenant", "role", "sources", "created_at", "expires_at", "revoked_at")
    show(client.get("keys")["items"], columns, fmt)


@command.command(
    "revoke",
    epilog=examples("key revoke 7b77cad5 --reason 'server replaced'", "key revoke 7b77cad5 --reason 'lost' -o json"),
)
@click.argument("key_id")
@click.option("--reason", default="", help=_("Why; kept in the audit."))
@listed
@configured
def revoke(client: Client, key_id: str, reason: str, fmt: str) -> None:
    """Revoke a key. Ingest may honour it for 5 more seconds."""
    outcome = client.call("DELETE", f"keys/{key_id}", body={"reason": reason})
    show_done(outcome, fmt, _("revoked: {key}").format(key=key_id))
