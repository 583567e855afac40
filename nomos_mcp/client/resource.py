"""What the resources share: from a path to a checked record, from a query to a page of them."""

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from nomos_mcp.client.answers import Json, cleaned
from nomos_mcp.client.errors import UnreadableAnswerError
from nomos_mcp.client.filters import Filter
from nomos_mcp.client.models import Record
from nomos_mcp.client.pages import Listing, Page, checked_limit
from nomos_mcp.client.transport import BeforeSend, Transport

T = TypeVar("T", bound=Record)

_OK = 200


class Resource(Generic[T]):
    """One kind of object of the API, in the shape of the pinned version."""

    def __init__(self, transport: Transport, path: str, model: type[T]) -> None:
        self._transport = transport
        self._path = path
        self._model = model

    async def _get(self, object_id: str) -> T:
        path = f"{self._path}/{quote(object_id, safe='')}"
        record = self._decoded(await self._transport.get(path, fence=self._fence()))
        found = getattr(record, "id", object_id)
        if found != object_id:
            raise UnreadableAnswerError(f"Asked for {object_id}, but the answer is about another object.", status=_OK)
        return record

    def _fence(self) -> str:
        """Whom it is read for: a customer's ID, or empty for the whole organisation."""
        return ""

    async def _create(self, body: dict[str, str], before_send: BeforeSend | None) -> T:
        return self._decoded(await self._transport.post(self._path, body, before_send))

    def _list(self, filters: Sequence[Filter], limit: int, cursor: str) -> Listing[T]:
        query = [("limit", str(checked_limit(limit))), *(condition.parameter() for condition in filters)]

        async def fetch(at: str) -> Page[T]:
            whole = [*query, ("cursor", at)] if at else query
            return self._page(await self._transport.get(self._path, whole, fence=self._fence()), filters)

        return Listing(fetch, cursor)

    def _page(self, body: Json, filters: Iterable[Filter]) -> Page[T]:
        raw, next_page = body.get("items"), body.get("next_page")
        if not isinstance(raw, list):
            raise UnreadableAnswerError("The answer is no list: its `items` are missing or no array.", status=_OK)
        items = [self._decoded(item) for item in raw]
        kept = tuple(item for item in items if all(condition.matches(item) for condition in filters))
        has_more = body.get("has_more") is True
        return Page(
            items=kept,
            has_more=has_more,
            next_cursor=next_page if has_more and isinstance(next_page, str) else "",
            dropped=len(items) - len(kept),
        )

    def _decoded(self, body: object) -> T:
        try:
            return self._model.model_validate(body)
        except ValidationError as error:
            flaws = error.errors(include_url=False, include_context=False, include_input=False)
        # Out here, so that pydantic's error, which holds the values, does not hang on ours.
        fields = ", ".join(sorted({cleaned(".".join(map(str, flaw["loc"]))) for flaw in flaws}))
        raise UnreadableAnswerError(
            f"The answer is no {self._model.__name__} as documented; wrong or missing: {fields or 'all of it'}.",
            status=_OK,
        )
