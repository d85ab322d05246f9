"""Reports to Git what this cluster runs (``--report-secret``), so that promotions need no access to it.

reporter   when a report is due, what becomes of a failure
secret     where reports go, and the keys for it
writing    one report: after the last one, or instead of it
"""
