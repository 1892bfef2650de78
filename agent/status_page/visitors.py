"""Who asks: the language, the sign-in behind a cookie, and the forms that belong to it.

Cookies are for this page alone, out of reach of scripts and of other sites.
"""

import re
import secrets
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from agent.errors import ConfigError
from agent.language import LanguageCode, preferred_language
from agent.status_page.access import SIGNED_IN_SECONDS, FailedTries, FormMarks, SignIns, Token

YEAR = 365 * 86_400
_ASKED = re.compile(r"(?:^|,)\s*(de|en)\b[^,;]*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Visitor:
    """One request's; `mark` goes into every form, `chosen` if the language has just been asked for."""

    language: LanguageCode
    chosen: bool
    signed_in: bool
    may_read: bool
    mark: str


@dataclass(frozen=True, slots=True)
class NewForm:
    """A cookie of a form's own, and the mark that fits it."""

    cookie: str
    mark: str


@dataclass(frozen=True, slots=True)
class Visitors:
    """All of them. `local` if only this machine reaches the page; without a token nobody acts."""

    local: bool
    encrypted: bool
    token: Token | None
    tries: FailedTries = field(default_factory=FailedTries)
    _sign_ins: SignIns = field(default_factory=SignIns)
    _marks: FormMarks = field(default_factory=FormMarks)

    def seen(self, request: Request) -> Visitor:
        language, chosen = _language(request)
        signed_in = self._is_signed_in(request)
        mark = self._marks.of(request.cookies.get(self._session, ""))
        return Visitor(language, chosen, signed_in, self.local or signed_in, mark)

    # --- signing in ----------------------------------------------------------------------------

    def shows_token(self, request: Request, given: str) -> bool:
        """A wrong one is counted. Raises ConfigError if the token itself cannot be read."""
        if self.token is not None and self.token.fits(given):
            return True
        self.tries.add(address(request))
        return False

    def bearer_fits(self, request: Request) -> bool:
        """For machines, which have no cookie."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self.tries.too_many(address(request)):
            return False
        try:
            return self.shows_token(request, given)
        except ConfigError:
            return False

    def sign_in(self, response: Response) -> None:
        """Raises ConfigError as above."""
        if self.token is not None:
            name = self._sign_ins.open(self.token.digest())
            self._set(response, self._session, name, int(SIGNED_IN_SECONDS))
            self._set(response, self._form, "", 0)

    def sign_out(self, request: Request, response: Response) -> None:
        self._sign_ins.close(request.cookies.get(self._session, ""))
        self._set(response, self._session, "", 0)

    def _is_signed_in(self, request: Request) -> bool:
        name = request.cookies.get(self._session)
        if name is None or self.token is None:
            return False
        try:
            return self._sign_ins.is_open(name, self.token.digest())
        except ConfigError:
            return False

    # --- forms ---------------------------------------------------------------------------------

    def is_own_form(self, request: Request, mark: str) -> bool:
        """Of who is signed in: the mark belongs to the sign-in."""
        return self._marks.fits(request.cookies.get(self._session, ""), mark)

    def is_own_login(self, request: Request, mark: str) -> bool:
        """Of who is not, or whose sign-in is over though the browser still has its cookie."""
        return self._marks.fits(request.cookies.get(self._form, ""), mark)

    def new_form(self) -> NewForm:
        """For who has not signed in."""
        cookie = secrets.token_urlsafe(32)
        return NewForm(cookie, self._marks.of(cookie))

    def give_form(self, form: NewForm, response: Response) -> None:
        self._set(response, self._form, form.cookie, int(SIGNED_IN_SECONDS))

    def answer(self, visitor: Visitor, content: str, status: int = 200) -> Response:
        """A page, and with it the language for the next ones."""
        response = HTMLResponse(content, status)
        if visitor.chosen:
            response.set_cookie(
                LANGUAGE, visitor.language.value, YEAR, httponly=True, samesite="lax", secure=self.encrypted
            )
        return response

    def _set(self, response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            name, value, seconds, path="/", httponly=True, samesite="strict", secure=self.encrypted
        )

    @property
    def _session(self) -> str:
        return self._named("otv_session")

    @property
    def _form(self) -> str:
        return self._named("otv_form")

    def _named(self, name: str) -> str:
        # Browsers take this prefix over an encrypted line only, and then from nobody but this host.
        return f"__Host-{name}" if self.encrypted else name


LANGUAGE = "otv_language"


def address(request: Request) -> str:
    """Whose tries are counted together."""
    return request.client.host if request.client else ""


def _language(request: Request) -> tuple[LanguageCode, bool]:
    """By the link that was followed, the cookie it left, the browser's wish, this account's locale."""
    known = {code.value: code for code in LanguageCode}
    asked = request.query_params.get("lang", "")
    if asked in known:
        return known[asked], True
    kept = request.cookies.get(LANGUAGE, "")
    if kept in known:
        return known[kept], False
    wishes = _ASKED.findall(request.headers.get("accept-language", "")[:200])
    if wishes:
        best = max(wishes, key=lambda wish: float(wish[1] or 1))
        return known[best[0].lower()], False
    return preferred_language(), False
