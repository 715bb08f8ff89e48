"""The flow document: read (`document`), checked (`checks`), compiled (`program`), and its answers (`response`).

A kind of step is one module under `steps`, which says what may stand in its `with`; what it does is the runner's.
"""
