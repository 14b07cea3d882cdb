"""A server with those endpoints of GitHub and GitLab that reports use, their limits and their errors."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

PROJECT = "acme/churn"
GITHUB_TOKEN = "ghs_0123456789abcdefghij"
GITLAB_TOKEN = "glpat-0123456789abcdefghij"
BOT = "github-actions[bot]"


@dataclass
class Fault:
    """What answers the next request that matches, instead of the endpoint. Status 0 cuts the connection."""

    method: str
    path: str
    """A part of the path."""
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False
    """Whether the endpoint does its work before."""


@dataclass
class Note:
    """A comment."""

    id: int
    author: str
    body: str
    system: bool = False


@dataclass
class Host:
    """The state of the server."""

    accounts: dict[str, str] = field(default_factory=lambda: {GITHUB_TOKEN: BOT, GITLAB_TOKEN: "project_1_bot"})
    """Logins by token."""
    read_only: bool = False
    notes: dict[int, list[Note]] = field(default_factory=lambda: {7: []})
    """The comments by number of pull request."""
    pulls: list[dict[str, Any]] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    page: int = 100
    """The most items of a page."""
    next_host: str = ""
    """The host in links to next pages."""
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each request."""
    headers_seen: list[dict[str, str]] = field(default_factory=list)
    before: Callable[[str, str], None] | None = None
    """Called before each request is served."""
    url: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock)
    ids: int = 100

    def bodies(self, number: int = 7) -> list[str]:
        """The comments of a pull request."""
        return [one.body for one in self.notes[number]]

    def github(self, **more: str) -> dict[str, str]:
        """The environment of a job of GitHub Actions on this server."""
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_SERVER_URL": self.url,
            "GITHUB_API_URL": f"{self.url}/api/v3",
            "GITHUB_REPOSITORY": PROJECT,
            "GITHUB_REF": "refs/pull/7/merge",
            "GITHUB_RUN_ID": "500",
            "GITHUB_TOKEN": GITHUB_TOKEN,
            **more,
        }

    def gitlab(self, **more: str) -> dict[str, str]:
        """The environment of a job of GitLab CI on this server."""
        return {
            "GITLAB_CI": "true",
            "CI_SERVER_URL": self.url,
            "CI_API_V4_URL": f"{self.url}/api/v4",
            "CI_PROJECT_ID": "42",
            "CI_PROJECT_PATH": PROJECT,
            "CI_PROJECT_URL": f"{self.url}/{PROJECT}",
            "CI_MERGE_REQUEST_IID": "7",
            "CI_PIPELINE_ID": "500",
            "CI_JOB_URL": f"{self.url}/{PROJECT}/-/jobs/9",
            "GITLAB_TOKEN": GITLAB_TOKEN,
            **more,
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Host

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        state, parts = self.state, urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with state.lock:
            state.seen.append((self.command, self.path))
            state.headers_seen.append(dict(self.headers.items()))
        if state.before is not None:
            state.before(self.command, self.path)
        with state.lock:
            fault = next((one for one in state.faults if one.method == self.command and one.path in self.path), None)
            if fault is not None:
                state.faults.remove(fault)
            if fault is None or fault.after:
                answer = self._route(parts.path)
        if fault is None:
            self._answer(*answer)
        elif fault.status == 0:
            self.close_connection = True
        else:
            self._answer(fault.status, fault.body, fault.headers)

    def _answer(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response_only(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if not isinstance(body, bytes):
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _route(self, path: str) -> tuple[Any, ...]:
        if path.startswith("/api/v4"):
            return self._gitlab(path.removeprefix("/api/v4"))
        account = self.state.accounts.get(self.headers.get("Authorization", "").rpartition(" ")[2])
        if account is None:
            return 401, {"message": "Bad credentials", "documentation_url": "https://docs.example"}
        if path in ("/api/graphql", "/graphql"):
            return 200, {"data": {"viewer": {"login": account}}}
        if self.state.read_only and self.command != "GET":
            return (
                403,
                {"message": "Resource not accessible by integration"},
                {"X-Accepted-GitHub-Permissions": "issues=write; pull_requests=write"},
            )
        return self._github(path, account)

    # -- GitHub ------------------------------------------------------------------------------------------------------

    def _github(self, path: str, account: str) -> tuple[Any, ...]:
        top = f"/api/v3/repos/{PROJECT}" if path.startswith("/api/v3/") else f"/repos/{PROJECT}"  # Enterprise, or not
        if found := re.fullmatch(rf"{top}/issues/([0-9]+)/comments", path):
            notes = self.state.notes.get(int(found[1]))
            if notes is None:
                return 404, {"message": "Not Found", "status": "404"}
            if self.command == "POST":
                return self._create(notes, account, self._github_note, 65_536)
            return self._paged([self._github_note(one) for one in notes])
        if found := re.fullmatch(rf"{top}/issues/comments/([0-9]+)", path):
            return self._change(int(found[1]), account, self._github_note)
        if path == f"{top}/pulls" and self.command == "POST":
            return self._open_github(json.loads(self.content))
        if path == f"{top}/pulls":
            owner, _, branch = self.query["head"].partition(":")
            return self._paged(
                [
                    one
                    for one in self.state.pulls
                    if one["head"]["ref"] == branch and one["head"]["repo"]["full_name"].split("/")[0] == owner
                ]
            )
        if path.startswith(f"{top}/git/"):
            return self._git(path.removeprefix(f"{top}/git/"))
        return 404, {"message": "Not Found"}

    def _open_github(self, body: dict[str, Any]) -> tuple[Any, ...]:
        if any(one["head"]["ref"] == body["head"] for one in self.state.pulls):
            errors = [{"message": f"A pull request already exists for acme:{body['head']}."}]
            return 422, {"message": "Validation Failed", "errors": errors}
        number = 8 + len(self.state.pulls)
        url = f"{self.state.url}/{PROJECT}/pull/{number}"
        head = {"ref": body["head"], "sha": "", "repo": {"full_name": PROJECT}}
        self.state.pulls.append({**body, "number": number, "head": head, "html_url": url})
        return 201, self.state.pulls[-1]

    def _github_note(self, note: Note) -> dict[str, Any]:
        url = f"{self.state.url}/{PROJECT}/pull/7#issuecomment-{note.id}"
        return {"id": note.id, "user": {"login": note.author}, "body": note.body, "html_url": url}

    def _git(self, path: str) -> tuple[Any, ...]:
        state = self.state
        body = json.loads(self.content) if self.content else {}
        kind, _, name = path.partition("/")
        if self.command == "GET" and kind == "ref":
            tip = state.refs.get(f"refs/{unquote(name)}")
            return (200, {"object": {"sha": tip}}) if tip else (404, {"message": "Not Found"})
        if self.command == "GET" and kind == "commits":
            return 200, {"sha": name, **state.objects[name]}
        if kind == "blobs":
            return 201, {"sha": self._store(base64.b64decode(body["content"]))}
        if kind == "trees":
            base = dict(state.objects[body["base_tree"]]) if "base_tree" in body else {}
            base.update({one["path"]: one["sha"] for one in body["tree"]})
            return 201, {"sha": self._store(dict(sorted(base.items())))}
        if kind == "commits":
            commit = {"tree": {"sha": body["tree"]}, "parents": body["parents"], "message": body["message"]}
            return 201, {"sha": self._store(commit)}
        ref = body["ref"] if self.command == "POST" else f"refs/{unquote(name).removeprefix('refs/')}"
        if self.command == "POST" and ref in state.refs:
            return 422, {"message": "Reference already exists"}
        if self.command == "PATCH" and state.refs.get(ref) not in state.objects[body["sha"]]["parents"]:
            return 422, {"message": "Update is not a fast forward"}
        state.refs[ref] = body["sha"]
        return 200, {"ref": ref, "object": {"sha": body["sha"]}}

    def _store(self, value: Any) -> str:
        oid = hashlib.sha1(repr(value).encode()).hexdigest()
        self.state.objects[oid] = value
        return oid

    # -- GitLab ------------------------------------------------------------------------------------------------------

    def _gitlab(self, path: str) -> tuple[Any, ...]:
        account = self.state.accounts.get(self.headers.get("PRIVATE-TOKEN", ""))
        if account is None:
            return 401, {"message": "401 Unauthorized"}
        if path == "/user":
            return 200, {"id": 1, "username": account}
        if self.state.read_only and self.command != "GET":
            return 403, {
                "error": "insufficient_scope",
                "error_description": "The request requires higher privileges than provided by the access token.",
                "scope": "api",
            }
        if not re.match(r"/projects/(42|acme%2Fchurn)/", path):
            return 404, {"message": "404 Project Not Found"}
        if path.endswith("/uploads"):
            found = re.search(rb'filename="([^"]+)"\r\n.*?\r\n\r\n(.*)\r\n--[0-9a-f]+--', self.content, re.DOTALL)
            assert found is not None
            name = f"/uploads/{hashlib.md5(found[2]).hexdigest()}/{found[1].decode()}"
            self.state.uploads[name] = found[2]
            return 201, {"alt": "x", "url": name, "full_path": f"/-/project/42{name}", "markdown": f"![x]({name})"}
        if path.endswith("/merge_requests"):
            return self._gitlab_requests()
        if found := re.search(r"/merge_requests/([0-9]+)/notes$", path):
            notes = self.state.notes.get(int(found[1]))
            if notes is None:
                return 404, {"message": "404 Not found"}
            if self.command == "POST":
                return self._create(notes, account, self._gitlab_note, 1_000_000)
            return self._paged([self._gitlab_note(one) for one in reversed(notes)])
        if found := re.search(r"/notes/([0-9]+)$", path):
            return self._change(int(found[1]), account, self._gitlab_note)
        return 404, {"error": "404 Not Found"}

    def _gitlab_requests(self) -> tuple[Any, ...]:
        if self.command == "GET":
            branch = self.query["source_branch"]
            return self._paged([one for one in self.state.pulls if one["source_branch"] == branch])
        body = json.loads(self.content)
        if any(one["source_branch"] == body["source_branch"] for one in self.state.pulls):
            return 409, {"message": ["Another open merge request already exists for this source branch: !8"]}
        number = 8 + len(self.state.pulls)
        url = f"{self.state.url}/{PROJECT}/-/merge_requests/{number}"
        self.state.pulls.append({**body, "iid": number, "web_url": url})
        return 201, self.state.pulls[-1]

    def _gitlab_note(self, note: Note) -> dict[str, Any]:
        return {"id": note.id, "author": {"username": note.author}, "body": note.body, "system": note.system}

    # -- both --------------------------------------------------------------------------------------------------------

    def _create(self, notes: list[Note], account: str, shown: Callable[[Note], Any], limit: int) -> tuple[Any, ...]:
        body = json.loads(self.content)["body"]
        if len(body) > limit:
            message = f"Body is too long (maximum is {limit} characters)"
            return 422, {"message": "Validation Failed", "errors": [{"code": "unprocessable", "message": message}]}
        self.state.ids += 1
        notes.append(Note(self.state.ids, account, body))
        return 201, shown(notes[-1])

    def _change(self, number: int, account: str, shown: Callable[[Note], Any]) -> tuple[Any, ...]:
        for notes in self.state.notes.values():
            for note in notes:
                if note.id == number and self.command == "DELETE":
                    notes.remove(note)
                    return 204, None
                if note.id == number:
                    assert note.author == account
                    note.body = json.loads(self.content)["body"]
                    return 200, shown(note)
        return 404, {"message": "Not Found"}

    def _paged(self, items: list[Any]) -> tuple[Any, ...]:
        size = min(self.state.page, int(self.query.get("per_page", 30)))
        page = int(self.query.get("page", 1))
        more = len(items) > page * size
        host = self.state.next_host or self.state.url
        query = urlencode({**self.query, "page": page + 1})
        link = {"Link": f'<{host}{urlsplit(self.path).path}?{query}>; rel="next"'} if more else {}
        return 200, items[(page - 1) * size : page * size], link


@contextmanager
def hosting(state: Host | None = None) -> Iterator[Host]:
    """A running server with `state`."""
    state = state or Host()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
