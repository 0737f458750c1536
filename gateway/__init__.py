"""WebSocket to MQTT and back: carries frames, judges frames, knows no payloads."""
