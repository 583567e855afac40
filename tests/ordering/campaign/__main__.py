"""Run single schedules again, by their seeds: `python -m tests.ordering.campaign 42 43` says what happened, and why."""

import logging
import sys

from tests.ordering.campaign.judge import judge
from tests.ordering.campaign.schedules import drawn
from tests.ordering.campaign.trial import Trial, run


def story(trial: Trial) -> str:
    """Tell what happened in a trial, and which promises it broke."""
    timed = [
        *((post.arrived, post) for post in trial.journal.posts),
        *((read.began, read) for read in trial.journal.reads),
    ]
    parts: list[object] = [
        trial.schedule,
        *(request for _, request in sorted(timed, key=lambda pair: pair[0])),
        *trial.calls,
        f"the ledger: {trial.ledger}; made at {trial.journal.commits}; mere interest since {trial.journal.interests}",
        f"visible to each server from {trial.visible}",
        *(f"on record at server {server}: {line}" for server, lines in trial.lines.items() for line in lines),
        *(f"BROKEN: {flaw}" for flaw in judge(trial)),
    ]
    return "\n".join(str(part) for part in parts)


def main() -> int:
    """Run the seeds of the command line; the exit code says whether a promise was broken."""
    logging.disable(logging.CRITICAL)
    trials = [run(drawn(int(seed))) for seed in sys.argv[1:]]
    for trial in trials:
        sys.stdout.write(story(trial) + "\n\n")
    return int(any(judge(trial) for trial in trials))


if __name__ == "__main__":
    sys.exit(main())
