"""The tree of commands; bodies import what they need themselves, so that `--help` answers at once."""

from typing import Annotated

import typer

from migration_cli import (
    breaker,
    check,
    compare,
    cost,
    cutover,
    drift,
    fields,
    grants,
    keys,
    ledger,
    live_control,
    plans,
    preflight,
    programs,
    purge,
    redrive,
    reject_decisions,
    rejects,
    reload,
    replay,
    replay_schema,
    report,
    schema,
    snapshot,
    source,
    statistics,
    status,
    stream_control,
    verify,
)
from migration_cli.console import group

app = group(
    "Move a legacy platform's data into MySQL, and prove that nothing was lost.\n\n"
    "Configuration comes from the environment: DATABASE_URL, KAFKA_BOOTSTRAP_SERVERS, SQS_QUEUE_URL, "
    "MIGRATION_CONFIG and others; `migration check` names what is missing.\n\n"
    "Exit codes: 0 done; 1 failed, or the answer is no; 2 usage or configuration; 75 try again.\n\n"
    "Example: migration status --watch"
)
app.command()(check.check)
app.command()(preflight.preflight)
app.command()(drift.drift)
app.command()(plans.plans)
schema.app.command()(grants.grants)
app.add_typer(schema.app, name="schema")
app.add_typer(snapshot.app, name="snapshot")
app.add_typer(source.app, name="source")
app.command()(programs.master)
app.command()(programs.worker)
app.command()(programs.verifier)
app.command()(status.status)
app.command()(ledger.ledger)
rejects.app.command()(redrive.redrive)
rejects.app.command()(reject_decisions.accept)
rejects.app.command()(reject_decisions.reopen)
app.add_typer(rejects.app, name="rejects")
app.add_typer(fields.app, name="fields")
app.add_typer(keys.app, name="keys")
app.command()(stream_control.pause)
app.command()(stream_control.resume)
app.command()(breaker.breaker)
app.command()(live_control.rate)
app.command()(live_control.throttle)
app.command(name="stop-at")(live_control.stop_at)
app.command()(purge.purge)
app.command()(reload.reload)
app.command("replay-schema")(replay_schema.replay_schema)
app.add_typer(statistics.app, name="statistics")
app.add_typer(cutover.app, name="cutover")
app.command()(report.report)
app.command()(replay.replay)
app.command()(verify.verify)
app.command()(compare.compare)
app.command()(cost.cost)


def _version(wanted: bool) -> None:
    if wanted:
        from runtime.version import version

        typer.echo(f"migration {version()}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    del version  # its callback has done everything
