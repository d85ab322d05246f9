"""Rules about single objects. Pure.

:mod:`.normalize`     the form in which the API server keeps an object
:mod:`.validation`    what is wrong with an object as such
:mod:`.stages`        in which order objects are applied
:mod:`.definitions`   whether a definition is ready for its objects
"""
