"""The problems of commands, beside those every front has (`web.problems`)."""

from web import problems

PROBLEMS: problems.Problems = problems.COMMON | {
    "action-unknown": (404, "The charge point's OCPP version has no such command"),
    "command-unknown": (404, "No such command"),
    "job-unknown": (404, "No such job"),
    "unsupported-by-version": (409, "The charge point's OCPP version can't do this"),
    "charge-point-offline": (409, "The charge point is not connected"),
    "charge-point-pending": (409, "The charge point is not accepted yet"),
    "charge-point-rejected": (409, "The charge point is rejected"),
    "charge-point-accepted": (409, "The charge point is accepted already"),
    "profile-lowered": (409, "The command would lower the security profile"),
    "password-changing": (409, "Another password is on its way"),
    "job-over": (409, "The job is over"),
    "queue-full": (409, "Too many commands wait for the charge point"),
    "idempotency-key-in-use": (409, "The first request with this key is not done"),
    "command-too-large": (413, "The command is larger than a broker carries"),
    "idempotency-key-reused": (422, "The key belongs to another request"),
    "too-many-commands": (429, "Too many commands for the charge point"),
    "broker-unavailable": (502, "The broker did not take the command"),
}


class ProblemError(problems.ProblemError):
    """A request that becomes no command, or a command that never left."""

    problems = PROBLEMS
