"""What happens in one schedule: which replicas order for a subscription, and what becomes of them and of requests."""

import random
from dataclasses import dataclass
from typing import Final, Literal

Step = Literal[
    "before the attempt is begun",
    "the attempt is begun",
    "opening, before the commit",
    "opening, after the commit",
    "before the request",
    "the answer is here",
    "before the outcome is written",
    "writing the outcome, before the commit",
    "writing the outcome, after the commit",
]
STEPS: Final[tuple[Step, ...]] = (
    "before the attempt is begun",
    "the attempt is begun",
    "opening, before the commit",
    "opening, after the commit",
    "before the request",
    "the answer is here",
    "before the outcome is written",
    "writing the outcome, before the commit",
    "writing the outcome, after the commit",
)

What = Literal["killed", "stopped for a while", "its connection to the database is cut"]
CUTTABLE: Final[tuple[Step, ...]] = (
    "opening, before the commit",
    "opening, after the commit",
    "writing the outcome, before the commit",
    "writing the outcome, after the commit",
)
"""Where a connection can be cut: after a commit means that PostgreSQL did it, and its answer is lost."""

Request = Literal[
    "answered",
    "made, and the answer is lost",
    "lost",
    "made late, and the answer is lost",
    "refused",
    "somebody else ordered first",
    "its sender is killed, and it is lost",
    "its sender is killed, and the order is made afterwards",
    "the order is made, and its sender is killed",
]
REQUESTS: Final[tuple[Request, ...]] = (
    "answered",
    "made, and the answer is lost",
    "lost",
    "made late, and the answer is lost",
    "refused",
    "somebody else ordered first",
    "its sender is killed, and it is lost",
    "its sender is killed, and the order is made afterwards",
    "the order is made, and its sender is killed",
)


@dataclass(frozen=True)
class Trouble:
    """What happens to a replica, and when."""

    what: What
    step: Step


@dataclass(frozen=True)
class Schedule:
    """One subscription that is ordered for once, and what happens meanwhile.

    Attributes:
        number: Which one it is.
        starts: When each replica begins, in seconds.
        troubles: What happens to each.
        codes: Whether the replicas order by a confirmation code; otherwise nobody is asked.
        requests: What becomes of the requests to order, in the order in which they arrive; the last repeats.
        lag: Seconds until reads show an order.
        late: Seconds after which an order is made late.
    """

    number: int
    starts: tuple[float, ...]
    troubles: tuple[Trouble | None, ...]
    codes: bool
    requests: tuple[Request, ...]
    lag: float
    late: float

    @property
    def subscription(self) -> str:
        return f"sub_{self.number:024}"


def drawn(seed: int, number: int) -> Schedule:
    """Draw a schedule; the same seed and number give the same one."""
    chance = random.Random(f"{seed} {number}")  # noqa: S311  no secret is made of it
    replicas = chance.choice((1, 2, 2, 3, 3))
    at_once = chance.random() < 0.5
    starts = sorted(chance.uniform(0, 0.02 if at_once else 1.2) for _ in range(replicas))
    troubles = [_trouble(chance, likely=each == 0) for each in range(replicas)]
    return Schedule(
        number,
        tuple(starts),
        tuple(troubles),
        codes=chance.random() < 0.15,
        requests=(
            chance.choice(REQUESTS) if chance.random() < 0.7 else "answered",
            chance.choice(REQUESTS),
            "answered",
        ),
        lag=chance.uniform(0.1, 1.0) if chance.random() < 0.4 else 0.0,
        late=chance.uniform(0.05, 1.0),
    )


def _trouble(chance: random.Random, *, likely: bool) -> Trouble | None:
    if chance.random() > (0.75 if likely else 0.35):
        return None
    what: What = chance.choices(
        ("killed", "stopped for a while", "its connection to the database is cut"), (0.6, 0.1, 0.3)
    )[0]  # fmt: skip
    return Trouble(what, chance.choice(CUTTABLE if what.startswith("its connection") else STEPS))
