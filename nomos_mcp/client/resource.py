"""What the resources share: from a path to a checked record, from a query to a page of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from nomos_mcp.client.answers import Json, cleaned
from nomos_mcp.client.errors import UnreadableAnswerError
from nomos_mcp.client.filters import Filter
from nomos_mcp.client.ids import kind_of
from nomos_mcp.client.models import Record
from nomos_mcp.client.pages import Listing, Page, checked_limit, names, next_page
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
        raw = body.get("items")
        if not isinstance(raw, list):
            raise UnreadableAnswerError("The answer is no list: its `items` are missing or no array.", status=_OK)
        items: list[T] = []
        unreadable: list[str] = []
        for item in raw:
            try:
                items.append(self._decoded(item))
            except UnreadableAnswerError:
                unreadable.append(self._name(item))
        kept = tuple(item for item in items if all(condition.matches(item) for condition in filters))
        cursor, more, contradiction = next_page(body)
        created = (getattr(item, "created_at", None) for item in items)
        return Page(
            items=kept,
            has_more=more,
            next_cursor=cursor,
            dropped=len(items) - len(kept),
            unreadable=tuple(unreadable),
            contradiction=contradiction,
            oldest=min((moment for moment in created if moment), default=None),
            anchored=bool(raw) and names(cursor, raw[-1]),
        )

    def _name(self, item: object) -> str:
        """Return the ID of an item that could not be read, if it has one and is certain to be the caller's."""
        fields = item if isinstance(item, Mapping) else {}
        found, customer = fields.get("id"), fields.get("customer")
        theirs = self._fence() in ("", customer)
        return found if theirs and isinstance(found, str) and kind_of(found) else ""

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
