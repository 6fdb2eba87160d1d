"""What Gradient's client can ask for and this server does not do: answered so that the user knows."""

from __future__ import annotations

from starlette.responses import Response

from modelwatch.server.endpoint import Call, Endpoint, Needs
from modelwatch.server.errors import RefusedError
from modelwatch.server.gradient.answers import answer

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_ELSEWHERE = {
    "experiments": "experiments run elsewhere: this server keeps models. Run the training with `modelwatch run -- COMMAND`",
    "jobs": "jobs run elsewhere: this server keeps models",
    "deployments": "models are deployed elsewhere: this server keeps them. `modelwatch models download` brings the files",
}


def _namespace(call: Call) -> Response:
    """Answer with the team's name: a bare JSON string."""
    return answer(call.library.team)


def _refusal(kind: str, message: str) -> tuple[Endpoint, ...]:
    def refuse(call: Call) -> Response:
        del call
        raise RefusedError(message, status=501, code="elsewhere")

    return tuple(
        Endpoint(method, f"/{kind}/{{rest:path}}", Needs.NOTHING, refuse, name=f"gradient_{kind}_{method.lower()}")
        for method in _METHODS
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/teams/namespace", Needs.READ, _namespace, name="gradient_namespace"),
    *(endpoint for kind, message in _ELSEWHERE.items() for endpoint in _refusal(kind, message)),
)
