"""`dver profile`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.quality.profiles import print_profile, profile_json
from dver.ops.quality.profile import profile
from dver.repo import Repository


@options.command(
    examples=[
        ("dver profile data/", "Show types, ranges and frequent values of the columns of data/."),
        ("dver profile data/users.csv --private email", "Leave out all values of a column."),
        ("dver profile data/ --rev v1 --html profile.html", "Write the profile of data/ at v1 as a page."),
    ]
)
@click.argument("paths", nargs=-1, metavar="PATH...", required=True)
@click.option("--rev", metavar="REV", help="Profile the data of this revision.")
@click.option("--html", "html", metavar="FILE", help="Write the profile as a page that stands alone.")
@click.option("--private", multiple=True, metavar="COLUMN", help="Leave out values of this column. May be repeated.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context, *, paths: tuple[str, ...], rev: str | None, html: str | None, private: tuple[str, ...], as_json: bool
) -> None:
    """Show types, ranges and frequent values of data.

    Each file is read once, in one pass. Its profile is kept in the store by content, and pushed and pulled with the
    data, so a known profile needs no data. Of a directory, only new files are read. Reads CSV, TSV, JSON Lines, Parquet
    and Arrow files; needs the extra `data`.
    """
    with Repository.open(ctx.cwd) as repo:
        page = ctx.cwd / html if html is not None else None
        found = profile(repo, paths, cwd=ctx.cwd, rev=rev, private=private, html=page, progress=ctx.progress)
        if as_json:
            ctx.emit_json([profile_json(one) for one in found])
            return
        for number, one in enumerate(found):
            if html is None:
                if number:
                    ctx.say("")
                print_profile(ctx, one)
        if html is not None:
            ctx.note(f"wrote {terminal.printable(html)}")
