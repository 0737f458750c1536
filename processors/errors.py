"""What can go wrong in the processors beyond what a charge point is told.

RecordError               a queue record that is none of ours; retried, then dead-lettered
AnswerError               our own answer breaks its response schema; never sent
"""


class RecordError(ValueError):
    """The record has none of the shapes of the wire contract."""


class AnswerError(RuntimeError):
    """A handler's answer breaks the response schema: a bug of ours."""
