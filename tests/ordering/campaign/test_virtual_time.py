import time

import anyio
import anyio.to_thread
import pytest

from tests.ordering.campaign.virtual_time import virtually


def test_a_wait_takes_virtual_time_only() -> None:
    async def wait() -> float:
        started = anyio.current_time()
        with anyio.move_on_after(86_400) as bound:
            await anyio.sleep_forever()
        assert bound.cancelled_caught
        return anyio.current_time() - started

    started = time.process_time()
    assert virtually(wait) == pytest.approx(86_400)
    assert time.process_time() - started < 5


def test_the_clock_stands_still_while_a_thread_is_at_work() -> None:
    async def both() -> float:
        started = anyio.current_time()
        with anyio.move_on_after(60) as bound:
            await anyio.to_thread.run_sync(sum, range(2_000_000))
        assert not bound.cancel_called
        return anyio.current_time() - started

    assert virtually(both) == 0
