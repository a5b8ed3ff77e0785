"""CloudEvents envelopes around an event: binary (headers) and structured (content type).

Rule.  In binary mode the record's value is the event as it stands, so nothing needs doing.  In
structured mode (content type ``application/cloudevents...``) the event is the envelope's ``data``.
An envelope that cannot be opened leaves the value as it was: the decoder then names the fault.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from engine.records import Headers


class _Envelope(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw()
    data_base64: str | None = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)


def event_bytes(value: bytes | None, headers: Headers | None) -> bytes | None:
    """The event inside a record: the value itself, or ``data`` of a structured CloudEvent."""
    if value is None or not headers or not _is_structured(headers):
        return value
    try:
        envelope = _ENVELOPE.decode(value)
        if envelope.data_base64 is not None:
            return base64.b64decode(envelope.data_base64, validate=True)
    except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError):
        return value
    return bytes(envelope.data) or value


def _is_structured(headers: Headers) -> bool:
    return any(
        name.lower() == "content-type"
        and content is not None
        and content.lower().startswith(b"application/cloudevents")
        for name, content in headers
    )
