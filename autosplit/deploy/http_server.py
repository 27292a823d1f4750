"""The Open Inference Protocol over HTTP: an ASGI application on starlette."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from autosplit.deploy.batcher import QueueFullError
from autosplit.deploy.credentials import NOT_ADMITTED, Credentials
from autosplit.deploy.link_probe import PATH, PROBE_BYTES, asked_count, probe_bytes
from autosplit.deploy.oip import LENGTH_HEADER, cloud_times, decode_request, encode_response
from autosplit.deploy.repository import OtherPlanError, Repository, UnknownModelError
from autosplit.deploy.server_metrics import AnsweredRequest, ServerMetrics
from autosplit.deploy.status_page import status_page
from autosplit.errors import AutoSplitError, DataError

Endpoint = Callable[[Request], Awaitable[Response]]
BODY_S = 30.0
"""Seconds in which the body of a request must come."""


class SlowBodyError(AutoSplitError):
    """A body comes too slowly."""


class LargeBodyError(AutoSplitError):
    """A body is longer than any right one."""


_STATUS = {
    UnknownModelError: 404,
    SlowBodyError: 408,
    OtherPlanError: 409,
    LargeBodyError: 413,
    QueueFullError: 429,
}
_MOST_DIGITS = 12
_PROMETHEUS = "text/plain; version=0.0.4"
_HEALTH = "/v2/health/"
_FOR_BROWSERS = ("/", "/metrics")
"""Paths whose token a browser may ask a person for."""


def make_app(
    repository: Repository, credentials: Credentials | None = None, body_s: float = BODY_S
) -> Starlette:
    """The application of a repository.

    Args:
        repository: The cloud halves to offer.
        credentials: Its token is asked for, but of those that ask whether the server lives.
        body_s: Seconds in which the body of a request must come.
    """
    api = _Api(repository, body_s)
    routes = [
        Route("/", api.page),
        Route("/metrics", api.metrics),
        Route("/v2", api.server),
        Route("/v2/", api.server),
        Route("/v2/health/live", api.live),
        Route("/v2/health/ready", api.live),
        Route(PATH, _told(api.take_probe), methods=["POST"]),
        Route(f"{PATH}/{{count}}", _told(api.give_probe)),
    ]
    for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
        routes += [
            Route(path, _told(api.metadata)),
            Route(f"{path}/ready", _told(api.ready)),
        ]
        # the first that is looked at: nearly every request is one
        routes.insert(0, Route(f"{path}/infer", _told(api.infer, repository), methods=["POST"]))
    admitted = credentials or Credentials()
    guard = Middleware(_TokenGuard, credentials=admitted, metrics=repository.metrics)
    return Starlette(routes=routes, middleware=[guard])


class _TokenGuard:
    """Refuses requests without the token before their body is read."""

    def __init__(self, app: ASGIApp, credentials: Credentials, metrics: ServerMetrics) -> None:
        self.app = app
        self.credentials = credentials
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(_HEALTH):
            header = Headers(scope=scope).get("authorization")
            browser = scope["path"] in _FOR_BROWSERS
            if not self.credentials.admits(header, browser):
                self.metrics.refuse("http", "401", NOT_ADMITTED)
                way = 'Basic realm="autosplit, the password is the token"' if browser else "Bearer"
                headers = {"WWW-Authenticate": way}
                refusal = JSONResponse({"error": NOT_ADMITTED}, 401, headers)
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


class _Api:
    def __init__(self, repository: Repository, body_s: float) -> None:
        self.repository = repository
        self.body_s = body_s

    async def page(self, _: Request) -> Response:
        return HTMLResponse(status_page(self.repository.network, self.repository.metrics))

    async def metrics(self, _: Request) -> Response:
        return Response(self.repository.metrics.text(), media_type=_PROMETHEUS)

    async def server(self, _: Request) -> Response:
        return JSONResponse(self.repository.server())

    async def live(self, _: Request) -> Response:
        return Response()

    async def take_probe(self, request: Request) -> Response:
        await self._body(request, PROBE_BYTES)
        return Response()

    async def give_probe(self, request: Request) -> Response:
        count = asked_count(request.path_params["count"])
        return Response(probe_bytes(count), media_type="application/octet-stream")

    async def metadata(self, request: Request) -> Response:
        return JSONResponse(self.repository.metadata(*_named(request)))

    async def ready(self, request: Request) -> Response:
        self.repository.find(*_named(request))
        return Response()

    async def infer(self, request: Request) -> Response:
        model, version = _named(request)
        served = self.repository.find(model, version)
        body = await self._body(request, served.most_bytes)
        start = time.perf_counter()
        asked = decode_request(body, _header_length(request))
        served.check_plan(asked.plan_id)
        ran = await served.infer(asked.inputs, asked.outputs)
        server_s = time.perf_counter() - start
        times = cloud_times(ran.run_s, server_s)
        data, length = encode_response(model, served.plan.name, ran.outputs, asked, times)
        rows = len(next(iter(asked.inputs.values())))
        sizes = len(body), len(data)
        one = AnsweredRequest("http", served.plan.name, rows, *sizes, server_s, ran.run_s)
        self.repository.metrics.answered(one)
        if length is None:
            return Response(data, media_type="application/json")
        headers = {LENGTH_HEADER: str(length)}
        return Response(data, headers=headers, media_type="application/octet-stream")

    async def _body(self, request: Request, most: int) -> bytes:
        """The body, of at most so many bytes.

        Raises:
            SlowBodyError: It does not come in time.
            LargeBodyError: It is longer.
        """
        try:
            return await asyncio.wait_for(_body(request, most), self.body_s)
        except TimeoutError as error:
            raise SlowBodyError(f"body: must come within {self.body_s:g} s, has not") from error


def _told(endpoint: Endpoint, counted: Repository | None = None) -> Endpoint:
    """An endpoint whose errors are the protocol's: a status, and one line.

    Args:
        endpoint: What is called.
        counted: Counts the errors; None: they are not counted.
    """

    async def call(request: Request) -> Response:
        try:
            return await endpoint(request)
        except AutoSplitError as error:
            status = _STATUS.get(type(error), 400)
            if counted is not None:
                counted.metrics.refuse("http", str(status), str(error))
            return JSONResponse({"error": str(error)}, status)

    return call


def _named(request: Request) -> tuple[str, str]:
    found: dict[str, Any] = request.path_params
    return found["model"], found.get("version", "")


async def _body(request: Request, most: int) -> bytes:
    """The body, of at most so many bytes.

    Raises:
        LargeBodyError: It is longer, by its header or by its bytes.
    """
    text = request.headers.get("content-length", "")
    parts, size = [], 0
    if text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS and int(text) > most:
        raise LargeBodyError(f"body: must be at most {most} bytes, is {int(text)}")
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise LargeBodyError(f"body: must be at most {most} bytes, is longer")
        parts.append(part)
    return b"".join(parts)


def _header_length(request: Request) -> int | None:
    text = request.headers.get(LENGTH_HEADER)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS):
        raise DataError(f"{LENGTH_HEADER}: must be a whole number, got {text!r:.40}")
    return int(text)
