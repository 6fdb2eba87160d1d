"""What the server tells Prometheus of itself, and whom."""

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families
from served import OPERATOR, served

from modelwatch.server.accounts.entities import Scope


def samples(server, headers=None):
    """Return every sample of the server's figures by its name and labels, as Prometheus understands them."""
    response = server.client.get("/metrics", headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(response.text))
    assert len({family.name for family in families}) == len(families)
    assert all(family.documentation and family.type in {"gauge", "counter", "histogram"} for family in families)
    return {(sample.name, *sorted(sample.labels.items())): sample.value for family in families for sample in family.samples}


def test_requests_are_counted_by_route_and_status(server):
    """With their time, and the bytes of their bodies."""
    server.register({"data": b"x" * 1000})
    server.client.get("/api/v1/teams/default/models/digits")
    server.client.get("/api/v1/teams/default/models/nothing")
    found = samples(server)
    model = (("method", "GET"), ("route", "/api/v1/teams/{team}/models/{model}"))
    upload = (("method", "PATCH"), ("route", "/api/v1/teams/{team}/uploads/{upload}"))
    assert found["modelwatch_http_requests_total", *model, ("status", "200")] == 1
    assert found["modelwatch_http_requests_total", *model, ("status", "404")] == 1
    name = "modelwatch_http_request_duration_seconds"
    assert found[f"{name}_bucket", ("le", "+Inf"), *model] == found[f"{name}_count", *model] == 2
    assert 0 < found[f"{name}_sum", *model] < 60
    assert found["modelwatch_http_received_bytes_total", *upload] == 1000
    assert found["modelwatch_http_sent_bytes_total", *model] > 1000
    assert found["modelwatch_http_requests_in_progress",] == 1  # this one


def test_the_whole_is_told_and_the_process(server):
    """How much there is, and what the process uses."""
    server.register({"data": b"x" * 1000})
    server.register({"data": b"y" * 500}, team="other", model="theirs")
    found = samples(server)
    assert found["modelwatch_models",] == 2
    assert found["modelwatch_versions",] == 2
    assert found["modelwatch_versions_size_bytes",] == 1500
    assert found["process_cpu_seconds_total",] > 0
    assert found["process_resident_memory_bytes",] > 1e7


def test_who_asks_makes_no_labels(server):
    """Neither an address that is none nor a method that nobody knows is told: both are of any number."""
    server.client.get("/no/such/address/of/mine")
    server.client.request("MINE", "/healthz")
    server.client.get("/healthz", headers={"Host": "evil.example"})
    text = server.client.get("/metrics").text
    assert 'method="GET",route="none",status="404"' in text
    assert 'method="other",route="none",status="405"' in text
    assert 'method="GET",route="none",status="421"' in text
    assert "mine" not in text.lower()


def test_figures_are_for_those_who_run_the_server(tmp_path):
    """A team's own keys learn nothing of how busy the others are; a key that an admin of the server owns does, and no name with it."""
    with served(tmp_path / "repository") as server:
        server.register({"data": b"x"}, model="zebra")
        for scope in Scope:
            refused = server.client.get("/metrics", headers=server.key("default", scope))
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
        assert server.client.get("/metrics").status_code == 401
        accounts = server.services.accounts
        accounts.make_user("boss", site_admin=True, by=OPERATOR)
        accounts.make_user("anna", by=OPERATOR)
        accounts.join("default", "anna", next(iter(Scope)).role, by=OPERATOR)
        keys = {
            name: accounts.make_key("default", "prometheus", Scope.READ, owner=name, by=OPERATOR).text for name in ("boss", "anna")
        }
        assert server.client.get("/metrics", headers={"X-API-Key": keys["anna"]}).status_code == 403
        told = server.client.get("/metrics", headers={"Authorization": f"Bearer {keys['boss']}"})
        assert told.status_code == 200
        assert "zebra" not in told.text
        assert "default" not in told.text
        accounts.set_site_admin("boss", site_admin=False, by=OPERATOR)
        assert server.client.get("/metrics", headers={"X-API-Key": keys["boss"]}).status_code in {401, 403}


@pytest.mark.parametrize("team", ["default", "other"])
def test_a_key_of_an_admin_of_the_server_is_of_its_team_only(tmp_path, team):
    """To see the figures is all that it may more than others."""
    with served(tmp_path / "repository") as server:
        server.register({"data": b"x"}, team="other", model="zebra")
        server.services.accounts.make_user("boss", site_admin=True, by=OPERATOR)
        server.services.accounts.make_team("other", by=OPERATOR)
        key = server.services.accounts.make_key(team, "prometheus", Scope.READ, owner="boss", by=OPERATOR).text
        found = server.client.get("/api/v1/teams/other/models", headers={"X-API-Key": key})
        names = [model["name"] for model in json.loads(found.text)["models"]] if found.status_code == 200 else []
        assert names == (["zebra"] if team == "other" else [])
