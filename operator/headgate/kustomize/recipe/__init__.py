"""What one kustomization orders: its file is read, what it includes is gathered, and its steps are applied in order.

Start reading in :mod:`.target`; :mod:`.steps` is the list of steps in kustomize's order, :mod:`.plugins` those that are
configured by objects of their own.
"""
