"""Automations: list, make, look at, change, delete, run, pause, resume, ledger, preview (runtime-contract §1.4, 30-38)."""

from codewhale.domain.automations import (
    Automation,
    AutomationPatch,
    NewAutomation,
    Occurrence,
    Preview,
    RulePreview,
)
from codewhale.domain.errors import NotFound
from codewhale.domain.ports import is_id
from codewhale.surfaces.http.endpoint import Endpoint, Param, Spec, delete, get, post, with_body
from codewhale.surfaces.http.exchange import Call, Reply, json_reply
from codewhale.surfaces.http.ids import SHOWN


async def list_automations(call: Call) -> Reply:
    """All automations, the one changed last first."""
    return json_reply(await call.client.automations.listed())


async def create_automation(call: Call, new: NewAutomation) -> Reply:
    """A new automation, with the next time that it is due."""
    return json_reply(await call.client.automations.create(new), 201)


async def preview_rule(call: Call, asked: RulePreview) -> Reply:
    """When a rule that is not saved would be due."""
    return json_reply(await call.client.automations.preview_rule(asked))


async def get_automation(call: Call) -> Reply:
    """One automation."""
    return json_reply(await call.client.automations.get(_id(call)))


async def update_automation(call: Call, patch: AutomationPatch) -> Reply:
    """Change what is given. A new rule or zone, and `active`, make the next time anew; an empty change is one too."""
    return json_reply(await call.client.automations.update(_id(call), patch))


async def delete_automation(call: Call) -> Reply:
    """End the schedule; the record as it was. A run under way goes on and the ledger stays."""
    return json_reply(await call.client.automations.delete(_id(call)))


async def run_automation(call: Call) -> Reply:
    """A run now, beside the schedule; also while paused."""
    return json_reply(await call.client.automations.run_now(_id(call)))


async def pause_automation(call: Call) -> Reply:
    """No more runs by schedule until it is resumed."""
    return json_reply(await call.client.automations.pause(_id(call)))


async def resume_automation(call: Call) -> Reply:
    """Follow the schedule from now on; what was due while paused is not made up for."""
    return json_reply(await call.client.automations.resume(_id(call)))


async def list_runs(call: Call) -> Reply:
    """The ledger, newest first."""
    return json_reply(await call.client.automations.runs(_id(call), call.uint("limit")))


async def preview_automation(call: Call) -> Reply:
    """The next times that it is due, as if it were active."""
    return json_reply(await call.client.automations.preview(_id(call), call.uint("n")))


def _id(call: Call) -> str:
    given = call.path["id"]
    if not is_id(given):
        raise NotFound(f"Failed to read automation {given[:SHOWN]}")
    return given


ENDPOINTS: tuple[Endpoint, ...] = (
    get(
        "/v1/automations",
        list_automations,
        Spec(doc="List automations, the one changed last first.", answer=list[Automation]),
    ),
    with_body(
        "POST",
        "/v1/automations",
        NewAutomation,
        create_automation,
        Spec(doc="Make an automation.", status=201, answer=Automation, errors=(400,)),
    ),
    with_body(
        "POST",
        "/v1/automations/preview",
        RulePreview,
        preview_rule,
        Spec(doc="When a rule that is not saved would be due.", answer=Preview, errors=(400,)),
    ),
    get("/v1/automations/{id}", get_automation, Spec(doc="One automation.", answer=Automation, errors=(404,))),
    with_body(
        "PATCH",
        "/v1/automations/{id}",
        AutomationPatch,
        update_automation,
        Spec(doc="Change an automation.", answer=Automation, errors=(400, 404)),
    ),
    delete(
        "/v1/automations/{id}",
        delete_automation,
        Spec(doc="Delete an automation; answers the record as it was.", answer=Automation, errors=(404,)),
    ),
    post(
        "/v1/automations/{id}/run",
        run_automation,
        Spec(doc="Run an automation now, beside its schedule.", answer=Occurrence, errors=(404,)),
    ),
    post(
        "/v1/automations/{id}/pause",
        pause_automation,
        Spec(doc="Pause an automation.", answer=Automation, errors=(404,)),
    ),
    post(
        "/v1/automations/{id}/resume",
        resume_automation,
        Spec(doc="Resume an automation.", answer=Automation, errors=(400, 404)),
    ),
    get(
        "/v1/automations/{id}/runs",
        list_runs,
        Spec(
            doc="The ledger of an automation, newest first: one row for each due time and each run by hand.",
            answer=list[Occurrence],
            params=(Param("limit", "uint", "At most so many; absent is all."),),
            errors=(404,),
        ),
    ),
    get(
        "/v1/automations/{id}/preview",
        preview_automation,
        Spec(
            doc="When an automation is due next, as if it were active.",
            answer=Preview,
            params=(Param("n", "uint", "How many times, 1 to 100; 5 when absent."),),
            errors=(400, 404),
        ),
    ),
)
