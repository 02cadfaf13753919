"""Providers and their models (runtime-contract §1.5)."""

from codewhale.domain.introspection import ProviderList, ProviderSwitch
from codewhale.surfaces.http import wire
from codewhale.surfaces.http.endpoint import Endpoint, Param, Spec, get, with_body
from codewhale.surfaces.http.exchange import Call, Reply, json_reply


async def list_providers(call: Call) -> Reply:
    """All providers that can be named, and the one of new threads."""
    return json_reply(await call.client.introspection.providers())


async def list_models(call: Call) -> Reply:
    """The models of a provider that are known by name."""
    provider = call.path["id"]
    models = await call.client.introspection.provider_models(provider)
    return json_reply(wire.ProviderModels(provider=provider, models=tuple(wire.ModelName(id=name) for name in models)))


async def switch_provider(call: Call, given: wire.SwitchRequest) -> Reply:
    """Use another provider for new threads; threads that exist keep theirs."""
    return json_reply(await call.client.introspection.switch_provider(call.path["id"], given.model))


ENDPOINTS: tuple[Endpoint, ...] = (
    get("/v1/providers", list_providers, Spec(doc="The providers that can be named.", answer=ProviderList)),
    get(
        "/v1/providers/{id}/models",
        list_models,
        Spec(
            doc="Models of a provider that are known by name; it may serve others too.",
            answer=wire.ProviderModels,
            params=(Param("filter", "text", "Accepted and not used."),),
            errors=(400,),
        ),
    ),
    with_body(
        "POST",
        "/v1/providers/{id}/switch",
        wire.SwitchRequest,
        switch_provider,
        Spec(doc="Use another provider for new threads until the server ends.", answer=ProviderSwitch, errors=(400,)),
    ),
)
