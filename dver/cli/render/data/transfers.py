"""Text, JSON and errors of transfers, for `push`, `fetch`, `pull` and Git hooks."""

from __future__ import annotations

from collections.abc import Sequence

from dver.cli.context import Context
from dver.cli.render import terminal
from dver.core.errors import DverError
from dver.core.phrasing import human_size, join_limited
from dver.remote.transfer.fetch import DownloadResult
from dver.remote.transfer.push import UploadResult


def print_fetched(ctx: Context, remotes: Sequence[DownloadResult], *, dry_run: bool, profiles: bool = False) -> None:
    """Print the downloads from each remote; with `profiles`, of profiles alone."""
    verb = "would fetch" if dry_run else "fetched"
    for one in remotes:
        where = f"{one.remote} ({terminal.printable(one.url)})"
        if profiles:
            amount = f", {human_size(one.size)}" if one.size else ""
            ctx.say(f"{verb} {profiles_text(one.profiles)}{amount} from {where}")
        elif one.objects or not one.runs:
            also = f", with {profiles_text(one.profiles)}," if one.profiles else ""
            ctx.say(f"{verb} {amount_text(one.files, one.size)}{also} from {where}")
        if one.runs:
            ctx.say(f"fetched {entries_text(one.runs)} from {where}")
        if one.damaged_runs:
            ctx.warn(f"skipped damaged run cache entries of {where}: {join_limited(one.damaged_runs)}")


def downloads_json(remotes: Sequence[DownloadResult], *, dry_run: bool) -> list[dict[str, object]]:
    """The JSON form of downloads. `result` repeats the amounts received: scripts may read them there."""
    return [_download_json(one, DownloadResult() if dry_run else one) for one in remotes]


def _download_json(one: DownloadResult, received: DownloadResult) -> dict[str, object]:
    return {
        "remote": one.remote,
        "url": one.url,
        "files": one.files,
        "objects": one.objects,
        "size": one.size,
        "result": {
            "files": received.files,
            "objects": received.objects,
            "bytes_received": received.size,
            "missing": received.missing,
            "corrupt": received.corrupt,
            "is_remote_empty": received.is_remote_empty,
        },
        "runs": one.runs,
        "profiles": one.profiles,
        "damaged_runs": one.damaged_runs,
    }


def entries_text(runs: int) -> str:
    """A number of run cache entries."""
    return f"{runs:,} run cache {'entry' if runs == 1 else 'entries'}"


def profiles_text(profiles: int) -> str:
    """A number of profiles and other results about data."""
    return terminal.count(profiles, "profile or check result", "profiles or check results")


def warn_about_damaged_histories(ctx: Context, damaged: Sequence[str]) -> None:
    """Warn that profiles of live data were not pushed, since histories of monitors cannot be read."""
    for one in damaged:
        ctx.warn(f"did not push profiles of live data: {one}")


def amount_text(files: int, size: int) -> str:
    """The amount of a transfer: files, or only directory listings."""
    if not size:
        return "nothing"
    what = terminal.count(files, "file") if files else "directory listings"
    return f"{what}, {human_size(size)}"


def upload_text(one: UploadResult, *, dry_run: bool) -> str:
    """The line about an upload to a remote."""
    where = f"{one.remote} ({terminal.printable(one.url)})"
    if not one.roots:
        return f"{where} has everything"
    verb = "would push" if dry_run else "pushed"
    return f"{verb} {amount_text(one.files, one.size)} to {where}"


def first_error(remotes: Sequence[DownloadResult]) -> DverError | None:
    """The most serious of the errors for missing and damaged data. None if everything was downloaded."""
    errors = [error for one in remotes if (error := one.error()) is not None]
    return max(errors, key=lambda error: error.exit_code, default=None)
