"""A campaign of orders across replicas: `python -m tests.ordering.replicas --schedules 1000`.

Each schedule orders for one subscription, by one to three processes that share a real PostgreSQL. They are killed,
stopped and cut off from the database at chosen steps, and their requests get lost, late, refused and answered by a
kill. Then the ledger of the simulator and the table are compared. Prints figures; exits with 1 if a promise was broken.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.ordering.replicas import planted
from tests.ordering.replicas.campaign import Campaign, run
from tests.ordering.replicas.judge import Course, judge
from tests.postgresql_server import PostgresqlServer


def flaws_of(campaign: Campaign) -> list[str]:
    """Return every broken promise: the schedule, the rule, and details."""
    flaws = [f"schedule {course.schedule.number}: {flaw}" for course in campaign.courses for flaw in judge(course)]
    if "Traceback" in campaign.said or "CAMPAIGN" in campaign.said:
        flaws.append(f"stderr: {campaign.said[-2000:]}")
    return flaws


def figures(campaign: Campaign, flaws: list[str]) -> Iterator[str]:
    courses = campaign.courses
    rows = [row for course in courses for row in course.rows]
    posts = [post for course in courses for post in course.posts]
    ends = Counter(end for course in courses for end in course.ended.values())
    answers = [answer for course in courses for answer in course.answers.values()]
    outcomes = Counter(" ".join(filter(None, (answer["outcome"], answer["reason"]))) for answer in answers)
    closed = Counter(row.closed_by or "its own call" for row in rows if row.sent_at and not row.is_open)
    yield f"schedules              {len(courses)} in {campaign.seconds:.0f} s"
    yield f"replicas               {ends.total()}: {_counted(ends)}"
    yield f"happened to them       {_counted(campaign.happened)}"
    yield f"requests to order      {len(posts)}: {_counted(Counter(post.fate for post in posts))}"
    yield f"orders in the ledger   {sum(len(course.ledger) for course in courses)}"
    yield f"answers                {len(answers)}: {_counted(outcomes)}"
    yield f"attempts in the table  {len(rows)}, of which {sum(bool(row.sent_at) for row in rows)} were sent"
    yield f"closed by              {_counted(closed)}"
    yield f"open                   {campaign.open_before}, and {sum(row.is_open for row in rows)} after reconcile"
    broken = Counter(flaw.partition(": ")[2].partition(":")[0] for flaw in flaws)
    yield f"double orders          {broken['two orders'] + broken['a request while an earlier one was open']}"
    yield f"without a record       {broken['an order without a record'] + broken['a request without a record']}"
    yield f"false ordered          {broken['a false ordered']}"
    yield f"false refused          {broken['a false refused']}"
    yield f"promises broken        {len(flaws)}"
    yield from (f"  BROKEN {flaw}" for flaw in flaws[:20])


def _counted(counter: Counter[Any]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common())


def story(course: Course) -> Iterator[str]:
    yield f"{course.schedule}"
    yield from (f"  {post}" for post in course.posts)
    yield from (f"  {row}" for row in course.rows)
    yield f"  ended {course.ended}, answers {course.answers}, ledger {course.ledger}, visible {course.visible}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.ordering.replicas", description=__doc__)
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plant", default="", choices=["", *planted.FAULTS], help="a fault, to see that it is found")
    parser.add_argument("--show", type=int, nargs="*", default=[], help="tell all about these schedules")
    options = parser.parse_args()
    server = PostgresqlServer.create()
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            campaign = run(options.seed, options.schedules, server.url, Path(folder), options.plant)
    finally:
        server.stop()
        server.remove()
    flaws = flaws_of(campaign)
    lines = [*figures(campaign, flaws), *(line for number in options.show for line in story(campaign.courses[number]))]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
