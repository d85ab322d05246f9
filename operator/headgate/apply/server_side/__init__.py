"""Server-side apply, stage by stage: plan, ask, send, wait.

:mod:`.run`        the whole apply
:mod:`.steps`      the values that an object passes through
:mod:`.desired`    from the objects of a build to desired objects
:mod:`.plan`       which of them need a request
:mod:`.ask`        dry runs and reads; :mod:`.decide` evaluates the responses
:mod:`.send`       applies
:mod:`.ready`      waits for definitions
:mod:`.requests`   operations that need more than one request
:mod:`.context`    what all steps share
"""
