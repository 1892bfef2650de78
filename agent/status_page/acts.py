"""What a person may do on the page: sign in and out, release, retry, discard.

Each is a form with a mark of its own and leads back to the page afterwards.
What cannot be taken back is asked once more on a page of its own.
"""

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from agent.board import Board, BoardHold, BoardSetAside
from agent.errors import ConfigError, UsageError
from agent.language import Language, Sentence, sentence
from agent.status_page.desk import Desk, hold_mark
from agent.status_page.rendering import page
from agent.status_page.visitors import Visitor, Visitors, address
from agent.status_page.work import beside

# Where signing in may lead back to: one of our own questions and nothing else.
_WAY_BACK = re.compile(r"/(holds/[0-9a-f]{64}|set-aside/[A-Za-z0-9-]{1,100}/discard)")
CHANGED = sentence(
    "It is not as you saw it any more: it has changed, or somebody was faster. Look again before you decide."
)
WRONG_TOKEN = sentence("This token is not right.")
UNREADABLE_TOKEN = sentence("The token on the server cannot be read. Run `otv-agent config check`.")


class Acts:
    """What changes something."""

    def __init__(self, desk: Desk, visitors: Visitors) -> None:
        self._desk = desk
        self._visitors = visitors

    def routes(self) -> list[Route]:
        return [
            Route("/login", self.ask_token),
            Route("/login", self.sign_in, methods=["POST"]),
            Route("/logout", self.sign_out, methods=["POST"]),
            Route("/holds/{mark}", self.ask_release),
            Route("/holds/{mark}", self.release, methods=["POST"]),
            Route("/set-aside/{file_id}/discard", self.ask_discard),
            Route("/set-aside/{file_id}/discard", self.discard, methods=["POST"]),
            Route("/set-aside/{file_id}/retry", self.retry, methods=["POST"]),
        ]

    # --- signing in and out --------------------------------------------------------------------

    async def ask_token(self, request: Request) -> Response:
        self._require_token()
        back = _way_back(request.query_params.get("back", ""))
        return self._login_page(request, back)

    async def sign_in(self, request: Request) -> Response:
        self._require_token()
        if self._visitors.tries.too_many(address(request)):
            raise HTTPException(429)
        fields = await _fields(request)
        if not self._visitors.is_own_login(request, fields.get("mark", "")):
            raise HTTPException(403)
        back = _way_back(fields.get("back", ""))
        response = RedirectResponse(back or "/", 303)
        try:
            if not self._visitors.shows_token(request, fields.get("token", "")):
                return self._login_page(request, back, WRONG_TOKEN)
            self._visitors.sign_in(response)
        except ConfigError:
            return self._login_page(request, back, UNREADABLE_TOKEN)
        return response

    async def sign_out(self, request: Request) -> Response:
        await self._require_own_form(request)
        response = RedirectResponse("/", 303)
        self._visitors.sign_out(request, response)
        return response

    def _login_page(self, request: Request, back: str, problem: Sentence | None = None) -> Response:
        visitor, form = self._visitors.seen(request), self._visitors.new_form()
        values = {"visitor": visitor, "mark": form.mark, "back": back, "problem": problem}
        content = page("login.html", Language(visitor.language), **values)
        response = self._visitors.answer(visitor, content, 401 if problem else 200)
        self._visitors.give_form(form, response)
        return response

    def _require_token(self) -> None:
        if self._visitors.token is None:
            raise HTTPException(404)

    # --- held ----------------------------------------------------------------------------------

    async def ask_release(self, request: Request) -> Response:
        visitor = self._visitors.seen(request)
        if not visitor.signed_in:
            return _to_sign_in(request)
        board = await beside(self._desk.board)
        hold = _hold(board, request.path_params["mark"])
        if hold is None:
            return self._changed(visitor)
        return self._question(
            "release.html", visitor, board, hold=hold, seen=hold_mark(hold), mark=visitor.mark
        )

    async def release(self, request: Request) -> Response:
        return await self._done(request, "released", self._desk.release, request.path_params["mark"])

    # --- set aside -----------------------------------------------------------------------------

    async def ask_discard(self, request: Request) -> Response:
        visitor = self._visitors.seen(request)
        if not visitor.signed_in:
            return _to_sign_in(request)
        board = await beside(self._desk.board)
        file = _set_aside(board, request.path_params["file_id"])
        if file is None:
            return self._changed(visitor)
        return self._question("discard.html", visitor, board, file=file, mark=visitor.mark)

    async def discard(self, request: Request) -> Response:
        return await self._done(request, "discarded", self._desk.discard, request.path_params["file_id"])

    async def retry(self, request: Request) -> Response:
        return await self._done(request, "retried", self._desk.retry, request.path_params["file_id"])

    async def _done(self, request: Request, word: str, act: Callable[[str], None], what: str) -> Response:
        """Do it once, and lead back to the page."""
        visitor = self._visitors.seen(request)
        if not visitor.signed_in:
            return RedirectResponse("/login", 303)
        await self._require_own_form(request)
        try:
            await beside(partial(act, what))
        except UsageError:
            return self._changed(visitor)
        return RedirectResponse(f"/?done={word}", 303)

    async def _require_own_form(self, request: Request) -> None:
        """One that this page gave to this browser; 403 for any other."""
        if not self._visitors.is_own_form(request, (await _fields(request)).get("mark", "")):
            raise HTTPException(403)

    def _question(self, template: str, visitor: Visitor, board: Board, **values: object) -> Response:
        language = Language(visitor.language, board.time_zone)
        return self._visitors.answer(visitor, page(template, language, visitor=visitor, **values))

    def _changed(self, visitor: Visitor) -> Response:
        language = Language(visitor.language)
        content = page("error.html", language, visitor=visitor, status=409, what=CHANGED, remedy="")
        return self._visitors.answer(visitor, content, 409)


async def _fields(request: Request) -> dict[str, str]:
    async with request.form(max_files=0, max_fields=5) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


def _hold(board: Board, mark: str) -> BoardHold | None:
    found = (one for one in board.holds if one.released_at is None and hold_mark(one) == mark)
    return next(found, None)


def _set_aside(board: Board, file_id: str) -> BoardSetAside | None:
    return next((one for one in board.quarantine if one.file_id == file_id), None)


def _way_back(asked: str) -> str:
    return asked if _WAY_BACK.fullmatch(asked) else ""


def _to_sign_in(request: Request) -> Response:
    return RedirectResponse(f"/login?{urlencode({'back': request.url.path})}", 303)
