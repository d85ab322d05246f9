"""Fields of objects. Pure.

:mod:`.managers`         which manager owns which field, and taking fields over
:mod:`.ignore`           fields that ``spec.ignore`` leaves to others
:mod:`.drift`            whether somebody else changed the fields that Headgate applied
:mod:`.unknown_fields`   fields that a built-in kind does not have
:mod:`.pointers`         JSON pointers into objects and into sets of fields
"""
