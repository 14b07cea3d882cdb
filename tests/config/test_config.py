"""Layered configuration: what counts, where secrets may be, and edits that keep the rest."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from dver.config import DEFAULTS, KEYS, SCOPES, Config, ConfigPaths, Scope, Setting, edit, remove_remote, spec_of
from dver.core.errors import RepositoryError, UsageError
from dver.core.remote_schema import SECRETS, SETTINGS


@pytest.fixture
def paths(tmp_path: Path) -> ConfigPaths:
    root = tmp_path / "repo"
    root.mkdir()
    return ConfigPaths.of(root, root / ".git")


def put(paths: ConfigPaths, scope: Scope, text: str) -> Path:
    path = paths.file(scope)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def load(paths: ConfigPaths, **environ: str) -> Config:
    return Config.load(paths, environ)


def test_the_files_are_in_their_usual_places(tmp_path: Path, env: Path) -> None:
    paths = ConfigPaths.of(tmp_path, tmp_path / ".git", {"XDG_CONFIG_HOME": "/xdg"})
    assert paths.global_file == Path("/xdg/dver/config.toml")
    assert paths.project_file == tmp_path / ".dver/config.toml"
    assert paths.local_file == tmp_path / ".git/dver/config.toml"
    assert ConfigPaths.of(tmp_path, tmp_path, {}).global_file == env / ".config/dver/config.toml"


def test_without_files_there_are_defaults_and_no_toml_parser(
    paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tomllib", None)
    put(paths, "project", "# Settings of this project.\n\n  # None yet.")
    config = load(paths)
    assert config.items() == [Setting(key, value, "default", secret=False) for key, value in sorted(DEFAULTS.items())]
    assert (config.cache_dir, config.cache_link, config.default_remote, config.jobs) == (None, "auto", None, None)
    assert config.remote_names == []


def test_the_nearer_file_wins_and_the_environment_over_all(paths: ConfigPaths) -> None:
    put(paths, "global", "[core]\njobs = 1\nremote = 'g'\n[cache]\nlink = 'copy'\ndir = 'g'\n")
    put(paths, "project", "[core]\njobs = 2\nremote = 'p'\n[cache]\nlink = 'symlink'\n")
    put(paths, "local", "[core]\njobs = 3\nremote = 'l'\n")
    config = load(paths, DVER_CORE_JOBS="4", DVER_CACHE_LINK="")
    found = {item.key: (item.value, item.origin) for item in config.items() if item.origin != "default"}
    assert found == {
        "cache.dir": ("g", "global"),
        "cache.link": ("symlink", "project"),
        "core.remote": ("l", "local"),
        "core.jobs": (4, "environment"),
    }
    assert (config.get("core.jobs"), config.origin("core.jobs"), config.jobs) == (4, "environment", 4)
    assert config.origin("remote.x.url") == "default"
    assert config.get("remote.x.url") is None


def test_a_remote_is_put_together_setting_by_setting(paths: ConfigPaths) -> None:
    put(paths, "global", "[remote.origin]\nregion = 'eu'\njobs = 3\n")
    put(paths, "project", "[remote.origin]\nurl = 's3://b'\nregion = 'us'\n[remote.backup]\nurl = '/mnt'\n")
    put(paths, "local", "[remote.origin]\nsecret_access_key = 'S'\n")
    config = load(paths)
    assert config.remote_names == ["backup", "origin"]
    assert config.remote_table("origin") == {"url": "s3://b", "region": "us", "jobs": 3, "secret_access_key": "S"}
    assert [item.key for item in config.items() if item.secret] == ["remote.origin.secret_access_key"]
    with pytest.raises(UsageError, match="no remote is called 'orgin'") as error:
        config.remote_table("orgin")
    assert error.value.fix == "did you mean origin?"


def test_the_only_remote_is_the_default_one(paths: ConfigPaths) -> None:
    put(paths, "project", "[remote.a]\nurl = '/a'\n")
    assert load(paths).default_remote == "a"
    put(paths, "project", "[remote.a]\nurl = '/a'\n[remote.b]\nurl = '/b'\n")
    assert load(paths).default_remote is None
    put(paths, "local", "[core]\nremote = 'b'\n")
    assert load(paths).default_remote == "b"


def test_the_cache_directory_may_start_from_home(paths: ConfigPaths, env: Path) -> None:
    for value, expected in (("../c", Path("../c")), ("/abs", Path("/abs")), ("~/c", env / "c")):
        put(paths, "local", f"[cache]\ndir = '{value}'\n")
        assert load(paths).cache_dir == expected


@pytest.mark.parametrize("scope", ["project", "global"])
@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_outside_the_clone_is_refused_and_not_shown(paths: ConfigPaths, scope: Scope, name: str) -> None:
    path = put(paths, scope, f"[remote.origin]\n{name} = 'hush'\n")
    with pytest.raises(RepositoryError) as error:
        load(paths)
    text = f"{error.value.what} {error.value.why} {error.value.fix}"
    assert str(path) in text
    assert f"dver config set --local remote.origin.{name}" in text
    assert "hush" not in text


@pytest.mark.parametrize("scope", ["project", "global"])
@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_is_set_with_local_only(paths: ConfigPaths, scope: Scope, name: str) -> None:
    with pytest.raises(UsageError, match="secret") as error:
        edit(paths, scope, f"remote.origin.{name}", "hush")
    assert "--local" in (error.value.fix or "")
    assert not paths.file(scope).exists()
    edit(paths, "local", f"remote.origin.{name}", "hush")
    assert load(paths).remote_table("origin") == {name: "hush"}


@pytest.mark.parametrize("scope", SCOPES)
def test_a_password_in_a_url_is_refused_anywhere(paths: ConfigPaths, scope: Scope) -> None:
    with pytest.raises(UsageError, match="password") as error:
        edit(paths, scope, "remote.origin.url", "https://me:hush@host/x")
    assert "hush" not in f"{error.value.what} {error.value.why} {error.value.fix}"


def test_the_local_file_is_private(paths: ConfigPaths) -> None:
    edit(paths, "local", "core.jobs", "2")
    assert paths.local_file.stat().st_mode & 0o777 == 0o600
    paths.local_file.chmod(0o644)
    edit(paths, "local", "core.jobs", "3")
    assert paths.local_file.stat().st_mode & 0o777 == 0o644
    edit(paths, "local", "remote.origin.session_token", "hush")
    assert paths.local_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[core]\njobs = = 1\n", ", line 2, column 8"),
        ("[core\n", ", line 1, column 6"),
        ("[core]\njobs = '", ""),
        ("[core]\njobs = 1\njobs = 2\n", ", line 3"),
        ("a = " + "[" * 100_000, ""),
    ],
)
def test_broken_toml_is_reported_with_its_place(paths: ConfigPaths, text: str, place: str) -> None:
    path = put(paths, "project", text)
    with pytest.raises(RepositoryError) as error:
        load(paths)
    assert error.value.what.startswith(f"{path}{place}")
    assert error.value.why


def test_a_file_that_is_not_utf8_is_reported_with_its_line(paths: ConfigPaths) -> None:
    put(paths, "project", "").write_bytes(b"[core]\nremote = '\xff'\n")
    with pytest.raises(RepositoryError, match="line 2"):
        load(paths)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("jobs = 1\n", "jobs"),
        ("core = 1\n", "core"),
        ("remote = 'x'\n", "remote"),
        ("[core]\njob = 1\n", "core.job"),
        ("[core]\njobs = 0\n", "core.jobs"),
        ("[core]\njobs = true\n", "core.jobs"),
        ("[core]\njobs = '1'\n", "core.jobs"),
        ("[core.jobs]\nx = 1\n", "core.jobs"),
        ("[cache]\nlink = 'magic'\n", "cache.link"),
        ("[gc]\ngrace = 14\n", "gc.grace"),
        ("[gc]\ngrace = 'soon'\n", "gc.grace"),
        ("[remote]\nurl = 'x'\n", "remote.url"),
        ("[remote.'a b']\nurl = 'x'\n", "remote.a b"),
        ("[remote.'']\nurl = 'x'\n", "remote."),
    ],
)
def test_what_cannot_be_used_is_named_with_its_file(paths: ConfigPaths, text: str, key: str) -> None:
    path = put(paths, "local", text)
    with pytest.raises(RepositoryError) as error:
        load(paths)
    assert error.value.what == f"{path}: cannot use {key!r}"
    assert error.value.why
    assert error.value.fix


def test_a_wrong_value_in_the_environment_names_the_variable(paths: ConfigPaths) -> None:
    with pytest.raises(UsageError, match="DVER_CORE_JOBS"):
        load(paths, DVER_CORE_JOBS="many")


@pytest.mark.parametrize(
    ("key", "fix"),
    [
        ("cache.lnik", "did you mean cache.link?"),
        ("core.jbos", "did you mean core.jobs?"),
        ("remote.origin.endpoint", "did you mean remote.origin.endpoint_url?"),
        ("xyz", "`dver config --help` lists all settings"),
        ("remote.origin", None),
        ("remote.a.b.url", None),
        ("remote.-x.url", "choose another name"),
    ],
)
def test_an_unknown_key_is_refused_with_a_close_match(paths: ConfigPaths, key: str, fix: str | None) -> None:
    with pytest.raises(UsageError) as error:
        edit(paths, "project", key, "x")
    assert fix is None or error.value.fix == fix
    assert not paths.project_file.exists()
    with pytest.raises(UsageError):
        load(paths).get(key)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("core.jobs", "8", 8),
        ("cache.link", "hardlink", "hardlink"),
        ("cache.dir", "/mnt/a b 'c' \"d\" \\ é", "/mnt/a b 'c' \"d\" \\ é"),
        ("cache.shared", "group", "group"),
        ("gc.grace", "0d", "0d"),
        ("remote.origin.anonymous", "true", True),
        ("remote.origin.anonymous", "False", False),
        ("remote.origin.url", "s3://bucket/prefix", "s3://bucket/prefix"),
        ("remote.NAME.url", "/mnt", "/mnt"),
        ("remote.1.url", "/mnt", "/mnt"),
    ],
)
def test_a_typed_value_gets_the_type_of_its_key(paths: ConfigPaths, key: str, text: str, value: object) -> None:
    edit(paths, "global", key, text)
    assert load(paths).get(key) == value
    assert type(load(paths).get(key)) is type(value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("core.jobs", "0"),
        ("core.jobs", "-1"),
        ("core.jobs", "1.5"),
        ("core.jobs", "many"),
        ("core.jobs", "9" * 5000),
        ("cache.link", "magic"),
        ("cache.shared", "yes"),
        ("gc.grace", "14"),
        ("gc.grace", "d"),
        ("gc.grace", "-1d"),
        ("gc.grace", "1.5d"),
        ("gc.grace", "14 d"),
        ("gc.grace", "14d\n"),
        ("gc.grace", "\u0663d"),
        ("gc.grace", "9999999d"),
        ("cache.dir", ""),
        ("cache.dir", "  "),
        ("remote.origin.anonymous", "perhaps"),
        ("remote.origin.addressing_style", "odd"),
        ("remote.origin.jobs", "0"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(paths: ConfigPaths, key: str, text: str) -> None:
    with pytest.raises(UsageError, match="invalid value for") as error:
        edit(paths, "local", key, text)
    assert error.value.why
    assert not paths.local_file.exists()


@pytest.mark.parametrize(
    ("text", "seconds"), [("0d", 0), ("30m", 1800), ("12h", 43200), ("14d", 1209600), ("2w", 1209600)]
)
def test_the_grace_is_a_number_of_seconds(paths: ConfigPaths, text: str, seconds: int) -> None:
    assert load(paths).gc_grace == 14 * 86400
    edit(paths, "project", "gc.grace", text)
    assert load(paths).gc_grace == seconds
    assert load(paths, DVER_GC_GRACE="1m").gc_grace == 60


COMMENTED = """\
# Ours.

