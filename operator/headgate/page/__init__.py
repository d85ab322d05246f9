"""The status page: what the operator knows, in a browser. Off unless ``--ui-addr`` is set.

The page runs in its own thread with its own event loop, so that it never holds up reconciling. It gets values from the
program and gives none back; it imports neither the reconcilers nor what they use.

knowledge   what the operator knows, as immutable values, on the page's side
views       what each page shows, as frozen values without HTML
html        views as HTML, and the files that pages load
access      who may see what
app         the routes, and the checks that each request passes
streams     open pages follow changes
renderings  one rendering for all who may see the same
events      server-sent events as bytes
content     what the routes need from views and templates
documents   views and templates as the routes need them
exports     the JSON of ``headgate status`` and ``headgate why``
actions     changes with the caller's own token
login       login and logout with a token
headers     the headers of every answer
clients     the page's own connections to the API server
site        the page from its settings
reading     what requests say
"""
