"""What can be wrong with a question, or with our texts.

An order is never wrong: a value in it that is new to us is explained as unknown.

LifecycleError (a ValueError)
├── UnknownStatusError      no vocabulary has this name
├── UnknownVersionError     no vocabulary of this version
├── UnknownLanguageError    no catalogue in this language
├── UnknownAudienceError    neither agent nor customer
└── ContradictionError      the arguments cannot be true of one order

CatalogueError (a RuntimeError)   a language's texts are not complete
"""


class LifecycleError(ValueError):
    """A question that cannot be answered. The message says what happened, why, and what to do next."""


class UnknownStatusError(LifecycleError):
    """No vocabulary has this status name."""


class UnknownVersionError(LifecycleError):
    """There is no meter order vocabulary for this API version."""


class UnknownLanguageError(LifecycleError):
    """There are no texts in this language."""


class UnknownAudienceError(LifecycleError):
    """The audience is neither the support agent nor the customer."""


class ContradictionError(LifecycleError):
    """The arguments exclude each other."""


class CatalogueError(RuntimeError):
    """A language's texts are not complete. The message names the language and each entry: no question is at fault."""
