"""Everything the processors need of the world, in one hand."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from domain.delivery import Delivery
from domain.pages import TransactionPages
from domain.ports import (
    CertificateSigner,
    CommandLines,
    Commands,
    Contracts,
    DeadLetters,
    Deferrals,
    IdTokens,
    Observations,
    Outbound,
    Passwords,
    Registry,
    Reports,
    Responders,
    ShadowRepairs,
    Shadows,
    Tariffs,
    TransactionHistory,
    Transactions,
)
from processors.settings import Settings


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports, a clock and the settings."""

    registry: Registry
    observations: Observations
    passwords: Passwords
    id_tokens: IdTokens
    tariffs: Tariffs
    transactions: Transactions
    history: TransactionHistory
    open_transactions: TransactionPages
    commands: Commands
    command_lines: CommandLines
    reports: Reports
    outbound: Outbound
    shadows: Shadows
    shadow_repairs: ShadowRepairs
    clock: Callable[[], datetime]
    settings: Settings
    signer: CertificateSigner | None = None
    dead_letters: DeadLetters | None = None
    contracts: Contracts | None = None
    responders: Responders | None = None
    deferrals: Deferrals | None = None

    def delivery(self) -> Delivery:
        """What delivering commands that wait takes, now."""
        return Delivery(self.commands, self.command_lines, self.outbound, self.clock())
