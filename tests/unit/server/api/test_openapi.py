"""The API answers as its own OpenAPI document says, whatever it is asked."""

import json
import re

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi import checks as openapi_checks
from served import served

from modelwatch.server.api.part import API
from modelwatch.testing.sink_contract import make_report

_CHECKS = [
    schemathesis.checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.negative_data_rejection,
]
_STREAMS = {"events"}
"""What does not end by itself."""


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """Give the schema of a server that holds something, and which of its things exist."""
    with served(tmp_path_factory.mktemp("openapi") / "repository") as server:
        server.register({"data": b"one", "folder/more": b"two"})
        server.client.put("/api/v1/teams/default/runs", content=json.dumps(make_report().to_json()))
        yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", server.client.app)


DESCRIBED = [endpoint for endpoint in API.endpoints if endpoint.documented and endpoint.name not in _STREAMS]


@pytest.mark.parametrize("endpoint", DESCRIBED, ids=lambda endpoint: endpoint.name)
def test_every_answer_is_described(api, endpoint):
    """No error of the server itself, no status and no shape that the document does not have."""
    operation = api[re.sub(r"{(\w+):path}", r"{\1}", endpoint.path)][endpoint.method]

    @settings(max_examples=15, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def whatever_is_asked(case):
        case.call_and_validate(checks=_CHECKS)

    whatever_is_asked()


def test_the_document_describes_every_route():
    """Every route of the API but the document itself, and what probes and Prometheus ask, is in the document, under a name of its own."""
    names = [endpoint.name for endpoint in API.endpoints]
    assert len(names) == len(set(names))
    hidden = {endpoint.name for endpoint in API.endpoints if not endpoint.documented}
    assert hidden == {"alive", "ready", "figures", "openapi"}
