"""Skills: list them, switch them on and off (runtime-contract §1.4 rows 26-27)."""

from codewhale.domain.introspection import SkillList, SkillState
from codewhale.surfaces.http import wire
from codewhale.surfaces.http.endpoint import Endpoint, Spec, get, with_body
from codewhale.surfaces.http.exchange import Call, Reply, json_reply


async def list_skills(call: Call) -> Reply:
    """The skills of the directory in use."""
    return json_reply(await call.client.introspection.skills())


async def enable_skill(call: Call, given: wire.SkillRequest) -> Reply:
    """Switch a skill on or off."""
    return json_reply(await call.client.introspection.enable_skill(call.path["name"], enabled=given.enabled))


ENDPOINTS: tuple[Endpoint, ...] = (
    get("/v1/skills", list_skills, Spec(doc="The skills that are installed.", answer=SkillList, errors=(400,))),
    with_body(
        "POST",
        "/v1/skills/{name}",
        wire.SkillRequest,
        enable_skill,
        Spec(doc="Switch a skill on or off.", answer=SkillState, errors=(400, 404)),
    ),
)
