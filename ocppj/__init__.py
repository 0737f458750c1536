"""The wire: OCPP-J frames, conversations, versions, schemas and topics. Pure: no clock, no socket."""
