"""What of an error could be shown."""

import traceback


def everything_of(error: BaseException) -> str:
    """Return all that a tool which prints tracebacks with their variables could show of an error and its causes."""
    shown = ""
    todo: list[BaseException] = [error]
    while todo:
        failure = todo.pop()
        shown += repr(failure) + str(getattr(failure, "__notes__", ""))
        shown += "".join(traceback.TracebackException.from_exception(failure, capture_locals=True).format())
        todo += [cause for cause in (failure.__cause__, failure.__context__) if cause]
    return shown
