"""A call as the schedule sees it, without an event loop."""

from asyncllm.provider import Answer, Message, Request
from asyncllm_llamacpp._interrupt import Interrupt


class Heard:
    """Keeps what it is told."""

    count = 0

    def __init__(self, task, options):
        self.task = task
        self.request = Request(model="", messages=(Message("user", task),), options=options)
        self.interrupt = Interrupt()
        self.only_count = False
        Heard.count += 1
        self.submitted = Heard.count
        self.answer = Answer()
        self.number = None
        """Of a search: which."""
        self.error = None
        self.has_ended = False

    def begin(self):
        return not self.interrupt.is_set

    def send(self, delta):
        assert not self.has_ended
        self.answer.add(delta)

    def fail(self, error):
        self.error = error

    def end(self):
        assert not self.has_ended
        self.has_ended = True

    def drop(self, error):
        self.fail(error)
        self.end()
