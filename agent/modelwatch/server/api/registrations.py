"""What agents register: versions, their late metrics, and reports of runs. Each may be sent again and again and counts once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from starlette.responses import Response

from modelwatch.core.entities import Amendment, Receipt, Registration, RunReport
from modelwatch.core.errors import UsageError
from modelwatch.core.json import JsonValue
from modelwatch.repository.writing import MissingContentError
from modelwatch.server.addresses import base_url, version_path
from modelwatch.server.api.answers import answer, nothing
from modelwatch.server.api.schemas import AMENDMENT, REGISTRATION, ref
from modelwatch.server.endpoint import Call, Endpoint, Needs, Takes
from modelwatch.server.errors import ConflictError

_LARGEST_REGISTRATION_BYTES = 64 << 20
_LARGEST_REPORT_BYTES = 32 << 20

_Value = TypeVar("_Value")


def _read(parse: Callable[[JsonValue], _Value], body: JsonValue, what: str) -> _Value:
    try:
        return parse(body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"the body is not {what}: {error}") from error


def _register(call: Call) -> Response:
    """Make a version. The path's team decides, whatever the document says: the key follows from the document and must fit it."""
    registration = _read(Registration.from_json, {**call.body, "team": call.library.team}, "a registration")
    if registration.key != call.path("key"):
        raise UsageError("the key in the path is not the registration's", hint="it follows from the document: docs/repository.md")
    try:
        receipt = call.library.register(registration)
    except MissingContentError as error:
        missing = [{"digest": str(entry.digest), "size": entry.size} for entry in error.missing]
        raise ConflictError("content is missing", hint="upload it, and register again", details={"missing": missing}) from error
    return answer(call, _located(call, receipt).to_json())


def _amend(call: Call) -> Response:
    amendment = _read(Amendment.from_json, {**call.body, "team": call.library.team}, "an amendment")
    return answer(call, _located(call, call.library.amend(amendment)).to_json())


def _report(call: Call) -> Response:
    report = _read(RunReport.from_json, {**call.body, "team": call.library.team}, "a run's report")
    call.library.report(report)
    return nothing()


def _located(call: Call, receipt: Receipt) -> Receipt:
    """Return the receipt with the address of the version's page: paths on the server's disk are nobody's business."""
    model = call.library.model(receipt.model)
    page = version_path(call.library.team, model.id, int(receipt.version))
    return replace(receipt, location=f"{base_url(call.request, call.services)}{page}")


ENDPOINTS = (
    Endpoint(
        "PUT",
        "/api/v1/teams/{team}/registrations/{key}",
        Needs.WRITE,
        _register,
        Takes.JSON,
        name="register",
        text="Make the version of a registration, or answer with the one that it has become before.",
        body=REGISTRATION,
        answers={200: ref("Receipt"), 409: ref("Error")},
        documented=True,
        limit_bytes=_LARGEST_REGISTRATION_BYTES,
    ),
    Endpoint(
        "PUT",
        "/api/v1/teams/{team}/amendments/{key}",
        Needs.WRITE,
        _amend,
        Takes.JSON,
        name="amend",
        text="Replace the metrics of a registered version.",
        body=AMENDMENT,
        answers={200: ref("Receipt")},
        documented=True,
        limit_bytes=_LARGEST_REPORT_BYTES,
    ),
    Endpoint(
        "PUT",
        "/api/v1/teams/{team}/runs",
        Needs.WRITE,
        _report,
        Takes.JSON,
        name="report_run",
        text="Tell how a training stands: its curves, and the states of its checkpoints.",
        body={"type": "object"},
        answers={204: None},
        documented=True,
        limit_bytes=_LARGEST_REPORT_BYTES,
    ),
)
