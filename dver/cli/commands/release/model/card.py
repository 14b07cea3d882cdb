"""`dver model card`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.pipelines.params_metrics import print_problems
from dver.cli.render.terminal import printable
from dver.core.errors import UsageError
from dver.ops.model.card import CardForm, form_of, gather_card, render_card, write_card
from dver.repo import Repository


@options.command(
    examples=[
        ("dver model card churn", "Print the card of the latest version as Markdown."),
        ("dver model card 'churn#prod' -o card.html", "Write the page of the version in stage prod."),
        ("dver model card churn@v1.2.0 --json", "Print what the card says as JSON."),
    ]
)
@click.argument("name", metavar="NAME[@VERSION|#STAGE]")
@click.option("--md", "as_md", is_flag=True, help="Write Markdown (the default).")
@click.option("--html", "as_html", is_flag=True, help="Write a page that stands alone.")
@options.json_option
@click.option("-o", "--out", metavar="FILE", help="Write to FILE; .md and .html decide the form.")
@click.pass_obj
def command(ctx: Context, *, name: str, as_md: bool, as_html: bool, as_json: bool, out: str | None) -> None:
    """Write a model card.

    The card has the description in dver.yaml, metrics, parameters, versions of data, the stages that made the model,
    and its environment. It compares them with the version that was in the stage before, or with the next lower version.

    Secrets and absolute paths are replaced.
    """
    if sum((as_md, as_html, as_json)) > 1:
        raise UsageError("--md, --html and --json exclude each other", fix="give one of them")
    if as_json and out is not None:
        raise UsageError("--json and --out exclude each other", fix="redirect the output: --json > card.json")
    with Repository.open(ctx.cwd) as repo:
        gathered = gather_card(repo, name)
    print_problems(ctx, gathered.problems, nothing=False, named=False)
    if gathered.card.steps and gathered.card.environment is None:
        ctx.note("the environment is unknown: this clone has no record of the run; get it: dver fetch --run-cache")
    chosen = CardForm.HTML if as_html else CardForm.MARKDOWN
    if as_json:
        ctx.emit_json(gathered.card)
    elif out is None:
        ctx.write_bytes(render_card(gathered.card, chosen))
    else:
        to = ctx.cwd / out
        write_card(gathered.card, to, chosen if as_md or as_html else form_of(to))
        ctx.note(f"wrote {printable(out)}")
