"""A user's own session at Gaia's archive, opened by astroquery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from stellarnb.errors import ArchiveDown, InvalidInput

__all__ = ["Cookie", "gaia_session"]


@dataclass(frozen=True, repr=False)
class Cookie:
    """A session cookie; it is never shown and never written to disk."""

    host: str
    path: str
    name: str
    value: str
    secure: bool

    def __repr__(self) -> str:
        return f"<Cookie of {self.host}{self.path}>"


def gaia_session(tap_url: str, data_url: str, user: str | None) -> list[Cookie]:
    """Log in to Gaia's archive for TAP and DataLink; astroquery asks for the password."""
    import requests

    try:
        # The module asks the archive for messages at import, so it is imported for this alone.
        from astroquery.gaia import GaiaClass
        from astroquery.utils.tap.core import TapPlus

        tap, data = _keeper(tap_url), _keeper(data_url)
        session = GaiaClass(
            tap_plus_conn_handler=tap,
            datalink_handler=TapPlus(url=_home(data_url), connhandler=data),
            gaia_tap_server=_home(tap_url),
            gaia_data_server=_home(data_url),
            show_server_messages=False,
        )
        session.login(user=user)
    except (OSError, requests.RequestException) as error:
        raise ArchiveDown(
            f"{urlsplit(tap_url).hostname} cannot be reached to log in: {type(error).__name__}."
        ) from None  # what went wrong may hold what was sent
    found = [_cookie(keeper, url) for keeper, url in ((tap, tap_url), (data, data_url))]
    cookies = [cookie for cookie in found if cookie is not None]
    if len(cookies) < len(found):
        raise InvalidInput(
            f"{urlsplit(tap_url).hostname} does not accept this user and password. Nothing of them "
            "was kept; try again."
        )
    return cookies


def _keeper(url: str) -> Any:
    from astroquery.utils.tap.conn.tapconn import TapConn

    class Keeper(TapConn):  # type: ignore[misc]
        """A connection of astroquery that exposes its session cookie."""

        kept = ""

        def set_cookie(self, cookie: str) -> None:
            self.kept = cookie
            super().set_cookie(cookie)

    parts = urlsplit(url)
    safe = parts.scheme == "https"
    port = parts.port or (443 if safe else 80)
    server = parts.path.strip("/").split("/")[0]
    return Keeper(
        safe, parts.hostname, server_context=server, tap_context="tap", port=port, sslport=port
    )


def _cookie(keeper: Any, url: str) -> Cookie | None:
    name, sign, value = str(keeper.kept).partition("=")
    if not sign:
        return None
    parts = urlsplit(url)
    path = f"/{parts.path.strip('/').split('/')[0]}"
    return Cookie(str(parts.hostname), path, name, value, parts.scheme == "https")


def _home(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"
