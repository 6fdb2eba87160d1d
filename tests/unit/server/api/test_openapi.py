"""The API answers as its own OpenAPI document says, whatever it is asked."""

import json

import pytest
import schemathesis
from served import served

from modelwatch.server.api.part import API
from modelwatch.testing.sink_contract import make_report

_STREAMS = {"events"}
"""What does not end by itself."""


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """Give the schema of a server that holds something, and which of its things exist."""
    with served(tmp_path_factory.mktemp("openapi") / "repository") as server:
        server.register({"data": b"one", "folder/more": b"two"})
        server.client.put("/api/v1/teams/default/runs", content=json.dumps(make_report().to_json()))
        yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", server.client.app)


schema = schemathesis.pytest.from_fixture("api")


@schema.parametrize()
def test_every_answer_is_described(case):
    """No error of the server itself, no status and no shape that the document does not have."""
    if case.operation.definition.raw.get("operationId") in _STREAMS:
        pytest.skip("it does not end")
    case.call_and_validate()


def test_the_document_describes_every_route():
    """Every route of the API but the document itself is in the document, under a name of its own."""
    names = [endpoint.name for endpoint in API.endpoints]
    assert len(names) == len(set(names))
    hidden = {endpoint.name for endpoint in API.endpoints if not endpoint.documented}
    assert hidden == {"alive", "ready", "openapi"}
