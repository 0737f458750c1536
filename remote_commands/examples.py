"""One example for each command; a test sends them all."""

from typing import Any

NEUTRAL: dict[str, dict[str, Any]] = {
    "remote-start": {"idTag": "ABC", "connectorId": 1},
    "remote-stop": {"transactionId": "42"},
    "reset": {"type": "graceful"},
    "unlock": {"connectorId": 1},
    "change-availability": {"status": "inoperative", "connectorId": 1},
    "get-configuration": {"keys": ["HeartbeatInterval"]},
    "set-configuration": {"values": {"HeartbeatInterval": 300}},
    "trigger-message": {"message": "StatusNotification", "connectorId": 1},
    "clear-cache": {},
    "update-firmware": {"location": "https://firmware.example/1.2.bin", "retrieveAt": "2026-12-01T02:00:00Z"},
    "get-log": {"location": "https://logs.example/upload"},
    "get-local-list-version": {},
    "send-local-list": {"version": 1, "update": "full", "entries": [{"idToken": "ABC"}]},
    "set-charging-profile": {
        "id": 1,
        "purpose": "tx_default",
        "connectorId": 1,
        "rateUnit": "A",
        "periods": [{"startSeconds": 0, "limit": 16}],
    },
    "clear-charging-profile": {"purpose": "tx_default"},
    "get-composite-schedule": {"connectorId": 1, "durationSeconds": 3600},
    "reserve": {"idToken": "ABC", "connectorId": 1, "expiresAt": "2026-12-01T12:00:00Z"},
    "cancel-reservation": {"reservationId": 7},
    "data-transfer": {"vendorId": "com.example", "messageId": "hello", "data": "world"},
    "install-certificate": {
        "type": "csms_root",
        "certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    },
    "list-certificates": {"type": "csms_root"},
    "delete-certificate": {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": "0a1b",
        "issuerKeyHash": "2c3d",
        "serialNumber": "01",
    },
}
# For an action that needs no fields, such as ClearCache.
RAW: dict[str, Any] = {}

JOB: dict[str, Any] = {
    "action": "update-firmware",
    "payload": {"location": "https://firmware.example/1.2.bin"},
    "selector": {"model": "Acme One"},
    "ratePerSecond": 5,
    "stopAfterFailures": 10,
    "canaryPercent": 5,
    "soakSeconds": 600,
}
