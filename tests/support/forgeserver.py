"""A forge's API on this host: strict about requests, and it answers in the shapes that the forges publish.

``tests/data/forges`` has the endpoints, parameters and answers, each with its origin. A request that those do not have
(another path, method, parameter, field, header) is answered as the forge would and noted in ``violations``, which a
test must find empty. A :class:`Fault` makes the next matching requests fail, with or without effect; ``on_request``
runs a function before a request is handled, as somebody else would act in between.
"""

from __future__ import annotations

import contextlib
import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from headgate.promotion.forges.repository import ForgeKind, Repository
from tests.support.serving import Served

SHAPES = Path(__file__).resolve().parents[1] / "data" / "forges"
TOKEN = "token-of-a-test-0123456789"
_TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}

Json = dict[str, Any]


@dataclass
class Request:
    """A request as it arrived; ``path`` is below the root of the API."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Fault:
    """What happens to the next ``times`` requests instead of an answer, or after the effect if ``carried_out``."""

    method: str
    path: str
    """A regular expression for the whole path."""
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    times: int = 1
    carried_out: bool = False
    drops: bool = False
    """Close the connection without an answer."""

    def hits(self, request: Request) -> bool:
        return (
            self.times > 0
            and self.method == request.method
            and re.fullmatch(self.path, request.path) is not None
        )


@dataclass
class Reply:
    status: int
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class ForgeServer(Served):
    """One forge with one repository and the account of one token."""

    def __init__(self, kind: ForgeKind, path: str = "org/fleet", prefix: str = "") -> None:
        """``prefix``: the path below which the forge is served, as ``/forge``."""
        self.kind = kind
        self.path = path
        self.prefix = prefix
        self.shapes: Json = json.loads((SHAPES / f"{kind.value}.json").read_text())
        self.token = TOKEN
        self.user: Json = copy.deepcopy(self.shapes["user"])
        self.is_installation = False
        """GitHub: the token is an App's, as in Actions."""
        self.denied: dict[str, tuple[int, str]] = {}
        """Status and message by ``METHOD path-pattern``, for rights that the token lacks."""
        self.pulls: list[Json] = []
        self.comments: dict[int, list[Json]] = {}
        self.statuses: dict[str, list[Json]] = {}
        self.branches = {"main", "topic"}
        self.max_page = 100
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.faults: list[Fault] = []
        self.on_request: Callable[[Request], None] = lambda request: None
        self._next = 100
        handler = type("Handler", (_Handler,), {"forge": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.web = f"http://127.0.0.1:{server.server_address[1]}{prefix}"
        super().__init__(server)

    @property
    def repository(self) -> Repository:
        return Repository(self.kind, self.web, self.path)

    def sent(self, *methods: str) -> list[Request]:
        """Requests of these methods."""
        return [each for each in self.requests if each.method in methods]

    # ---- state

    def add_pull(
        self, head: str = "topic", base: str = "main", title: str = "t", body: str = "", **more: Any
    ) -> Json:
        pull: Json = copy.deepcopy(self.shapes["pull"])
        number = len(self.pulls) + 1
        self._next += 1
        pull.update(id=self._next, title=title)
        url = f"{self.web}/{self.path}"
        if self.kind is ForgeKind.GITLAB:
            pull.update(iid=number, description=body, source_branch=head, target_branch=base)
            pull["web_url"] = f"{url}/-/merge_requests/{number}"
        else:
            kind = "pull" if self.kind is ForgeKind.GITHUB else "pulls"
            pull.update(number=number, body=body, html_url=f"{url}/{kind}/{number}")
            for side, branch in (("head", head), ("base", base)):
                pull[side]["ref"] = branch
                pull[side]["label"] = f"{self.path.partition('/')[0]}:{branch}"
                pull[side]["repo"]["full_name"] = self.path
        for key, value in more.items():
            pull[key] = pull[key] | value if isinstance(value, dict) else value
        self.pulls.append(pull)
        return pull

    def add_comment(self, number: int, body: str, author: Json | None = None) -> Json:
        comment: Json = copy.deepcopy(self.shapes["comment"])
        self._next += 1
        comment.update(id=self._next, body=body)
        comment["author" if self.kind is ForgeKind.GITLAB else "user"] = author or self.user
        comment["html_url"] = f"{self.web}/{self.path}/pull/{number}#issuecomment-{self._next}"
        self.comments.setdefault(number, []).append(comment)
        return comment

    def add_status(self, commit: str, context: str, state: str, at: str, **more: Any) -> Json:
        status: Json = copy.deepcopy(self.shapes["status"])
        self._next += 1
        status.update(id=self._next, created_at=at, **more)
        name, word, when = {
            ForgeKind.GITHUB: ("context", "state", "updated_at"),
            ForgeKind.GITEA: ("context", "status", "updated_at"),
            ForgeKind.GITLAB: ("name", "status", "finished_at"),
        }[self.kind]
        status.update({name: context, word: state, when: at})
        self.statuses.setdefault(commit, []).append(status)
        return status

    def another(self, number: int = 77) -> Json:
        """Another account, as comments show it."""
        name = "username" if self.kind is ForgeKind.GITLAB else "login"
        return {**self.user, "id": number, name: f"mallory-{number}"}

    # ---- answers

    def answer(self, request: Request) -> Reply:
        refused = self._authorized(request)
        if refused is not None:
            return refused
        endpoint, values = self._endpoint(request)
        if endpoint is None:
            self.violations.append(f"no such endpoint: {request.method} {request.path}")
            return Reply(
                404, self._message("404 Not Found" if self.kind is ForgeKind.GITLAB else "Not Found")
            )
        for pattern, (status, message) in self.denied.items():
            method, _, path = pattern.partition(" ")
            if method == request.method and re.fullmatch(path, request.path):
                return Reply(status, self._message(message))
        invalid = self._invalid(endpoint, request)
        if invalid:
            self.violations.append(f"{request.method} {request.path}: {invalid}")
            status = 400 if self.kind is ForgeKind.GITLAB else 422
            return Reply(status, self._message(invalid))
        if endpoint["path"] == "/user":
            return self._user()
        if endpoint["path"] == "/graphql":
            found = self.shapes["bot"] if self.is_installation else self.user
            return Reply(200, {"data": {"viewer": {"login": found["login"], "databaseId": found["id"]}}})
        where = (
            unquote(values["project"])
            if self.kind is ForgeKind.GITLAB
            else f"{values['owner']}/{values['repo']}"
        )
        if where.lower() != self.path.lower():
            return Reply(
                404, self._message("404 Project Not Found" if self.kind is ForgeKind.GITLAB else "Not Found")
            )
        name = re.sub(r"\W+", "_", endpoint["path"].rpartition("}")[0].rpartition("/")[0] + endpoint["path"])
        if "statuses" in name and request.method == "POST":
            set_by = {"description": request.body.get("description", "")}
            context = request.body.get("context", "default")
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            return Reply(
                201, self.add_status(values["commit"], context, request.body["state"], now, **set_by)
            )
        if "statuses" in name:
            found = list(reversed(self.statuses.get(values["commit"], [])))
            return self._page(request, found)
        if "comment" in values:
            return self._edit_comment(int(values["comment"]), request)
        if "comments" in name or "notes" in name:
            return self._comments(int(values["number"]), request)
        if "number" in values:
            return self._edit_pull(int(values["number"]), request)
        return self._pulls(request)

    def _authorized(self, request: Request) -> Reply | None:
        wanted = {
            ForgeKind.GITHUB: {"authorization": f"Bearer {self.token}"},
            ForgeKind.GITLAB: {"authorization": f"Bearer {self.token}"},
            ForgeKind.GITEA: {"authorization": f"token {self.token}"},
        }[self.kind]
        job = self.kind is ForgeKind.GITLAB and "job-token" in request.headers
        if job or any(request.headers.get(name) != value for name, value in wanted.items()):
            message = {
                ForgeKind.GITHUB: "Bad credentials",
                ForgeKind.GITLAB: "401 Unauthorized",
                ForgeKind.GITEA: "invalid username, password or token",
            }
            return Reply(401, self._message(message[self.kind]))
        return None

    def _message(self, text: str) -> Json:
        if self.kind is ForgeKind.GITHUB:
            return {"message": text, "documentation_url": "https://docs.github.com/rest", "status": "0"}
        return (
            {"message": text}
            if self.kind is ForgeKind.GITLAB
            else {"message": text, "url": f"{self.web}/api/swagger"}
        )

    def _endpoint(self, request: Request) -> tuple[Json | None, dict[str, str]]:
        for each in self.shapes["endpoints"]:
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(each["path"]))
            match = re.fullmatch(pattern, request.path)
            if each["method"] == request.method and match:
                return each, match.groupdict()
        return None, {}

    def _invalid(self, endpoint: Json, request: Request) -> str:
        if "user-agent" not in request.headers or "json" not in request.headers.get("accept", ""):
            return "a User-Agent and an Accept header for JSON are needed"
        if self.kind is ForgeKind.GITHUB and request.headers.get("x-github-api-version") != "2022-11-28":
            return "no version of the API"
        for name, value in request.query.items():
            allowed = endpoint.get("query", {}).get(name)
            if allowed is None or (isinstance(allowed, list) and value not in allowed):
                return f"{name}={value} is not a parameter"
            if allowed == "integer" and not value.isdecimal():
                return f"{name} is not a number"
        if endpoint["method"] == "GET":
            return "" if request.body is None else "a GET request with a body"
        if request.headers.get("content-type") != "application/json" or not isinstance(request.body, dict):
            return "the body is not a JSON object"
        for name in endpoint["required"]:
            if name not in request.body:
                return f"{name} is missing"
        for name, value in request.body.items():
            allowed = endpoint["body"].get(name)
            if isinstance(allowed, list):
                ok = value in allowed
            else:
                ok = allowed is not None and type(value) is _TYPES[allowed]
            if not ok:
                return f"the field {name} is not valid"
        return ""

    def _user(self) -> Reply:
        if self.is_installation:
            return Reply(403, self._message("Resource not accessible by integration"))
        return Reply(200, self.user)

    def _page(self, request: Request, items: list[Json]) -> Reply:
        size_name = "limit" if self.kind is ForgeKind.GITEA else "per_page"
        size = min(int(request.query.get(size_name, 30)), self.max_page)
        page = int(request.query.get("page", 1))
        part = items[(page - 1) * size : page * size]
        headers = {}
        if page * size < len(items):
            root = self.shapes["root"]
            query = urlencode({**request.query, "page": page + 1})
            headers["Link"] = (
                f'<{self.web}{root}{request.path}?{query}>; rel="next", <{self.web}{root}{request.path}>; rel="last"'
            )
        return Reply(200, part, headers)

    def _pulls(self, request: Request) -> Reply:
        if request.method == "POST":
            return self._create_pull(request.body)
        found = [each for each in self.pulls if self._is_open(each)]
        query = request.query
        if self.kind is ForgeKind.GITLAB:
            for name in ("source_branch", "target_branch"):
                found = [each for each in found if query.get(name, each[name]) == each[name]]
        else:
            base = query.get("base" if self.kind is ForgeKind.GITHUB else "base_branch")
            found = [each for each in found if base in (None, each["base"]["ref"])]
            if "head" in query:
                found = [each for each in found if each["head"]["label"] == query["head"]]
        return self._page(request, found)

    def _is_open(self, pull: Json) -> bool:
        return pull["state"] in ("open", "opened")

    def _create_pull(self, body: Json) -> Reply:
        if self.kind is ForgeKind.GITLAB:
            head, base, text = body["source_branch"], body["target_branch"], body.get("description", "")
        else:
            head, base, text = body["head"], body["base"], body.get("body", "")
        title = body.get("title", "")
        if head not in self.branches or base not in self.branches:
            return self._no_branch(head if head not in self.branches else base, head in self.branches)
        for number, each in enumerate(self.pulls, 1):
            there = (
                (each["source_branch"], each["target_branch"])
                if self.kind is ForgeKind.GITLAB
                else (each["head"]["ref"], each["base"]["ref"])
            )
            if self._is_open(each) and there == (head, base):
                return self._taken(number, head, base)
        return Reply(201, self.add_pull(head, base, title, text))

    def _no_branch(self, branch: str, is_base: bool) -> Reply:
        if self.kind is ForgeKind.GITHUB:
            field_name = "base" if is_base else "head"
            error = {"resource": "PullRequest", "field": field_name, "code": "invalid"}
            return Reply(422, {**self._message("Validation Failed"), "errors": [error]})
        if self.kind is ForgeKind.GITLAB:
            side = "Target" if is_base else "Source"
            return Reply(
                400, {"message": {"validate_branches": [f"{side} branch {branch!r} does not exist"]}}
            )
        return Reply(404, {"errors": None, **self._message("The target couldn't be found.")})

    def _taken(self, number: int, head: str, base: str) -> Reply:
        if self.kind is ForgeKind.GITHUB:
            owner = self.path.partition("/")[0]
            error = {
                "resource": "PullRequest",
                "code": "custom",
                "message": f"A pull request already exists for {owner}:{head}.",
            }
            return Reply(422, {**self._message("Validation Failed"), "errors": [error]})
        if self.kind is ForgeKind.GITLAB:
            text = f"Another open merge request already exists for this source branch: !{number}"
            return Reply(409, {"message": [text]})
        text = (
            f"pull request already exists for these targets [id: {number}, issue_id: {number}, head_repo_id: 1, "
            f"base_repo_id: 1, head_branch: {head}, base_branch: {base}]"
        )
        return Reply(409, self._message(text))

    def _edit_pull(self, number: int, request: Request) -> Reply:
        if number > len(self.pulls):
            return Reply(404, self._message("404 Not found"))
        pull = self.pulls[number - 1]
        pull.update(
            {name: request.body[name] for name in ("title", "body", "description") if name in request.body}
        )
        return Reply(201 if self.kind is ForgeKind.GITEA else 200, pull)

    def _comments(self, number: int, request: Request) -> Reply:
        if number > len(self.pulls):
            return Reply(404, self._message("404 Not found"))
        if request.method == "POST":
            limit = 65536 if self.kind is ForgeKind.GITHUB else 1_000_000
            if len(request.body["body"]) > limit:
                return Reply(422, self._message(f"body is too long (maximum is {limit} characters)"))
            author = self.shapes["bot"] if self.is_installation else self.user
            return Reply(201, self.add_comment(number, request.body["body"], author))
        found = self.comments.get(number, [])
        return Reply(200, found) if self.kind is ForgeKind.GITEA else self._page(request, found)

    def _edit_comment(self, comment: int, request: Request) -> Reply:
        for each in (each for found in self.comments.values() for each in found):
            if each["id"] == comment:
                each["body"] = request.body["body"]
                return Reply(200, each)
        return Reply(404, self._message("404 Not found"))


class _Handler(BaseHTTPRequestHandler):
    forge: ForgeServer
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        body: Any = None
        if raw:
            try:
                body = json.loads(raw)
            except ValueError:
                body = raw
        forge = self.forge
        root = forge.prefix + forge.shapes["root"]
        path = parts.path.removeprefix(root) if parts.path.startswith(f"{root}/") else parts.path
        if path == parts.path and forge.kind is ForgeKind.GITHUB:
            path = path.removeprefix(f"{forge.prefix}/api")
        request = Request(
            self.command,
            path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            body,
        )
        forge.requests.append(request)
        forge.on_request(request)
        fault = next((each for each in forge.faults if each.hits(request)), None)
        if fault is None:
            reply = forge.answer(request)
            self._reply(reply.status, reply.headers, json.dumps(reply.content).encode())
            return
        fault.times -= 1
        if fault.carried_out:
            forge.answer(request)
        if fault.drops:
            self.close_connection = True
            return
        self._reply(fault.status, fault.headers, fault.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815

    def _reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(content)),
            **headers,
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):  # A client need not read to the end.
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a failing test shows the requests."""