[core]   # general
  jobs = 4 # four

[remote.origin]
url = 's3://b' # the bucket
"""


def test_an_edit_keeps_comments_and_layout(paths: ConfigPaths) -> None:
    path = put(paths, "project", COMMENTED)
    edit(paths, "project", "core.jobs", "8")
    assert path.read_text() == COMMENTED.replace("jobs = 4", "jobs = 8")
    edit(paths, "project", "remote.origin.region", "eu")
    edit(paths, "project", "remote.origin.region", None)
    edit(paths, "project", "core.jobs", "4")
    assert path.read_text() == COMMENTED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[core]\nremote = 'x'\n[remote.a]\nurl = '/a'\n[cache]\nlink = 'copy'\n[remote.b]\nurl = '/b'\n",
        "core.remote = 'x'\nremote.a.url = '/a'\n",
        "core = { remote = 'x' }\nremote = { a = { url = '/a' } }\n",
        "[remote]\n[remote.a]\nurl = '/a'\r\n",
        "[remote]\na.url = '/a'\n",
    ],
)
def test_files_of_any_layout_can_be_edited(paths: ConfigPaths, text: str) -> None:
    path = put(paths, "project", text)
    before = tomllib.loads(text)
    edit(paths, "project", "remote.new.url", "/new")
    edit(paths, "project", "remote.a.region", "eu")
    edit(paths, "project", "core.jobs", "2")
    config = load(paths)
    assert config.remote_table("new") == {"url": "/new"}
    assert config.remote_table("a")["region"] == "eu"
    assert config.jobs == 2
    for key, item in (("remote.new.url", None), ("remote.a.region", None), ("core.jobs", None)):
        edit(paths, "project", key, item)
    assert tomllib.loads(path.read_text()) == before


def test_taking_out_the_last_setting_takes_out_its_section(paths: ConfigPaths) -> None:
    edit(paths, "project", "remote.origin.url", "/x")
    edit(paths, "project", "remote.origin.url", None)
    assert paths.project_file.read_text().strip() == ""


@pytest.mark.parametrize("key", ["core.jobs", "core.nonsense", "remote.origin.url", "x"])
def test_taking_out_what_is_not_there_is_an_error(paths: ConfigPaths, key: str) -> None:
    with pytest.raises(UsageError, match="is not set in"):
        edit(paths, "project", key, None)


def test_an_unknown_key_or_a_secret_can_be_taken_out(paths: ConfigPaths) -> None:
    put(paths, "project", "[core]\njob = 1\n[remote.origin]\nsecret_access_key = 'x'\n")
    edit(paths, "project", "core.job", None)
    edit(paths, "project", "remote.origin.secret_access_key", None)
    assert load(paths).remote_names == []


def test_broken_toml_is_not_edited(paths: ConfigPaths) -> None:
    path = put(paths, "project", "[core\n")
    with pytest.raises(RepositoryError, match="not valid TOML"):
        edit(paths, "project", "core.jobs", "2")
    assert path.read_text() == "[core\n"


def test_nothing_is_written_where_a_symbolic_link_leads(paths: ConfigPaths, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (paths.root / ".dver").symlink_to(tmp_path / "outside")
    with pytest.raises(RepositoryError, match="symbolic link"):
        edit(paths, "project", "core.jobs", "2")
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_remote_is_removed_with_its_secrets_and_as_the_default(paths: ConfigPaths) -> None:
    put(paths, "project", "# Ours\n[core]\nremote = 'origin'\n[remote.origin]\nurl = '/x'\n[remote.b]\nurl = '/b'\n")
    edit(paths, "local", "remote.origin.session_token", "hush")
    assert remove_remote(paths, "origin") == ["project", "local"]
    assert load(paths).remote_names == ["b"]
    assert load(paths).origin("core.remote") == "default"
    assert paths.project_file.read_text().startswith("# Ours\n")
    assert "hush" not in paths.local_file.read_text()
    assert remove_remote(paths, "origin") == []


def test_every_setting_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "config.md").read_text()
    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}
    names = [spec.name for spec in KEYS] + [f"remote.NAME.{spec.name}" for spec in SETTINGS]
    assert list(rows) == names
    for name in names:
        spec = spec_of(name)
        assert spec.doc in rows[name]
        assert ("secret" in rows[name].split("|")[2]) is spec.secret
        assert all(f"`{choice}`" in rows[name] for choice in spec.choices)
        default = DEFAULTS.get(name, "")
        assert (str(default).lower() if isinstance(default, bool) else str(default)) in rows[name]


def test_of_a_commit_elsewhere_only_remotes_count(paths: ConfigPaths) -> None:
    put(paths, "global", '[cache]\ndir = "/mine"\n[remote.lab]\nprofile = "work"\n')
    content = b"""
    [cache]
    dir = "/theirs"
    [core]
    remote = "lab"
    jobs = 3
    [remote.lab]
    url = "s3://bucket/prefix"
    """
    found = Config.of_commit(ConfigPaths.of(paths.root, paths.root), content, {"DVER_CACHE_DIR": "/other"})
    assert (found.cache_dir, found.default_remote, found.jobs) == (None, "lab", None)
    assert found.remote_table("lab") == {"profile": "work", "url": "s3://bucket/prefix"}


def test_a_broken_config_of_a_commit_elsewhere_is_named(paths: ConfigPaths) -> None:
    with pytest.raises(RepositoryError, match=r"config\.toml: not valid TOML"):
        Config.of_commit(paths, b"[remote", {})
