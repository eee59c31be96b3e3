"""As specified, ``run`` may be called without a task; there is nothing to ask then, and it says so."""

import pytest

from asyncllm import InvalidTask


def test_run_without_a_task_says_what_was_wanted(subject):
    with pytest.raises(InvalidTask, match="a task is a text or a sequence of messages"):
        subject.make().run()

    assert subject.bodies == []


@pytest.mark.anyio
async def test_arun_without_a_task_says_what_was_wanted(subject):
    with pytest.raises(InvalidTask, match="a task is a text or a sequence of messages"):
        await subject.make().arun()

    assert subject.bodies == []
