"""Out of a task group's exception group, the one error that a person should read."""

from typing import cast

from codewhale.domain.errors import CodewhaleError


def sole(group: BaseExceptionGroup) -> BaseException:
    """The first error of our tree in it, else the first broken pipe, else the group itself."""
    for kind in (CodewhaleError, BrokenPipeError):
        found = _first(group, kind)
        if found is not None:
            return found
    return group


def _first(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", error).exceptions
        return next((found for one in inner if (found := _first(one, kind)) is not None), None)
    return error if isinstance(error, kind) else None
