"""`dver model export`."""

from __future__ import annotations

import os

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.terminal import printable
from dver.core.phrasing import count, human_size, join_limited
from dver.models.package.write import FORMATS, PackageFormat
from dver.ops.model.export import ModelExport, export_model


@options.command(
    acts=True,
    examples=[
        ("dver model export churn#prod -o churn/", "Write the model in stage prod to a directory."),
        ("dver model export churn@v1.2.0 -o churn.tar", "Write a version to a tar file."),
        ("dver model export churn#prod -o churn --format mlflow", "Write a directory that MLflow loads."),
        ("dver model export churn#prod -o churn --format oci", "Write an image for a container registry."),
    ],
)
@click.argument("name", metavar="NAME[@VERSION|#STAGE]")
@click.option("-o", "--out", required=True, metavar="OUT", help="Write to the directory OUT, or to the file OUT.tar.")
@click.option("--format", type=click.Choice(FORMATS), default="dver", help="Choose the format of the package.")
@click.option("--repo", metavar="REPO", help="Use the repository REPO, a URL or a directory, instead of this project.")
@options.remote_option("Use the repository's remote NAME instead of its default remote.")
@click.option("-f", "--force", is_flag=True, help="Replace an existing file or directory.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    name: str,
    out: str,
    format: PackageFormat,  # noqa: A002 as in `--format`
    repo: str | None,
    remote: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Export a version as a package for serving.

    The package has the model, the Python packages of the run that made it, its signature, its lineage, digests, and a
    README that says how to load it. It needs neither dver nor Git.

    OUT appears when it is complete and verified. The same version has the same bytes each time.
    """
    result = export_model(
        name, out, cwd=ctx.cwd, format=format, repo=repo, remote=remote, force=force, progress=ctx.progress
    )
    if as_json:
        ctx.emit_json(result)
    else:
        _print(ctx, result)


def _print(ctx: Context, result: ModelExport) -> None:
    what = f"{count(result.files, 'file')}, {human_size(result.size)}"
    ctx.say(f"wrote {result.name} {result.version} to {printable(os.path.relpath(result.out))} ({what})")
    if result.environment_unknown is None:
        python = f"Python {result.python}, " if result.python else ""
        ctx.say(f"needs {python}{join_limited(result.requirements) or 'no packages'}")
    else:
        ctx.warn(f"the package has no requirements: {printable(result.environment_unknown)}")
    ctx.say(f"digest {result.digest}")
    if result.loader is None:
        ctx.note("the package does not say how to load the model, whose format is unknown")
    if not result.has_signature:
        ctx.note("the package has no signature; `meta: {signature: …}` of the artifact in dver.yaml gives it one")
    if result.unknown_modules:
        modules = printable(join_limited(result.unknown_modules))
        ctx.warn(f"imported, but no package of the run has the name: {modules}")
    if result.suspect_sources:
        sources = printable(join_limited([f"code/{name}" for name in result.suspect_sources]))
        ctx.warn(f"may have secrets or absolute paths; read before you publish the package: {sources}")
    if result.needs_main:
        ctx.warn("the model needs classes of the script that made it; move them to a module and train it again")
