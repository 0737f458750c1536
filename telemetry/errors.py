"""What telemetry can't use.

TelemetryError
└── PayloadError   a message that is none of ours; the text is the reason beside its dead letter
"""


class TelemetryError(Exception):
    """Anything of telemetry's own."""


class PayloadError(TelemetryError):
    """A message that can't be used, now or later; says why, and names the field."""
