"""What leaves the house: events to EventBridge, to webhooks and to whoever watches; bills as CDRs."""
