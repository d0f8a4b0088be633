"""The one exception that means "the input is wrong", shown to the user as a single line."""


class UserError(Exception):
    """Bad input: the message names the file or the key, what is wrong and what to do."""


def one_line(error: BaseException) -> str:
    """The message of `error` as one line.

    A data loader's worker process hands an error over as text with a traceback in front; its last
    line is the message. An error of the system names its file.
    """
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].removeprefix(f"{UserError.__module__}.{UserError.__name__}: ")
