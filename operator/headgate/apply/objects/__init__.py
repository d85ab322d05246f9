"""Rules about single objects. Pure.

:mod:`.normalize`     the form in which the API server stores an object
:mod:`.validation`    faults of an object that need no API server to find
:mod:`.stages`        the order in which objects are applied
:mod:`.definitions`   whether a definition is ready for its objects
"""
