"""The site: which address shows what, to whom, and what an error looks like.

Reading is free on this machine and needs the token from elsewhere; acting,
in `agent.status_page.acts`, always needs it.
"""

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from agent.board import Board, BoardKey
from agent.errors import AgentError
from agent.language import Language, Sentence, sentence
from agent.status_page.acts import Acts
from agent.status_page.charts import chart_data, refused
from agent.status_page.desk import Desk, hold_mark
from agent.status_page.gate import Defect, Front, Gate
from agent.status_page.rendering import page
from agent.status_page.static_files import static_file
from agent.status_page.verdict import verdict
from agent.status_page.visitors import Visitors
from agent.status_page.work import beside

FOR_EVER = "public, max-age=31536000, immutable"
"""A file's address changes with its content."""
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_DONE = {
    "released": sentence("Released. The service takes it up within a minute."),
    "retried": sentence("The file waits to be judged again, within a minute."),
    "discarded": sentence("The file was removed."),
}
_ERRORS = {
    403: sentence("This form is not valid any more. Go back to the page and begin again."),
    404: sentence("There is no such page."),
    429: sentence("Too many wrong tokens. Try again in five minutes."),
}
_ELSE = sentence("That cannot be done here.")


def site(desk: Desk, visitors: Visitors, front: Front, defect: Defect) -> ASGIApp:
    """Everything behind its gate; `defect` is told of exceptions that nobody expected."""
    pages, acts = Pages(desk, visitors), Acts(desk, visitors)
    routes = [
        Route("/", pages.board),
        Route("/series.json", pages.series),
        Route("/metrics", pages.metrics),
        Route("/healthz", _healthz),
        Route("/static/{name}", _static),
        *acts.routes(),
    ]
    handlers: Any = {HTTPException: pages.http_error, AgentError: pages.agent_error}
    return Gate(Starlette(routes=routes, exception_handlers=handlers), front, defect)


class Pages:
    """What is only read."""

    def __init__(self, desk: Desk, visitors: Visitors) -> None:
        self._desk = desk
        self._visitors = visitors

    async def board(self, request: Request) -> Response:
        visitor = self._visitors.seen(request)
        if not visitor.may_read:
            return RedirectResponse("/login", 303)
        board = await beside(self._desk.board)
        content = page(
            "board.html",
            Language(visitor.language, board.time_zone),
            board=board,
            verdict=verdict(board),
            visitor=visitor,
            can_act=self._visitors.token is not None,
            done=_DONE.get(request.query_params.get("done", "")),
            hold_mark=hold_mark,
            names=_names(board),
            refused=refused,
            key_tables=_key_tables(board),
        )
        return self._visitors.answer(visitor, content)

    async def series(self, request: Request) -> Response:
        if not self._visitors.seen(request).may_read:
            raise HTTPException(401)
        board = await beside(self._desk.board)
        return JSONResponse(chart_data(board.series, _names(board)))

    async def metrics(self, request: Request) -> Response:
        if not self._visitors.seen(request).may_read and not self._visitors.bearer_fits(request):
            raise HTTPException(401)
        return PlainTextResponse(await beside(self._desk.metrics), headers={"content-type": METRICS_TYPE})

    async def http_error(self, request: Request, error: HTTPException) -> Response:
        """Its number and a sentence of ours; what the library says of it stays out."""
        return self._error(request, error.status_code, _ERRORS.get(error.status_code, _ELSE))

    async def agent_error(self, request: Request, error: AgentError) -> Response:
        """Our own passing fault, such as a database that is down; its remedy is said in both languages."""
        said = sentence("This cannot be said or done at this moment.")
        return self._error(request, 503, said, error.remedy)

    def _error(self, request: Request, status: int, what: Sentence, remedy: str = "") -> Response:
        visitor = self._visitors.seen(request)
        language = Language(visitor.language)
        content = page("error.html", language, visitor=visitor, status=status, what=what, remedy=remedy)
        response = self._visitors.answer(visitor, content, status)
        if status == 401:
            response.headers["www-authenticate"] = "Bearer"
        return response


def _names(board: Board) -> dict[str, str]:
    return {one.partner_id: one.name for one in board.partners}


def _key_tables(board: Board) -> list[tuple[Sentence, bool, list[BoardKey]]]:
    """What may end, and beside it what never does or stands by: heading, whether it is always open, rows."""
    ending = [one for one in board.keys if one.key_date.ends_at is not None and not one.key_date.standing_by]
    others = [one for one in board.keys if one not in ending]
    return [
        (sentence("Keys and licence by their end"), True, ending),
        (sentence("Keys that never end or stand by"), False, others),
    ]


async def _healthz(request: Request) -> Response:
    """That the page is served, and nothing more."""
    return PlainTextResponse("ok\n")


async def _static(request: Request) -> Response:
    file = static_file(request.path_params["name"])
    if file is None:
        raise HTTPException(404)
    headers = {"cache-control": FOR_EVER, "content-type": file.content_type}
    return Response(file.content, headers=headers)
